"""`textomorph failures`: what a segmenter gets wrong, looked through, and made again to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs

if TYPE_CHECKING:
    from TextoMorphLib.failures import Failure
    from TextoMorphLib.text.chat import Chat

app = typer.Typer(help="Find a segmenter's failures, describe them, and make tumours like them to learn from.")

Failures = Annotated[Path, typer.Argument(metavar="FAILURES.jsonl", help="As failures find writes it.")]


@app.command()
def find(
    cases: Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="What is true; see textomorph cases.")],
    predictions: Annotated[
        Path, typer.Option("--predictions", metavar="DIR", help="ID.nii.gz for each case, as `segment` writes them.")
    ],
    output: Annotated[Path, typer.Option("--output", metavar="FILE.jsonl", help="A line a failure.")],
    worst: Annotated[
        float, typer.Option("--worst", min=0, max=1, help="Share of the found lesions, of lowest Dice, to list, too.")
    ] = 0.1,
    fold: Annotated[int | None, typer.Option("--fold", help="Only the cases of this fold.")] = None,
    values: Annotated[
        str, typer.Option("--values", help="What the predictions' numbers mean, if not what the cases' do: tumour=1")
    ] = "",
    chat: common.Url = None,
    model: common.ChatModel = "default",
    consent: common.Consent = None,
    price: common.Price = None,
    or_rules: Annotated[
        bool, typer.Option("--or-rules", help="Be content with the measured words where the endpoint fails.")
    ] = False,
) -> None:
    """List missed lesions, false alarms and the worst outlines, with place, size, words and a picture of each.

    Lesions match by the rules of `evaluate`. Beside the list lies a page (.html) to look through it and strike out
    what should not be learned from. Started again after a stop, it goes on where it was. A case that cannot be looked
    at is named; the others still are, and the status is 2 at the end.

    With --chat a vision-language model is asked, too: it gets each picture without words and the vocabulary, and what
    it says is held against what was measured. The measured words stay what look-alikes are made of.
    """
    from TextoMorphLib.cases import read_cases
    from TextoMorphLib.cases.importers import parse_values
    from TextoMorphLib.evaluation import scores
    from TextoMorphLib.failures.find import find as look
    from TextoMorphLib.failures.page import page

    if output.suffix != ".jsonl":
        raise InputError(f"cannot tell the format of {output}: the name must end in .jsonl")
    outputs.check_file(output, [cases], overwrite=True)
    endpoint = common.chat(chat, model, consent, price)
    chosen = scores.to_score(read_cases(cases), [predictions], fold)
    left_out: list[str] = []
    with common.progress("looking for failures") as step:
        found = look(chosen, predictions, output, worst, parse_values(values) or None, step, left_out.append)
    for told in left_out:
        common.warn(f"{told}; it is left out")
    if endpoint is not None and found:
        found = _told(found, endpoint, output, or_rules)
    outputs.write_bytes(output.with_suffix(".html"), page(found, output.parent).encode())
    counts = {kind: sum(failure.kind == kind for failure in found) for kind in ("miss", "false alarm", "worst")}
    typer.echo(f"{counts['miss']} missed, {counts['false alarm']} false alarms, {counts['worst']} outlined worst")
    then = f"; look through {output.with_suffix('.html')}, then: textomorph failures target {output}" if found else ""
    typer.echo(f"wrote {output}{then}")
    if left_out:
        raise typer.Exit(2)


def _told(found: list[Failure], endpoint: Chat, output: Path, or_rules: bool) -> list[Failure]:
    """The failures with what the endpoint says of them; the list is written already, and is kept if that fails."""
    from TextoMorphLib.failures.record import write_failures
    from TextoMorphLib.failures.vision import tell
    from TextoMorphLib.text.chat import ChatError

    try:
        with common.progress("asking the endpoint") as step:
            found = tell(found, endpoint, step)
    except ChatError as error:
        if not or_rules:
            raise InputError(f"{error}; {output} holds the measured words alone (--or-rules: be content)") from error
        common.warn(f"{error}; the measured words stand alone")
        return found
    write_failures(found, output)
    counts = {what: sum(len(each.told[what]) for each in found) for what in ("agreed", "unmeasured", "contrary")}
    dropped = sum(each.told["dropped"] for each in found)
    typer.echo(
        f"{endpoint.model}: {counts['agreed']} terms as measured, {counts['contrary']} against it, "
        f"{counts['unmeasured']} of what could not be measured, {dropped} not of the vocabulary (dropped)"
    )
    typer.echo(f"endpoint: {endpoint.spent}")
    return found


@app.command()
def target(
    failures: Failures,
    healthy: Annotated[
        Path, typer.Option("--healthy", metavar="CASES.jsonl", help="Healthy scans, with their organ, to put them in.")
    ],
    count: Annotated[int, typer.Option("--count", min=1, help="How many look-alikes.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Gets jobs.jsonl and masks for batch.")],
    cases: Annotated[
        Path | None,
        typer.Option("--cases", metavar="CASES.jsonl", help="The failures' own cases: also cut false alarms out."),
    ] = None,
    spread: Annotated[float, typer.Option("--spread", min=0, max=1, help="How much sizes vary: SD of log size.")] = 0.2,
    seed: common.Seed = 0,
) -> None:
    """Turn failures into a batch of tumours like them in healthy organs, and false alarms into patches without one."""
    from TextoMorphLib.failures import read_failures
    from TextoMorphLib.failures.target import target as aim

    with common.progress("placing look-alikes") as step:
        made = aim(read_failures(failures), healthy, count, output, cases, spread, seed, step)
    of = ", ".join(f"{number} like a {kind}" for kind, number in made["jobs"].items())
    typer.echo(f"{count} look-alikes: {of}; {made['patches']} patches without a tumour")
    for reason in made["left_out"]:
        typer.echo(f"left out: {reason}")
    typer.echo(f"go on with: textomorph batch {output / 'jobs.jsonl'}; then train on {output / 'cases.jsonl'}")
