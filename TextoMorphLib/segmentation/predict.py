"""A whole scan through a segmenter: sliding window on the network's grid, back on the scan's own, tidied up.

Probabilities of the network's grid lie in a file on disk, and the scan is worked on in slabs, so that memory follows
the patch, not the scan.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models.device import autocast
from TextoMorphLib.segmentation.model import Segmenter, intensities
from TextoMorphLib.segmentation.networks import MISSING
from TextoMorphLib.spatial.geometry import TOUCHING, Box, grow, tight_box
from TextoMorphLib.spatial.grids import isotropic_grid, sampled_back, sampled_hu

OVERLAP = 0.75
LEAST_MM = 3.0
BODY_HU = -300.0
AROUND_ORGAN_MM = 20.0
SLAB_PATCHES = 2  # length of a slab, in patches, without the half patch that it sees on both sides
OWN_ORGAN_SHARE = 0.1  # parts of the organ smaller than this share of the largest are no organ
Progress = Callable[[int, int], Any]


@dataclass(frozen=True)
class Segmentation:
    """What was found in a scan.

    Attributes:
        labels: uint8, the scan's shape: 1 organ, 2 and above the tumour classes.
        probability: uint8, the scan's shape, 0 to 255: of any tumour, where it counts; None if not asked for.
        dropped: Voxels of tumour outside the organ, and of too small components, that were left out.
        box: The part of the scan that was looked at.
    """

    labels: np.ndarray
    probability: np.ndarray | None
    dropped: dict[str, int]
    box: Box


def segment(
    segmenter: Segmenter,
    ct: Volume,
    organ: np.ndarray | None = None,
    overlap: float = OVERLAP,
    least_mm: float = LEAST_MM,
    restrict: bool = True,
    probability: bool = False,
    progress: Progress | None = None,
) -> Segmentation:
    """Segments the organ and its tumours in a scan.

    Args:
        segmenter: The model.
        ct: The scan, HU.
        organ: Boolean, the scan's shape: where tumours may be, and all that is looked at. The network's own organ
            decides where none is given.
        overlap: Of neighbouring windows, 0 up to below 1.
        least_mm: Components of a smaller equivalent diameter are left out.
        restrict: Whether tumours outside the organ are left out.
        probability: Whether the tumour's probability is wanted, too.
        progress: Called with (slabs done, slabs in all); may return False to cancel.

    Raises:
        InputError: The organ's mask is empty or of another shape, or the overlap is out of range.
        Cancelled: `progress` returned False.
    """
    if not 0 <= overlap < 1:
        raise InputError(f"an overlap of {overlap:g} is out of range; use 0 to below 1, such as 0.75")
    box = _box(ct, organ)
    affine, shape = isotropic_grid(ct, box, float(segmenter.config["spacing_mm"]))
    outputs = 1 + len(segmenter.classes)
    with tempfile.TemporaryDirectory(prefix="textomorph-") as folder:
        found = np.memmap(Path(folder) / "probabilities", np.float16, "w+", shape=(outputs, *shape))
        _fill(found, segmenter, ct, affine, overlap, progress)
        labels, tumour = _back(found, affine, ct, box, keep=probability)
        del found
    dropped = {"outside_organ": 0, "too_small": 0}
    inner = labels[box]
    if restrict:
        allowed = organ[box] if organ is not None else _own_organ(inner)
        outside = (inner > 1) & ~allowed
        dropped["outside_organ"] = int(outside.sum())
        inner[outside] = 0
        if tumour is not None:
            tumour[box][~allowed] = 0
    dropped["too_small"] = _tidy(inner, ct.spacing, least_mm, organ is not None)
    return Segmentation(labels, tumour, dropped, box)


def _box(ct: Volume, organ: np.ndarray | None) -> Box:
    """The part of the scan to look at: the organ's surroundings, or the body."""
    if organ is not None:
        if organ.shape != ct.shape:
            raise InputError(f"the organ's mask has {organ.shape} voxels and the scan {ct.shape}")
        if not organ.any():
            raise InputError("the organ's mask is empty")
        return grow(tight_box(organ), np.ceil(AROUND_ORGAN_MM / ct.spacing), ct.shape)
    step = np.maximum((4 / ct.spacing).astype(int), 1)
    coarse = ct.data[:: step[0], :: step[1], :: step[2]] * ct.slope + ct.intercept > BODY_HU
    numbers, count = ndimage.label(ndimage.binary_opening(coarse, iterations=2))
    if not count:
        return grow((slice(0, ct.shape[0]), slice(0, ct.shape[1]), slice(0, ct.shape[2])), np.zeros(3), ct.shape)
    body = tight_box(numbers == 1 + int(np.bincount(numbers.ravel())[1:].argmax()))
    i, j, k = (slice(part.start * n, part.stop * n) for part, n in zip(body, step.tolist(), strict=True))
    return grow((i, j, k), 2 * step, ct.shape)


