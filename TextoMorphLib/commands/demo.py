"""`textomorph demo`: the main job, end to end, on a real CT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from TextoMorphLib.batches.job import Job
from TextoMorphLib.commands import common
from TextoMorphLib.commands.generate import run
from TextoMorphLib.io.atomic import making

TEXT = "well-defined hypoattenuating lesion in the liver"


OutputDir = Annotated[Path, typer.Option("--output-dir", metavar="DIR", help="Where the results go.")]


def demo(
    output_dir: OutputDir = Path("demo-output"),
    phantom: Annotated[
        bool, typer.Option("--phantom", help="Use the built-in digital phantom; nothing is downloaded.")
    ] = False,
    device: common.Device = "auto",
    model: common.Model = "starter",
) -> None:
    """Put a tumour into an example CT, from end to end.

    CT, mask, new scan, picture and report go to one folder; what an earlier demo left there is replaced.
    """
    from TextoMorphLib.simulation import example_ct

    with making(output_dir):
        ct, mask, what = example_ct.prepare(output_dir, phantom)
    typer.echo(what)
    job = Job(ct, mask, TEXT, output_dir / "synthetic.nii.gz")
    run(job, model, device, picture=output_dir / "picture.png", overwrite=True)
