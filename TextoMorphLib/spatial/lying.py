"""How the patient lay, where no header says so: the table that carries a patient is in most whole scans.

What is light rises away from it and what is heavy sinks towards it, even where a scan's axes are flipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.patient_position import upward
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.region import Region

BACK, FRONT = "HFS", "HFP"  # as DICOM codes it; that it is head first is of no account here
COARSE_MM = 3.0
BODY_HU, THING_HU = -300.0, -700.0  # the least of a body, and of a table
BLURRED = 2  # coarse voxels around the body that are no other thing
WHOLE_MM = (150.0, 100.0)  # from side to side, and from back to front: smaller bodies are crops of one,
MOST_CUT = 0.05  # and so are those that reach the scan's first or last row on more of the lines through them
LEAST, CLEARLY = 0.3, 3.0  # coarse voxels of a table on each line through the body, and how many more than opposite


def known(ct: Volume) -> Volume:
    """A scan that says how the patient lay, if that can be told; itself if not, or if it says so already."""
    found = "" if upward(ct.patient_position) else _seen(ct)
    return replace(ct, patient_position=found) if found else ct


def turned(ct: Volume, found: Sequence[Region]) -> tuple[list[Region], list[str]]:
    """Regions of a scan that know which way is up as far as it can be told, and what is taken for granted of it."""
    lying_so = known(ct)
    regions = list(found) if lying_so.up == ct.up else [replace(region, up=lying_so.up) for region in found]
    return regions, told(ct, lying_so)


def told(ct: Volume, found: Volume) -> list[str]:
    """What is taken for granted of how the patient lay, in words.

    Args:
        ct: The scan.
        found: What `known` made of it.
    """
    if upward(found.patient_position) is None:  # some headers have codes of other scanners, or of one who sat
        return ["the scan does not tell how the patient lay: gas and levels are drawn as if on the back"]
    if found is ct or found.patient_position == BACK:
        return []
    return [
        "what looks like the table lies in front of the patient: gas and levels are drawn as in one who lies on the "
        "front; if this one did not, the scan's axes are flipped"
    ]


def _seen(ct: Volume) -> str:
    """On which side of the body something long lies outside it, as DICOM codes how the patient lay; "" if on none."""
    hu, mm = _upright(ct)
    dense = ndimage.binary_opening(hu > BODY_HU, iterations=BLURRED)
    parts, count = ndimage.label(dense)
    if not count:
        return ""
    body = ndimage.binary_fill_holes(parts == np.bincount(parts.ravel())[1:].argmax() + 1)
    small = any((np.ptp(np.nonzero(body)[axis]) + 1) * mm[axis] < least for axis, least in enumerate(WHOLE_MM))
    cut = np.count_nonzero(body[:, [0, -1]]) > MOST_CUT * np.count_nonzero(body.any(1))
    if small or cut:
        return ""
    body = ndimage.binary_dilation(body, iterations=BLURRED)
    lines = body.any(1)
    first, last = body.argmax(1), body.shape[1] - 1 - body[:, ::-1].argmax(1)
    forward = np.arange(body.shape[1])[None, :, None]
    other = (hu > THING_HU) & ~body & lines[:, None]
    behind = int((other & (forward < first[:, None])).sum())
    before = int((other & (forward > last[:, None])).sum())
    least = LEAST * np.count_nonzero(lines)
    if behind >= max(least, CLEARLY * before):
        return BACK
    return FRONT if before >= max(least, CLEARLY * behind) else ""


def _upright(ct: Volume) -> tuple[np.ndarray, np.ndarray]:
    """HU in coarse voxels, with axes that run about to Right, Anterior and Superior, and their size in mm."""
    steps = np.maximum(np.rint(COARSE_MM / ct.spacing), 1).astype(int)
    i, j, k = (slice(None, None, step) for step in steps)
    coarse = ct.hu((i, j, k))
    axes = np.abs(ct.affine[:3, :3] / ct.spacing).argmax(axis=1)
    if len(set(axes)) < 3:  # as oblique as can be
        axes = np.arange(3)
    ways = [int(np.sign(ct.affine[row, axis])) or 1 for row, axis in enumerate(axes)]
    return np.transpose(coarse, axes)[tuple(slice(None, None, way) for way in ways)], (steps * ct.spacing)[axes]
