"""Tumour classes by measured density, where nobody has written down which tumour is which."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from TextoMorphLib.cases.case import ORGAN, TUMOUR, Case
from TextoMorphLib.errors import InputError, doubts_of_many
from TextoMorphLib.io.volume import Volume, check_ct
from TextoMorphLib.spatial.geometry import TOUCHING, across_patient
from TextoMorphLib.spatial.tissue import UNKNOWN_HU

if TYPE_CHECKING:
    from TextoMorphLib.io.volume import Array

SENTENCE = "a {name} lesion in the {organ} is present"  # as the paper tells classes (section 4.4)
EDGE_VOXELS = 1  # in the plane, left out of the mean where a tumour has more: they are half surroundings


def by_density(
    cases: Sequence[Case],
    below: float,
    dark: str,
    bright: str,
    folder: Path,
    step: Callable[[int, int], object] = lambda done, total: None,
) -> Iterator[tuple[Case, dict[str, int], str]]:
    """Gives every tumour one of two classes by its mean HU, in label maps of their own.

    Args:
        cases: With label maps that know organ and tumour.
        below: HU; a 26-connected tumour whose mean is lower is of the class `dark`.
        dark: Name of the class below.
        bright: Name of the others'.
        folder: Where the label maps are written: 0 elsewhere, 1 organ, 2 `bright`, 3 `dark`.
        step: Called with (cases done, cases in all).

    Yields:
        Each case with its new label map and values and a sentence for each tumour, how many tumours of each class it
        has, and what keeps it from being used (a single slice, no HU), if anything.

    Raises:
        InputError: A case has classes already, a file is bad, or a tumour lies where the scan has no image.
    """
    with doubts_of_many(len(cases)) as about:
        for number, case in enumerate(cases):
            step(number, len(cases))
            if not case.label:
                yield case, {}, ""
                continue
            if case.classes != (TUMOUR,):
                raise InputError(f"case {case.id} has the classes {', '.join(case.classes)} already")
            ct = Volume.read(case.ct)
            try:
                with about(case.id):
                    check_ct(ct)
            except InputError as problem:
                yield case, {}, str(problem)
                continue
            made, found = _classed(case, ct, below, (bright, dark), folder / f"{case.id}.nii.gz")
            yield made, found, ""
    step(len(cases), len(cases))


def _classed(case: Case, ct: Volume, below: float, names: tuple[str, str], label: Path) -> tuple[Case, dict[str, int]]:
    """A case with its tumours in two classes (at least as bright, and darker), and how many there are of each."""
    targets = case.targets(ct)
    pieces, count = ndimage.label(targets > 1, TOUCHING)
    found = dict.fromkeys(names, 0)
    texts = {}
    for piece in range(1, count + 1):
        inside = pieces == piece
        hu = mean_hu(ct, inside)
        if np.isnan(hu):
            raise InputError(f"case {case.id}: a tumour lies where the scan has no image (padding); leave it out")
        is_dark = hu < below
        targets[inside] = 2 + is_dark
        found[names[is_dark]] += 1
        texts[piece] = (SENTENCE.format(name=names[is_dark], organ=case.organ),)
    Volume.from_array(targets, ct.affine).write(label)
    values = {ORGAN: (1,), names[0]: (2,), names[1]: (3,)}
    return replace(case, label=label, values=values, lesion_texts=texts), found


def mean_hu(ct: Volume, inside: Array) -> float:
    """A tumour's mean without its edge in axial slices, where that leaves anything; unknown voxels do not count."""
    across = across_patient(ct.affine)
    plane = np.ones([1 if axis == across else 3 for axis in range(3)], bool)
    core = ndimage.binary_erosion(inside, plane, EDGE_VOXELS)
    hu = ct.hu()[core if core.any() else inside]
    known = hu[hu > UNKNOWN_HU]
    return float(known.mean()) if known.size else float("nan")
