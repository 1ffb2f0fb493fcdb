"""`textomorph nnunet`: cases and tumours for nnU-Net, which lives in an environment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from TextoMorphLib.commands import common

app = typer.Typer(help="Cases, synthetic tumours and a trainer for nnU-Net 2.")

Cases = Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="See textomorph cases.")]


@app.command()
def export(
    cases: Cases,
    output: Annotated[Path, typer.Option("--output", metavar="nnUNet_raw", help="nnU-Net's folder of raw data.")],
    number: Annotated[int, typer.Option("--dataset", metavar="N", help="The data set's number, 1 to 999.")] = 501,
) -> None:
    """Write the cases as a data set of nnU-Net, with their folds."""
    from TextoMorphLib.cases import read_cases
    from TextoMorphLib.segmentation.nnunet import export as write

    with common.progress("exporting") as step:
        typer.echo(f"wrote {write(read_cases(cases), output, number, step)}")


@app.command()
def bank(
    cases: Cases,
    config: Annotated[
        Path,
        typer.Option("--config", metavar="FILE.toml", help="As for train segmentation; [patches] and [source] count."),
    ],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="The bank.")],
    count: Annotated[int, typer.Option("--count", help="Patches.")] = 500,
    fold: Annotated[
        int | None, typer.Option("--fold", help="Leave out the cases that are tested in this fold.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes.")] = 1,
    seed: common.Seed = 0,
) -> None:
    """Make a bank of healthy patches with synthetic tumours; made anew, it goes on where it stopped."""
    from TextoMorphLib.training.train_segmentation import make_bank

    with common.progress("making tumours") as step:
        make_bank(config, cases, output, count, fold, workers, seed, step)
    typer.echo(f"wrote {count} patches to {output}")


@app.command()
def trainers() -> None:
    """Print the folder that nnUNet_extTrainer must name."""
    from TextoMorphLib.segmentation.nnunet import TRAINERS

    typer.echo(TRAINERS)
