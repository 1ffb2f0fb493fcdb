"""`textomorph preview`: the same lesion and seed under many texts, as one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from TextoMorphLib import output
from TextoMorphLib.commands import common
from TextoMorphLib.commands.job import provenance


def preview(
    ct: common.Ct,
    mask: common.Mask,
    texts: Annotated[Path, typer.Option("--texts", metavar="FILE", help="One description a line.")],
    out: Annotated[Path, typer.Option("--output", metavar="PNG", help="The picture to write.")],
    organ: common.Organ = "liver",
    seed: common.Seed = 0,
    steps: common.Steps = None,
    guidance: common.Guidance = None,
    preset: common.Preset = "preview",
    device: common.Device = "auto",
    model: common.Model = "starter",
    resample_mask: common.ResampleMask = False,
    overwrite: common.Overwrite = False,
) -> None:
    """Draw one lesion under many texts.

    The mask and the seed stay the same, so that what differs is the text alone.
    """
    output.check_figure(out, inputs=(ct, mask, texts), overwrite=overwrite)
    descriptions = [line.strip() for _, line in common.read_lines(texts)]
    from TextoMorphLib.request import check_request

    for text in descriptions:
        check_request(text, organ, seed, steps, guidance, preset)
    from TextoMorphLib import device as devices

    devices.resolve(device)
    volume, where = common.read_scan(ct, mask, resample_mask)

    from TextoMorphLib import pictures
    from TextoMorphLib.synthesis import Synthesizer

    view = pictures.View.around(volume, where, least_mm=90.0)
    variants = []
    with common.progress("previewing") as step:
        synthesizer = Synthesizer.load(model, device)
        for index, text in enumerate(descriptions):

            def overall(done: int, total: int, index: int = index) -> bool:
                return step(index * total + done, len(descriptions) * total)

            made = synthesizer.synthesize(
                volume, where, text, organ, seed, steps, guidance, progress=overall, preset=preset
            )
            contrast = ", ".join(f"{lesion['contrast_hu']:.0f} HU" for lesion in made.report["lesions"])
            variants.append((f"{text}\n{contrast}", view.cut(made.volume, "axial")))
        figure = pictures.text_grid(view, view.cut(volume, "axial"), variants, note=provenance(seed))
    output.write_bytes(out, figure)
    typer.echo(f"wrote {out}")
