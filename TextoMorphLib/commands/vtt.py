"""`textomorph vtt`: the Visual Turing Test, from a table of tumours to the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError

app = typer.Typer(help="Visual Turing Test: can readers tell synthetic tumours from real ones?", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="The study's folder.")]
Reader = Annotated[str, typer.Option("--reader", metavar="NAME", help="Who reads.")]
Key = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="The study's key. [default: STUDY-key.json beside it]")
]


@app.command()
def create(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE.csv", help="One tumour a line: ct, mask, organ, text[, source, pair].")
    ],
    folder: Annotated[Path, typer.Option("--output", metavar="STUDY", help="The study's new folder.")],
    readers: Annotated[str, typer.Option("--readers", help="Their names, separated by commas.")],
    key: Key = None,
    twins: Annotated[
        str, typer.Option("--twins", help="What to synthesise of each real tumour: text, mask, text,mask or none.")
    ] = "text",
    apart: Annotated[int, typer.Option("--apart", help="Twins come at least this many cases apart.")] = 10,
    repeats: Annotated[int, typer.Option("--repeats", help="Cases that each reader sees twice.")] = 0,
    seed: Annotated[int | None, typer.Option("--seed", help="Decides the orders. [default: drawn anew]")] = None,
    title: Annotated[str, typer.Option("--title", help="What the readers see above the cases.")] = "Visual Turing Test",
    field: Annotated[
        str, typer.Option("--field", help="What is shown: mm to the left, back and head.")
    ] = "200,200,120",
    spacing: Annotated[
        str, typer.Option("--spacing", help="Every case is brought to voxels of this size, mm.")
    ] = "0.8,0.8,2",
    model: common.Model = "starter",
    device: common.Device = "auto",
    steps: common.Steps = None,
    guidance: common.Guidance = None,
) -> None:
    """Make a study from a table of tumours.

    For each real tumour a twin is synthesised in the same scan, with the same mask and text. The study's folder
    does not tell real from synthetic. The key does: it is written beside the folder; keep it from the readers.
    """
    from TextoMorphLib.reading.create import Plan
    from TextoMorphLib.reading.create import create as make
    from TextoMorphLib.reading.package import Frame

    plan = Plan(
        readers=tuple(name.strip() for name in readers.split(",") if name.strip()),
        twins=() if twins == "none" else tuple(twin.strip() for twin in twins.split(",")),
        apart=apart,
        repeats=repeats,
        seed=seed,
        title=title,
        frame=Frame(_three("--field", field, 20, 600), _three("--spacing", spacing, 0.3, 10)),
        model=model,
        device=device,
        steps=steps,
        guidance=guidance,
    )
    with common.progress("making the study") as step:
        made = make(table, folder, key, plan, step)
    from TextoMorphLib.reading.study import key_path

    typer.echo(f"wrote {folder}: {len(made.cases)} cases for {len(made.readers)} readers")
    typer.echo(f"wrote {key or key_path(folder)}: the key; keep it from the readers (SHA-256 {made.key_sha256})")
    typer.echo(f"next: textomorph vtt serve {folder}")


@app.command()
def status(folder: Folder) -> None:
    """Check every file of a study, and show how far its readers are."""
    from TextoMorphLib.reading.answers import read_answers
    from TextoMorphLib.reading.study import Study

    study = Study.read(folder)
    study.check_files()
    typer.echo(f"{study.title}: {len(study.cases)} cases, every file as it was made; key SHA-256 {study.key_sha256}")
    for reader, order in study.readers.items():
        found = read_answers(study, reader)
        torn = "; a torn last line, which is set aside when reading goes on" if found.torn else ""
        typer.echo(f"{reader}: {len(found.answers)} of {len(order)} answered{torn}")


def _three(option: str, text: str, low: float, high: float) -> tuple[float, float, float]:
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{option} '{text}': give three numbers in mm, separated by commas") from None
    if not all(low <= mm <= high for mm in (x, y, z)):
        raise InputError(f"{option} '{text}' is out of range; use {low:g} to {high:g} mm")
    return x, y, z
