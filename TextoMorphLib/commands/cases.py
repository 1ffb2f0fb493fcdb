"""`textomorph cases`: the file of cases that training and evaluation read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError

if TYPE_CHECKING:
    from TextoMorphLib.cases import Case

app = typer.Typer(help="Make, check and split cases.jsonl, which training and evaluation read.")

Cases = Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="A line a case.")]
Output = Annotated[Path, typer.Option("--output", metavar="FILE.jsonl", help="The new file.")]


@app.command("import")
def import_(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="dataset.json of MSD or nnU-Net, a folder with the published lists, KiTS' folder, or scans.",
        ),
    ],
    output: Output,
    organ: Annotated[str | None, typer.Option("--organ", help="liver, pancreas, kidney or another.")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Where the paths of the published lists start.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", metavar="DIR", help="Label maps of a folder of scans.")
    ] = None,
    values: Annotated[
        str, typer.Option("--values", help="What the label maps' numbers mean: organ=1,tumour=2 or organ=1,cyst=2,...")
    ] = "",
    reports: Annotated[
        Path | None, typer.Option("--reports", metavar="DIR", help="Radiology reports: ID.txt for the case ID.")
    ] = None,
    overwrite: common.Overwrite = False,
) -> None:
    """Make cases.jsonl from a data set as it lies on disk."""
    _check_output(output, (source,), overwrite)
    from TextoMorphLib.cases import write_cases
    from TextoMorphLib.cases.importers import Source, import_cases, parse_values

    cases = import_cases(Source(source, organ, data, labels, parse_values(values), reports))
    if missing := [case for case in cases if not all(path.exists() for path in case.files)]:
        first = next(path for path in missing[0].files if not path.exists())
        told = f"{len(missing)} of {len(cases)} cases name files that are not there, such as {first}"
        if len(missing) == len(cases):
            raise InputError(told)
        common.warn(told)
    write_cases(cases, output)
    healthy = sum(case.healthy for case in cases)
    meaning = ", ".join(f"{name} {numbers}" for name, numbers in _meanings(cases))
    told = f", {sum(case.report is not None for case in cases)} with a report" if reports else ""
    typer.echo(f"{len(cases)} cases, {healthy} of them healthy{told}; labels: {meaning or 'none'}")
    typer.echo(f"wrote {output}; go on with: textomorph cases check {output}")


@app.command()
def check(cases: Cases) -> None:
    """Read every file of every case and say what is wrong, to the end of the list.

    Missing or damaged files, other grids, values without a meaning, tumours that are not there, scans that are not in
    HU, patients in two folds. The status is 2 if anything is wrong.
    """
    from TextoMorphLib.cases import read_cases
    from TextoMorphLib.cases.checks import check as checked

    listed = read_cases(cases)
    wrong, lesions = 0, 0
    with common.progress("checking") as step:
        for case, problems, counts in checked(listed, step):
            wrong += bool(problems)
            lesions += any(count for name, count in counts.items() if name != "organ")
            for problem in problems:
                typer.echo(f"{case.id}: {problem}")
    typer.echo(f"{len(listed)} cases: {lesions} with tumours, {sum(case.healthy for case in listed)} healthy")
    if wrong:
        typer.echo(f"error: something is wrong with {wrong} of {len(listed)} cases, listed above", err=True)
        raise typer.Exit(2)


@app.command()
def split(
    cases: Cases,
    output: Output,
    folds: Annotated[int, typer.Option("--folds", help="How many.")] = 5,
    seed: common.Seed = 0,
    overwrite: common.Overwrite = False,
) -> None:
    """Give every case a fold, by patient, tumours and healthy scans spread evenly; once, in a new file."""
    _check_output(output, (cases,), overwrite)
    from TextoMorphLib.cases import read_cases, write_cases
    from TextoMorphLib.cases.folds import split as parted

    placed = parted(read_cases(cases), folds, seed)
    write_cases(placed, output)
    sizes = [sum(case.fold == fold for case in placed) for fold in range(folds)]
    typer.echo(f"cases a fold: {', '.join(map(str, sizes))}\nwrote {output}")


@app.command()
def classes(
    cases: Cases,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="New folder: cases.jsonl and label maps.")],
    below: Annotated[float, typer.Option("--below", metavar="HU", help="Tumours with a lower mean are of --dark.")],
    dark: Annotated[str, typer.Option("--dark", help="Name of the class below.")] = "cystic",
    bright: Annotated[str, typer.Option("--bright", help="Name of the class of the others.")] = "solid",
) -> None:
    """Give tumours two classes by their mean HU, where nobody has written down which is which.

    What is learned from them is density, and no diagnosis. Each tumour gets its class's sentence as text. The label
    maps are written anew: 1 organ, 2 the class of the others, 3 the class below.
    """
    from TextoMorphLib.cases import read_cases, write_cases
    from TextoMorphLib.cases.classes import by_density
    from TextoMorphLib.io.atomic import replacing

    listed = read_cases(cases)
    if not -1000 <= below <= 3000:
        raise InputError(f"{below:g} HU is no border between tumours; 25 tells cystic from solid")
    if dark == bright or {dark, bright} & {"organ", "tumour"}:
        raise InputError("--dark and --bright need two names of their own, other than organ and tumour")
    if odd := [name for name in (dark, bright) if not name.replace("-", "").replace("_", "").isalnum()]:
        raise InputError(f"'{odd[0]}' is no name of a class; use letters, digits, - and _")
    if output.exists() or not output.resolve().parent.is_dir():
        raise InputError(f"{output} is no new folder in one that is there; name one")
    if not any(case.label and case.classes for case in listed):
        raise InputError(f"{cases} has no case whose label map shows tumours")
    counts: dict[str, int] = {bright: 0, dark: 0}
    kept = []
    with common.progress("measuring") as step, replacing(output, overwrite=False) as (folder,):
        (folder / "label").mkdir(parents=True)
        for case, found, problem in by_density(listed, below, dark, bright, folder / "label", step):
            if problem:
                typer.echo(f"left out {case.id}: {problem}")
                continue
            kept.append(case)
            for name, count in found.items():
                counts[name] += count
        write_cases(kept, folder / "cases.jsonl")
    typer.echo(f"{len(kept)} cases; " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    typer.echo(f"wrote {output / 'cases.jsonl'}")


@app.command()
def texts(
    cases: Cases,
    output: Output,
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="Wordings of a description.")] = 100,
    seed: common.Seed = 0,
    chat: common.Url = None,
    model: common.ChatModel = "default",
    consent: common.Consent = None,
    price: common.Price = None,
    or_rules: Annotated[bool, typer.Option("--or-rules", help="Go on without the endpoint where it fails.")] = False,
    overwrite: common.Overwrite = False,
) -> None:
    """Give every described case many checked wordings, for training.

    A case's description is the first of its "texts", what its "report" says of its organ's largest lesion, or of each
    lesion the first of its "lesion_texts"; it stays the first. Wordings are made and checked as `report variants` does.
    What was found is kept beside the output (FILE.part, for your eyes alone) until all is done: a run that was stopped
    goes on when it is started again.
    """
    _check_output(output, (cases,), overwrite)
    from TextoMorphLib.cases import read_cases, write_cases
    from TextoMorphLib.training import wordings

    notes = output.with_name(output.name + ".part")
    endpoint = common.chat(chat, model, consent, price)
    failed = common.rules_instead if or_rules else None
    with common.progress("finding wordings") as step:
        found = wordings.reword(read_cases(cases), notes, count, seed, endpoint, failed, step)
    write_cases(found.cases, output)
    notes.unlink(missing_ok=True)
    for why, number in found.dropped.most_common():
        typer.echo(f"dropped {number}: {why}")
    if found.silent:
        common.warn(f"{found.silent} descriptions say nothing of a lesion's look: they have no other wordings")
    if found.known:
        typer.echo(f"{found.known} of {len(found.cases)} cases were done by an earlier run")
    typer.echo(f"kept {found.kept} of {found.tried} wordings\nwrote {output}")
    if endpoint is not None:
        typer.echo(f"endpoint: {endpoint.spent}")


def _check_output(output: Path, inputs: tuple[Path, ...], overwrite: bool) -> None:
    from TextoMorphLib.io import outputs

    if output.suffix != ".jsonl":
        raise InputError(f"cannot write {output}: the name must end in .jsonl")
    outputs.check_file(output, inputs, overwrite)


def _meanings(cases: list[Case]) -> list[tuple[str, str]]:
    found = {(name, "+".join(map(str, numbers))) for case in cases for name, numbers in case.values.items()}
    return sorted(found, key=lambda item: item[1])
