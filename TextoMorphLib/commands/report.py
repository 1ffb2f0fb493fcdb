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

OrRules = Annotated[bool, typer.Option("--or-rules", help="Go by the rules alone where the endpoint fails.")]


@app.command()
def extract(
    reports: Annotated[
        list[Path], typer.Argument(metavar="REPORT...", help="A report each: text, PDF, or a DICOM structured report.")
    ],
    organ: Annotated[str, typer.Option("--organ", help="liver, pancreas, kidney, or all.")] = "all",
    hedges: common.Hedges = "marked",
    chat: common.Url = None,
    model: common.ChatModel = "default",
    consent: common.Consent = None,
    price: common.Price = None,
    or_rules: OrRules = False,
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
    endpoint = common.chat(chat, model, consent, price)
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
    chat: common.Url = None,
    model: common.ChatModel = "default",
    consent: common.Consent = None,
    price: common.Price = None,
    or_rules: OrRules = False,
) -> None:
    """Put a description in many words, a line each.

    The endpoint writes them where one is given, the composer of training texts what is missing. Kept is what means the
    same in every attribute, is near the description (cosine 0.6) and no copy of another wording (0.97). How many fell
    to which check goes to stderr.
    """
    from TextoMorphLib.synthesis.request import check_request

    check_request(text, organ, seed, None, None)
    from TextoMorphLib.training.wordings import wordings_of

    endpoint = common.chat(chat, model, consent, price)
    found = wordings_of(text, organ, count, seed, endpoint, common.rules_instead if or_rules else None)
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
