"""`textomorph describe`: a lesion that is in a scan, into words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import ORGAN_ALONE, InputError
from TextoMorphLib.io import outputs

if TYPE_CHECKING:
    import numpy as np

    from TextoMorphLib.measurement.description import Said, Words

LesionMask = Annotated[
    Path, typer.Option("--mask", metavar="FILE", help="The lesion: a mask or label map on the CT's grid.")
]

Sure = Annotated[
    float | None,
    typer.Option("--sure", min=0.6, max=1, help="How sure a term must be to be said; else it is told as unsure. [0.8]"),
]


def describe(
    ct: common.Ct,
    mask: LesionMask,
    label: Annotated[
        list[int] | None, typer.Option("--label", help="Numbers in the mask that are lesions; may be repeated. [all]")
    ] = None,
    organ: common.Organ = "liver",
    organ_label: Annotated[
        list[int] | None, typer.Option("--organ-label", help="Numbers in the mask that are the organ.")
    ] = None,
    organ_mask: Annotated[
        Path | None, typer.Option("--organ-mask", metavar="FILE", help="The organ, for healthy tissue to compare with.")
    ] = None,
    wordings: Annotated[int, typer.Option("--wordings", min=0, help="Also write so many texts that say the same.")] = 0,
    seed: common.Seed = 0,
    sure: Sure = None,
    json: Annotated[bool, typer.Option("--json", help="Print terms, confidences and numbers as JSON.")] = False,
) -> None:
    """Describe each lesion of a mask, real or synthetic, in the vocabulary's terms.

    What is said is measured against healthy tissue outside all lesions; what noise, size or a single phase leave open
    is told as unsure, or not said. The text can be given to `generate`.
    """
    import numpy as np

    from TextoMorphLib.io.masks import check_mask, read_labels, read_mask
    from TextoMorphLib.io.volume import Volume, check_ct
    from TextoMorphLib.measurement import description
    from TextoMorphLib.spatial.region import check_organ
    from TextoMorphLib.text.organs import ORGANS

    if organ not in ORGANS:
        raise InputError(f"unknown organ '{organ}': choose {', '.join(ORGANS)}")
    volume = Volume.read(ct)
    check_ct(volume)
    labels = read_labels(mask, volume)
    _check_labels(labels, label)
    _check_labels(labels, organ_label)
    tissue = np.isin(labels, organ_label) if organ_label else None
    if organ_mask:
        tissue = read_mask(organ_mask, volume, choose=ORGAN_ALONE)
    lesion = _lesion(labels, label, organ_label)
    check_mask(lesion, volume, replace=True)
    if tissue is not None:
        check_organ(volume, lesion, tissue)
    found = description.describe(volume, lesion, organ, healthy=tissue, sure=description.SURE if sure is None else sure)
    if cut := sum(each.cut for each in found):
        common.warn(f"the scan's edge cuts {cut} of {len(found)} lesions: they are at least as large as is said")
    texts = [_texts(each, organ, wordings, seed) for each in found]
    if json:
        rows = [{**each.as_json(), "wordings": own} for each, own in zip(found, texts, strict=True)]
        typer.echo(outputs.to_json({"organ": organ, "lesions": rows}))
        return
    for number, (each, own) in enumerate(zip(found, texts, strict=True), start=1):
        typer.echo(each.text if len(found) == 1 else f"{number}: {each.text}")
        _show(each, own)


def _check_labels(labels: np.ndarray, wanted: list[int] | None) -> None:
    """Refuses labels none of which the mask has; of those that are not there beside others, it tells."""
    import numpy as np

    there = [int(number) for number in np.unique(labels[labels > 0])]
    if lacking := [number for number in wanted or () if number not in there]:
        has = ", ".join(map(str, there)) or "none"
        told = f"the mask has no label {' or '.join(map(str, lacking))}; it has {has}"
        if len(lacking) == len(wanted or ()):
            raise InputError(told)
        common.warn(told)


def _lesion(labels: np.ndarray, label: list[int] | None, organ_label: list[int] | None) -> np.ndarray:
    """Where the lesion is: the labels that were chosen, or all that are not the organ's."""
    import numpy as np

    lesion = np.isin(labels, label) if label else labels > 0
    if organ_label and not label:
        lesion &= ~np.isin(labels, organ_label)
    return lesion


def _show(words: Words, wordings: list[str]) -> None:
    """What is said of a lesion and how surely, what is not and why."""
    for said in words.said:
        typer.echo(f"  {said.term}: {_how(said)}")
    for said in words.unsure:
        typer.echo(f"  unsure, not said: {said.term}: {_how(said)}")
    for kind, reason in words.unsaid.items():
        typer.echo(f"  {kind} not said: {reason}")
    for note in words.notes:
        typer.echo(f"  note: {note}")
    for text in wordings:
        typer.echo(f"  > {text}")


def _how(said: Said) -> str:
    return f"{100 * said.confidence:.0f}% sure, {said.attribute} {said.measured:.3g}"


def _texts(words: Words, organ: str, count: int, seed: int) -> list[str]:
    """Texts of the composer of training captions that say the same."""
    import numpy as np

    from TextoMorphLib.simulation import captions
    from TextoMorphLib.text import understanding, vocabulary

    rng, found = np.random.default_rng(seed), dict[str, None]()
    for _ in range(20 * count):
        if len(found) == count:
            break
        text = captions.compose(words.description, rng, organ=organ, only=True)
        if vocabulary.describe(understanding.find(text, organ)) == words.description:
            found[text] = None
    return list(found)
