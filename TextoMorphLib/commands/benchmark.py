"""`textomorph benchmark`: hold a model against its words and against the clock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from TextoMorphLib import output
from TextoMorphLib.commands import common

app = typer.Typer(help="Measure a model: do words control the lesion, and how fast is it.")

Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write every trial to this file, too.")]


@app.command()
def control(
    ct: Annotated[Path, typer.Argument(metavar="CT", help="A scan that the model was not trained on.")],
    organ_mask: Annotated[Path, typer.Option("--organ-mask", metavar="FILE", help="The organ that lesions go in.")],
    model: common.Model = "starter",
    device: common.Device = "auto",
    sizes: Annotated[str, typer.Option("--sizes", help="Diameters in mm, separated by commas.")] = "12,20,35",
    sites: Annotated[int, typer.Option("--sites", min=1, help="Places for each size.")] = 4,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds for each place.")] = 2,
    steps: common.Steps = None,
    guidance: common.Guidance = None,
    json: Json = None,
) -> None:
    """Count how often opposite words come out opposite.

    Same scan, mask and seed, two texts; each pair has the attribute that should differ. Prints a Markdown table.
    """
    sizes_mm = _sizes(sizes)
    volume, organ = common.read_scan(ct, organ_mask)
    from TextoMorphLib.benchmarks import control as benchmark
    from TextoMorphLib.synthesis import Synthesizer

    synthesizer = Synthesizer.load(model, device)
    with common.progress("measuring control") as on_trial:
        rows = benchmark.run(synthesizer, volume, organ, sizes_mm, sites, seeds, steps, guidance, on_trial)
    typer.echo(benchmark.table(rows))
    if json:
        output.write_bytes(json, output.to_json({"trials": rows}).encode())


@app.command()
def autoencoder(
    ct: Annotated[Path, typer.Argument(metavar="CT", help="A scan that the model was not trained on.")],
    model: common.Model = "starter",
    device: common.Device = "auto",
) -> None:
    """Report what the latent keeps of a scan, and of small lesions by themselves. Prints JSON."""
    from TextoMorphLib.benchmarks import reconstruction
    from TextoMorphLib.training.backgrounds import load_scan

    typer.echo(output.to_json(reconstruction.run(model, device, load_scan(ct))))


@app.command()
def speed(
    model: common.Model = "starter",
    device: common.Device = "auto",
    steps: common.Steps = None,
    guidance: common.Guidance = None,
) -> None:
    """Time one tumour in a 96 mm region: warm, cold from the shell, and the memory it takes. Prints JSON."""
    from TextoMorphLib.benchmarks import speed as benchmark

    typer.echo(output.to_json(benchmark.run(model, device, steps, guidance)))


def _sizes(text: str) -> list[float]:
    from TextoMorphLib.errors import InputError

    try:
        sizes = [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"sizes '{text}' are no numbers separated by commas; for example 12,20,35") from None
    if not all(4 <= size <= 150 for size in sizes):
        raise InputError(f"sizes '{text}' are out of range; use 4 to 150 mm")
    return sizes
