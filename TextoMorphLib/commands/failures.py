"""`textomorph failures`: what a segmenter gets wrong, looked through, and made again to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs

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
) -> None:
    """List missed lesions, false alarms and the worst outlines, with place, size, words and a picture of each.

    Lesions match by the rules of `evaluate`. Beside the list lies a page (.html) to look through it and strike out
    what should not be learned from. Started again after a stop, it goes on where it was.
    """
    from TextoMorphLib.cases import read_cases
    from TextoMorphLib.cases.importers import parse_values
    from TextoMorphLib.evaluation import scores
    from TextoMorphLib.failures.find import find as look
    from TextoMorphLib.failures.page import page

    if output.suffix != ".jsonl":
        raise InputError(f"cannot tell the format of {output}: the name must end in .jsonl")
    outputs.check_file(output, [cases], overwrite=True)
    chosen = scores.to_score(read_cases(cases), [predictions], fold)
    with common.progress("looking for failures") as step:
        found = look(chosen, predictions, output, worst, parse_values(values) or None, step)
    outputs.write_bytes(output.with_suffix(".html"), page(found, output.parent).encode())
    counts = {kind: sum(failure.kind == kind for failure in found) for kind in ("miss", "false alarm", "worst")}
    typer.echo(f"{counts['miss']} missed, {counts['false alarm']} false alarms, {counts['worst']} outlined worst")
    typer.echo(f"wrote {output}; look through {output.with_suffix('.html')}, then: textomorph failures target {output}")


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
