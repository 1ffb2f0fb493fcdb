"""What a reader gets of a scan: the part around the lesion, real or synthetic through the very same steps.

Every case has the same grid, type and header, and its lesion in the middle. Farther than 4 mm outside the mask, a
twin has its real scan's voxels, so that only the lesion can tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.geometry import ball_mm, distances, grow, shifted, tight_box
from TextoMorphLib.spatial.region import REACH_MM

AIR_HU = -1024
HU_RANGE = (-1024, 3071)  # of 12 bits, as scanners store
# The same in every case's header: a synthetic image must say that it may be one, and no case may say more.
NOTE = "case of a Visual Turing Test: may be synthetic"
LEAST_AROUND_MM = 10.0


@dataclass(frozen=True)
class Frame:
    """What is shown of each scan.

    Attributes:
        field_mm: Extent to the patient's left, back and head.
        spacing_mm: Distance of the voxels along these.
    """

    field_mm: tuple[float, float, float] = (200.0, 200.0, 120.0)
    spacing_mm: tuple[float, float, float] = (0.8, 0.8, 2.0)

    @classmethod
    def parse(cls, field: str, spacing: str) -> Frame:
        """A frame as a user writes it: three numbers each, in mm, separated by commas.

        Raises:
            InputError: What is wrong with them.
        """
        return cls(_three("field", field, 20, 600), _three("spacing", spacing, 0.3, 10))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        x, y, z = (max(round(mm / step), 2) for mm, step in zip(self.field_mm, self.spacing_mm, strict=True))
        return x, y, z

    @property
    def affine(self) -> np.ndarray:
        """Index to RAS mm; the middle of the frame is the origin, wherever the lesion was in the patient."""
        affine = np.diag([-self.spacing_mm[0], -self.spacing_mm[1], self.spacing_mm[2], 1.0])
        affine[:3, 3] = -affine[:3, :3] @ ((np.array(self.shape) - 1) / 2)
        return affine


def diameter_mm(mask: np.ndarray, spacing: np.ndarray) -> float:
    """Of the ball with the mask's volume."""
    return ball_mm(np.count_nonzero(mask) * float(np.prod(spacing)))


def only_lesion(twin: Volume, real: Volume, mask: np.ndarray) -> Volume:
    """The real scan with the twin's voxels in and near the mask.

    Raises:
        InputError: The twin lies on another grid.
    """
    if twin.shape != real.shape or not np.allclose(twin.affine, real.affine, atol=1e-3):
        raise InputError("a twin must lie on the grid of its real scan")
    box = grow(tight_box(mask), np.ceil(REACH_MM / real.spacing) + 1, mask.shape)
    return real.with_hu(box, twin.hu(box), distances(~mask[box], real.spacing)[0] < REACH_MM)


def cut(ct: Volume, mask: np.ndarray, frame: Frame) -> tuple[Volume, Volume]:
    """The scan and the mask around the mask's middle.

    Args:
        ct: The scan.
        mask: Boolean, of the scan's shape, not empty.
        frame: What to show.

    Returns:
        int16 HU and uint8, both on the frame's grid. Beyond the scan is air.

    Raises:
        InputError: The lesion does not fit into the frame.
    """
    tight = tight_box(mask)
    middle = np.array([(part.start + part.stop - 1) / 2 for part in tight])
    to_ras = frame.affine
    to_ras[:3, 3] += ct.affine[:3, :3] @ middle + ct.affine[:3, 3]
    to_scan = np.linalg.inv(ct.affine) @ to_ras
    ends = np.indices((2, 2, 2)).reshape(3, -1) * (np.array(frame.shape)[:, None] - 1)
    corners = to_scan[:3, :3] @ ends + to_scan[:3, 3:]
    low = np.clip(np.floor(corners.min(1)) - 8, 0, ct.shape).astype(int)
    high = np.clip(np.ceil(corners.max(1)) + 9, 0, ct.shape).astype(int)
    i, j, k = (slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
    within = np.linalg.inv(shifted((i, j, k))) @ to_scan

    hu = ct.hu((i, j, k))
    # Grids finer than the frame's are smoothed first; seen along the scan's own axes.
    steps = np.abs(to_scan[:3, :3]).max(axis=1)
    if (steps > 1).any():
        hu = ndimage.gaussian_filter(hu, 0.5 * np.sqrt(np.maximum(steps, 1) ** 2 - 1), truncate=3.0)
    image = _sampled(hu, within, frame.shape, AIR_HU)
    stored = np.clip(np.rint(image), *HU_RANGE).astype(np.int16)
    share = _sampled(mask[i, j, k].astype(np.float32), within, frame.shape, 0.0)
    where = share >= min(0.5, share.max())
    _check_fits(mask, ct, where, frame)
    return Volume.from_array(stored, frame.affine), Volume.from_array(where, frame.affine)


def _sampled(image: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...], beyond: float) -> np.ndarray:
    linear = matrix[:3, :3]
    if np.array_equal(linear, np.diag(np.diag(linear))):
        linear = np.diag(linear)  # a faster way for scans along the patient's axes
    return np.asarray(
        ndimage.affine_transform(
            image, linear, matrix[:3, 3], output_shape=shape, output=np.float32, order=1, cval=beyond
        )
    )


def _check_fits(mask: np.ndarray, ct: Volume, where: np.ndarray, frame: Frame) -> None:
    extent = np.array([part.stop - part.start for part in tight_box(where)]) * frame.spacing_mm
    size = np.max(np.array([part.stop - part.start for part in tight_box(mask)]) * ct.spacing)
    if (extent + 2 * LEAST_AROUND_MM > frame.field_mm).any():
        shown = " x ".join(f"{mm:g}" for mm in frame.field_mm)
        raise InputError(f"the lesion is {size:.0f} mm long and does not fit into the field of {shown} mm; use --field")


def _three(what: str, text: str, low: float, high: float) -> tuple[float, float, float]:
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{what} '{text}': give three numbers in mm, separated by commas") from None
    if not all(low <= mm <= high for mm in (x, y, z)):
        raise InputError(f"{what} '{text}' is out of range; use {low:g} to {high:g} mm")
    return x, y, z
