"""`textomorph preview`: the same lesion and seed under many texts, as one picture and as tables."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.io import outputs
from TextoMorphLib.io.provenance import provenance

Table = Annotated[
    Path | None, typer.Option("--csv", metavar="CSV", help="Also write each lesion's measured attributes.")
]
Words = Annotated[
    Path | None,
    typer.Option("--words", metavar="CSV", help="Also write what each word changes, left out of its text in turn."),
]


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
    label: common.Label = None,
    assume_hu: common.AssumeHu = False,
    window: Annotated[str, typer.Option("--window", metavar="LEVEL,WIDTH", help="Grey values, HU.")] = "40,400",
    table: Table = None,
    words: Words = None,
    replace: common.Replace = False,
    overwrite: common.Overwrite = False,
) -> None:
    """Draw one lesion under many texts.

    The mask and the seed stay the same, so that what differs is the text alone. The influence of a word is the
    result with it minus the result without it, over the mask, in HU; it takes one more synthesis a word.
    """
    outputs.check_figure(out, inputs=(ct, mask, texts), overwrite=overwrite)
    for number, path in enumerate((table, words)):
        if path:
            outputs.check_table(path, inputs=(ct, mask, texts, *filter(None, (table,) * number)), overwrite=overwrite)
    grey = _window(window)
    descriptions = [line.strip() for _, line in common.read_lines(texts)]
    from TextoMorphLib.synthesis.request import check_request

    for text in descriptions:
        check_request(text, organ, seed, steps, guidance, preset)
    from TextoMorphLib.models import device as devices

    devices.resolve(device)
    volume, where = common.read_scan(ct, mask, resample_mask, label, assume_hu, replace=replace)

    from TextoMorphLib.spatial import placement
    from TextoMorphLib.synthesis import Synthesizer, previews

    early = placement.warnings(volume, where)
    _warn(early)
    with common.progress("previewing") as step:
        synthesizer = Synthesizer.load(model, device)
        influence = words is not None
        asked = (descriptions, organ, seed, steps, guidance, preset, influence, step, grey)
        made = previews.preview(synthesizer, volume, where, *asked, replace=replace)
    _warn([note for note in made.notes if note not in early])
    contents = [(out, made.picture(provenance(seed)))]
    contents += [(table, made.table().encode())] if table else []
    contents += [(words, made.word_table().encode())] if words else []
    outputs.write_all(dict(contents))
    for path, _ in contents:
        typer.echo(f"wrote {path}")


def _warn(notes: list[str]) -> None:
    for note in notes:
        common.warn(note)


def _window(text: str) -> tuple[float, float]:
    from TextoMorphLib.errors import InputError

    try:
        level, width = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"window '{text}' is no level and width; for example 40,400") from None
    if not (math.isfinite(level) and 0 < width < math.inf):
        raise InputError(f"window '{text}' has no level, or no width above 0; for example 40,400")
    return level, width
