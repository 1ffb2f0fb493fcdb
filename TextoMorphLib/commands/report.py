"""`textomorph report`: descriptions out of reports, and many wordings of a description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError

if TYPE_CHECKING:
    from TextoMorphLib.text.chat import Chat

app = typer.Typer(help="Take lesions out of radiology reports, and put a description in many words.")

Url = Annotated[
    str | None, typer.Option("--chat", metavar="URL", help="An OpenAI-compatible endpoint, http://localhost:8080/v1.")
]
ChatModel = Annotated[str, typer.Option("--model", metavar="NAME", help="The endpoint's model.")]
Consent = Annotated[
    str | None,
    typer.Option("--consent-to-send", metavar="HOST", help="Let the text leave this computer, to this host."),
]


@app.command()
def extract(
    reports: Annotated[
        list[Path], typer.Argument(metavar="REPORT...", help="A report each: text, PDF, or a DICOM structured report.")
    ],
    organ: Annotated[str, typer.Option("--organ", help="liver, pancreas, kidney, or all.")] = "all",
    hedges: common.Hedges = "marked",
    chat: Url = None,
    model: ChatModel = "default",
    consent: Consent = None,
    or_rules: Annotated[
        bool, typer.Option("--or-rules", help="Use the rules for a report that the endpoint fails on.")
    ] = False,
) -> None:
    """Take the lesions out of reports: their own words, organ, size, place, attributes.

    Prints JSON, a line a lesion. Without --chat it goes by rules, and nothing leaves the computer. What the endpoint
    answers counts only where it stands in the report word for word and denies what the report denies.
    """
    from TextoMorphLib.text import reports as rules
    from TextoMorphLib.text.organs import ORGANS
    from TextoMorphLib.text.report_files import read_report
    from TextoMorphLib.text.understanding import check_hedges

    if organ != "all" and organ not in ORGANS:
        raise InputError(f"unknown organ '{organ}'; use one of: {', '.join(ORGANS)} or all")
    check_hedges(hedges)
    wanted = None if organ == "all" else organ
    texts = [(path, read_report(path)) for path in reports]
    endpoint = _chat(chat, model, consent)
    for path, text in texts:
        extra: dict[str, Any] = {}
        if endpoint is None:
            lesions = rules.extract(text, wanted)
        else:
            lesions, extra = _by_chat(endpoint, path, text, wanted, or_rules)
        for lesion in lesions:
            lesion.hedges = hedges
            typer.echo(json.dumps({"report": str(path), **lesion.as_dict(), **extra}, ensure_ascii=False))
        if not lesions:
            common.warn(f"{path}: no lesion {'of the ' + organ if wanted else 'of a known organ'} is described")
    if endpoint is not None:
        typer.echo(f"endpoint: {endpoint.spent}", err=True)


@app.command()
def variants(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A description.")],
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="How many wordings.")] = 100,
    organ: common.Organ = "liver",
    seed: common.Seed = 0,
    chat: Url = None,
    model: ChatModel = "default",
    consent: Consent = None,
) -> None:
    """Put a description in many words, a line each.

    The composer of training texts writes them, and the endpoint where one is given. Kept is what means the same in
    every attribute, is near the description (cosine 0.6) and no copy of another wording (0.97). How many fell to which
    check goes to stderr.
    """
    from TextoMorphLib.request import check_request

    check_request(text, organ, seed, None, None)
    import numpy as np

    from TextoMorphLib.simulation import captions
    from TextoMorphLib.text import encoders
    from TextoMorphLib.text import variants as checks
    from TextoMorphLib.text.understanding import understand

    description = understand(text, organ).description
    if not description:
        raise InputError("nothing in the text says what the lesion looks like: there is nothing to put in other words")
    rng = np.random.default_rng(seed)
    endpoint = _chat(chat, model, consent)
    composed = (captions.compose(description, rng, organ=organ, only=True) for _ in iter(int, 1))
    wordings = composed if endpoint is None else checks.from_chat(endpoint, text, count)
    encoder = encoders.load("minilm")
    found = checks.checked(text, organ, wordings, count, lambda texts: encoder.encode(texts).pooled)
    for wording in found.texts:
        typer.echo(" ".join(wording.split()))
    for why, dropped in found.dropped.most_common():
        typer.echo(f"dropped {dropped}: {why}", err=True)
    typer.echo(f"kept {len(found.texts)} of {found.tried} wordings", err=True)
    if endpoint is not None:
        typer.echo(f"endpoint: {endpoint.spent}", err=True)


def _by_chat(
    endpoint: Chat, path: Path, text: str, organ: str | None, or_rules: bool
) -> tuple[list[Any], dict[str, Any]]:
    """A report's lesions by the endpoint, or by rules where it fails and that is asked for."""
    from TextoMorphLib.text import chat_reports
    from TextoMorphLib.text import reports as rules
    from TextoMorphLib.text.chat import ChatError

    try:
        found = chat_reports.extract(endpoint, text, organ)
    except ChatError as error:
        if not or_rules:
            raise
        common.warn(f"{path}: {error}; the rules were used")
        return rules.extract(text, organ), {"by": "rules"}
    for why, count in found.dropped.items():
        common.warn(f"{path}: {count} of the endpoint's spans dropped: {why}")
    return found.lesions, {"by": endpoint.model, "similarity": found.similarity}


def _chat(url: str | None, model: str, consent: str | None) -> Chat | None:
    if url is None:
        return None
    from TextoMorphLib.text.chat import Chat

    return Chat(url, model, consent)