def _fill(
    found: np.ndarray, segmenter: Segmenter, ct: Volume, affine: np.ndarray, overlap: float, progress: Progress | None
) -> None:
    """Probabilities of organ and tumour classes on the network's grid, slab by slab along S."""
    try:
        from monai.inferers.utils import sliding_window_inference
    except ImportError as error:
        raise InputError(MISSING) from error
    patch = tuple(int(side) for side in segmenter.config["patch"])
    shape, half = found.shape[1:], patch[2] // 2
    starts = range(0, shape[2], SLAB_PATCHES * patch[2])
    for done, start in enumerate(starts):
        stop = min(start + SLAB_PATCHES * patch[2], shape[2])
        low, high = max(start - half, 0), min(stop + half, shape[2])

        def network(windows: torch.Tensor, slab: int = done) -> torch.Tensor:
            if progress is not None and progress(slab, len(starts)) is False:
                raise Cancelled("cancelled")
            with autocast(segmenter.device):
                return torch.softmax(segmenter.network(windows).float(), 1)[:, 1:]

        moved = affine.copy()
        moved[:3, 3] += affine[:3, 2] * low
        hu = sampled_hu(ct, moved, (shape[0], shape[1], high - low))
        seen = torch.from_numpy(intensities(hu, segmenter.config["window_hu"]))[None, None]
        with torch.inference_mode():
            made: Any = sliding_window_inference(
                seen, patch, 4, network, overlap=overlap, mode="gaussian", padding_mode="replicate",
                sw_device=segmenter.device, device="cpu",
            )  # fmt: skip
        found[..., start:stop] = made[0, ..., start - low : stop - low].numpy()
    if progress is not None:
        progress(len(starts), len(starts))


def _back(
    found: np.ndarray, affine: np.ndarray, ct: Volume, box: Box, keep: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Labels, and the tumour's probability if it is kept, on the scan's own grid, some slices at a time."""
    labels = np.zeros(ct.shape, np.uint8)
    tumour = np.zeros(ct.shape, np.uint8) if keep else None
    thick = max(1, int(2e6 / ((box[0].stop - box[0].start) * (box[1].stop - box[1].start))))
    for start in range(box[2].start, box[2].stop, thick):
        part = (box[0], box[1], slice(start, min(start + thick, box[2].stop)))
        each = np.stack([sampled_back(channel, affine, ct, part) for channel in found])
        summed = each[1:].sum(0)
        nothing = 1 - each.sum(0)
        # Tumour against the rest first; which class is decided for a whole component later on.
        labels[part] = np.where(
            summed > np.maximum(nothing, each[0]), 2 + each[1:].argmax(0), np.where(each[0] > nothing, 1, 0)
        )
        if tumour is not None:
            tumour[part] = np.rint(255 * np.clip(summed, 0, 1))
    if found.shape[0] > 2:
        _one_class_each(labels, found, affine, ct, box)
    return labels, tumour


def _one_class_each(labels: np.ndarray, found: np.ndarray, affine: np.ndarray, ct: Volume, box: Box) -> None:
    """Gives each component of tumour the class with the largest sum of probabilities in it."""
    numbers, _ = ndimage.label(labels[box] > 1, TOUCHING)
    for number, inner in enumerate(ndimage.find_objects(numbers), start=1):
        own = numbers[inner] == number
        i, j, k = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(box, inner, strict=True))
        sums = [float(sampled_back(channel, affine, ct, (i, j, k))[own].sum()) for channel in found[1:]]
        labels[i, j, k][own] = 2 + int(np.argmax(sums))


def _own_organ(labels: np.ndarray) -> np.ndarray:
    """The network's organ with the tumours in it: the large connected parts, holes filled."""
    numbers, count = ndimage.label(labels > 0, TOUCHING)
    if not count:
        return np.zeros(labels.shape, bool)
    sizes = np.bincount(numbers.ravel(), labels.ravel() == 1, minlength=count + 1)  # tumour alone is no organ
    sizes[0] = 0
    large = np.flatnonzero(sizes >= max(OWN_ORGAN_SHARE * sizes.max(), 1))
    return np.asarray(ndimage.binary_fill_holes(np.isin(numbers, large)))


def _tidy(labels: np.ndarray, spacing: np.ndarray, least_mm: float, organ_given: bool) -> int:
    """Leaves out components that are too small, in place; returns how many voxels of tumour."""
    numbers, count = ndimage.label(labels > 1, TOUCHING)
    if not count:
        return 0
    sizes = np.bincount(numbers.ravel())
    least = np.pi / 6 * least_mm**3 / float(np.prod(spacing))
    small = np.flatnonzero(sizes < least)
    dropped = np.isin(numbers, small[small > 0])
    labels[dropped] = 1 if organ_given else 0
    return int(dropped.sum())
