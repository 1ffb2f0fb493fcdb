"""Segmentations of 3D Slicer (.seg.nrrd) whose segments overlap: it keeps them in several layers of one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from TextoMorphLib.io.dicom_masks import one_of
from TextoMorphLib.io.names import check_readable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from TextoMorphLib.io.volume import Volume

SUFFIX = ".seg.nrrd"
Segments = dict[int, tuple[str, int, int]]  # by number: name, layer and value in it


def is_one(path: Path) -> bool:
    """Whether a file is a segmentation of several layers; one of a single layer is a label map like any other."""
    if not (path.name.lower().endswith(SUFFIX) and path.is_file()):
        return False
    check_readable(path)
    from TextoMorphLib.io.formats import itk

    return itk.components(path) > 1


def read(path: Path, ct: Volume, label: int | str | None) -> Volume:
    """Read one segment.

    Args:
        path: The file.
        ct: Of no use here: layers have a grid of their own.
        label: The segment's number or name; may be left out where there is only one.

    Returns:
        0 and 1, on the segmentation's own grid.

    Raises:
        InputError: The file is damaged, `label` names none of its segments, or is needed.
    """
    from TextoMorphLib.io.formats import itk

    layers = itk.read_layers(path)
    segments = _segments(layers[0].metadata, len(layers))
    names = {number: name for number, (name, _, _) in segments.items()}
    _, layer, value = segments[one_of(names, label, "segments", str(path))]
    found = layers[layer]
    return type(found)((found.data == value).astype(np.uint8), found.affine)


def numbers(path: Path) -> list[int]:
    """The segments' numbers.

    Raises:
        InputError: The file is damaged.
    """
    from TextoMorphLib.io.formats import itk

    layers = itk.read_layers(path)
    return sorted(_segments(layers[0].metadata, len(layers)))


def _segments(told: Mapping[str, str], layers: int) -> Segments:
    """The segments as the header lists them; their values are their numbers, where no two layers have the same."""
    found = []
    for key, name in told.items():
        stem, _, last = key.rpartition("_")
        if not (last == "Name" and stem.startswith("Segment") and stem[7:].isdecimal()):
            continue
        layer, value = told.get(f"{stem}_Layer", "0"), told.get(f"{stem}_LabelValue", "1")
        if layer.isdecimal() and value.isdecimal() and int(layer) < layers:
            found.append((int(stem[7:]), (name, int(layer), int(value))))
    found.sort()
    values = [value for _, (_, _, value) in found]
    if len(set(values)) == len(values):
        return {segment[2]: segment for _, segment in found}
    return {number + 1: segment for number, segment in found}
