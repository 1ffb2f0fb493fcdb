"""What a mask lies on: how much of it is air, lung, fat, bone or soft tissue, and what of that its user should know.

Told by HU alone, before any work is done: a tumour in air or on a rib is drawn as readily as one in the liver.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.geometry import Box, across_patient, ball_mm, grow, tight_box
from TextoMorphLib.spatial.region import lesions, without_organ
from TextoMorphLib.spatial.tissue import UNKNOWN_HU

# Tissues by the lower end of their HU, smoothed; what a mask over each is called.
LOWER_HU = {"air": UNKNOWN_HU, "lung": -930.0, "fat": -250.0, "soft": -30.0, "bone": 300.0}
WORDS = {
    "unknown": "where the scan has no image (padding)",
    "outside": "outside the body",
    "air": "in air",
    "lung": "in lung",
    "fat": "in fat",
    "bone": "in bone or dense contrast",
    "organ": "outside the organ",
}
SMOOTHING_MM = 0.7  # less than a voxel of most scans: noise must not make fat of soft tissue
LEAST_SHARE = {"fat": 0.1, "organ": 0.1, "bone": 0.0005}  # from which share on it is said; of the others:
LEAST_OTHER_SHARE = 0.05
# An organ's label may leave lesions out: a mask lies in a hole of it where the organ has so much more of what is right
# around the mask than of the mask: 0.29 and more in 99 labels of pancreatic tumours, 0.2 at most of a ball that dips
# into a flat organ.
HOLE = 0.25
LEAST_MM = 5.0  # diameter: a smaller lesion is about one voxel of the latent, in which lesions are drawn
COARSE_MM = 4.0  # the grid on which the body is told from what is around it
BODY_HU = -400.0
BONE_MM = 25.0  # how far around a mask bone is looked for: what it encloses is marrow, as dense as soft tissue,
GAP_MM = 3.0  # and how wide gaps in it may be


def shares(ct: Volume, mask: np.ndarray, organ_mask: np.ndarray | None = None) -> dict[str, float]:
    """How much of a mask lies on what.

    Args:
        ct: The scan.
        mask: Boolean, of the scan's shape, not empty.
        organ_mask: Boolean, of the scan's shape: the organ that the lesion should lie in.

    Returns:
        Shares of the mask, 0 to 1, that add up to 1: "unknown", "outside" (the body), "air", "lung", "fat", "soft"
        and "bone"; besides, with an organ mask, the share that is not in it: "organ"; none of a mask that fills
        a hole in the organ.
    """
    tight = tight_box(mask)
    box = grow(tight, np.ceil(BONE_MM / ct.spacing), ct.shape)
    inside = mask[box]
    hu = ct.hu(box)
    unknown = hu <= UNKNOWN_HU
    sigma = SMOOTHING_MM / ct.spacing
    smooth = ndimage.gaussian_filter(np.where(unknown, np.float32(0), hu), sigma)
    if unknown.any():  # padding is no neighbour that counts
        smooth /= np.maximum(ndimage.gaussian_filter((~unknown).astype(np.float32), sigma), 1e-3)
    names = (*LOWER_HU, "outside", "unknown")
    kinds = np.digitize(smooth[inside], list(LOWER_HU.values())[1:])
    kinds[(kinds == names.index("soft")) & _bone(smooth, ct)[inside]] = names.index("bone")
    kinds[_outside(ct, box)[inside]] = names.index("outside")
    kinds[unknown[inside]] = names.index("unknown")
    found = dict(zip(names, (np.bincount(kinds, minlength=len(names)) / kinds.size).tolist(), strict=True))
    if organ_mask is not None:
        found["organ"] = _beside_organ(inside, organ_mask[box])
    return found


def warnings(ct: Volume, mask: np.ndarray, organ_mask: np.ndarray | None = None) -> list[str]:
    """What is doubtful about where a mask lies and how small it is, in words; nothing for most in soft tissue.

    Args:
        ct: The scan.
        mask: Boolean, of the scan's shape; each lesion of several is looked at by itself.
        organ_mask: Boolean, of the scan's shape: the organ that the lesion should lie in.

    Returns:
        Sentences without a full stop, such as "72% of the mask lies in air".
    """
    found = list(lesions(mask, ct.spacing))
    said = []
    if organ_mask is not None and (none_left := without_organ(ct, mask, organ_mask)):
        said, organ_mask = [none_left], None
    for number, (tight, lesion) in enumerate(found, start=1):
        own = np.zeros(mask.shape, bool)
        own[tight] = lesion
        said += in_words(shares(ct, own, organ_mask), f"lesion {number}" if len(found) > 1 else "the mask")
    return said + _too_small([lesion for _, lesion in found], ct.voxel_mm3)


def _beside_organ(inside: np.ndarray, organ: np.ndarray) -> float:
    """Which share of a mask lies beside an organ; none of it where the organ's label leaves the lesion out."""
    rim = ndimage.maximum_filter(inside, 3) & ~inside
    held = float(np.mean(organ[inside]))
    in_hole = rim.any() and np.mean(organ[rim]) >= min(held + HOLE, 1.0)
    return 0.0 if in_hole else 1 - held


def _too_small(found: list[np.ndarray], voxel_mm3: float) -> list[str]:
    """Whether lesions, or pieces of them, have no room for what a text can ask for, in one sentence."""
    voxels = np.concatenate([_pieces(lesion) for lesion in found])
    across = np.array([ball_mm(each) for each in voxels * voxel_mm3])
    small = across < LEAST_MM
    if not small.any():
        return []
    told = f"{np.count_nonzero(small)} of the {small.size} pieces of the mask are {across[small].max():.1f} mm across"
    told += " or less"
    if small.size == 1:
        held = "1 voxel" if voxels[0] == 1 else f"{voxels[0]} voxels"
        told = f"the mask has {held}, {across[0]:.1f} mm across"
    return [
        f"{told}; below {LEAST_MM:g} mm hardly a lesion is seen, whatever is asked, and below 8 mm there is little "
        "room for walls, septa, calcium or texture"
    ]


def _pieces(lesion: np.ndarray) -> np.ndarray:
    """How many voxels each piece has."""
    return np.bincount(ndimage.label(lesion, np.ones((3, 3, 3)))[0].ravel())[1:]


def in_words(shares: Mapping[str, float], of: str = "the mask") -> list[str]:
    """The shares that should make one stop, largest first: "72% of the mask lies in air"."""
    doubtful = [
        (share, name)
        for name, share in shares.items()
        if name in WORDS and share >= LEAST_SHARE.get(name, LEAST_OTHER_SHARE)
    ]
    return [f"{_part(share)}{of} lies {WORDS[name]}" for share, name in sorted(doubtful, key=lambda pair: -pair[0])]


def _part(share: float) -> str:
    return "" if share > 0.995 else f"{share:.0%} of " if share >= 0.005 else "less than 1% of "


def _bone(smooth: np.ndarray, ct: Volume) -> np.ndarray:
    """Bone with its marrow: what is dense, and what that encloses across the patient."""
    dense = smooth > LOWER_HU["bone"]
    if not dense.any():
        return dense
    reach = [int(each) for each in np.maximum(np.rint(GAP_MM / ct.spacing), 1)]
    wide = np.pad(dense, [(each, each) for each in reach]).astype(np.uint8)
    size = [2 * each + 1 for each in reach]
    closed = ndimage.minimum_filter(ndimage.maximum_filter(wide, size, mode="constant"), size, mode="constant")
    return _filled(closed[tuple(slice(each, -each) for each in reach)] > 0, ct)


def _outside(ct: Volume, box: Box) -> np.ndarray:
    """Where a box of the scan lies outside the body: beyond the largest piece of no air, holes and lungs filled."""
    step = np.maximum(np.floor(COARSE_MM / ct.spacing), 1).astype(int)
    i, j, k = (slice(None, None, int(each)) for each in step)
    hu = ct.hu((i, j, k))
    pieces, count = ndimage.label(ndimage.gaussian_filter(hu, 0.7) > BODY_HU)
    if not count:
        return np.ones([part.stop - part.start for part in box], bool)
    # Of the slices, in which holes are filled, the box's alone.
    axis = across_patient(ct.affine)
    near = [slice(None)] * 3
    near[axis] = slice(max(box[axis].start // step[axis] - 1, 0), (box[axis].stop - 1) // step[axis] + 2)
    body = _filled(pieces[tuple(near)] == np.bincount(pieces.ravel())[1:].argmax() + 1, ct)
    # Half a coarse voxel of skin is not told from air.
    body = ndimage.binary_dilation(body)
    # A lung that the scan's edge cuts is open to it as the room is, but holds more than air.
    open_, count = ndimage.label(~body)
    middle = ndimage.median(hu[tuple(near)], open_, np.arange(1, count + 1))
    body |= np.isin(open_, 1 + np.flatnonzero(np.asarray(middle) > LOWER_HU["lung"]))
    at = (
        np.arange(part.start, part.stop) // each - (own.start or 0)
        for part, each, own in zip(box, step, near, strict=True)
    )
    return ~body[np.ix_(*(np.minimum(index, size - 1) for index, size in zip(at, body.shape, strict=True)))]


def _filled(image: np.ndarray, ct: Volume) -> np.ndarray:
    """With the holes of each slice across the patient's long axis: what is not joined to the slice's rim."""
    axis = across_patient(ct.affine)
    touching = ndimage.generate_binary_structure(3, 1)
    touching[tuple(slice(None, None, 2) if each == axis else 1 for each in range(3))] = False  # slices are apart
    rim = [(0, 0) if each == axis else (1, 1) for each in range(3)]
    pieces, _ = ndimage.label(np.pad(~image, rim, constant_values=True), touching)
    around = pieces[tuple(slice(None) if each == axis else slice(0, 1) for each in range(3))]
    return np.asarray((pieces != around)[tuple(slice(None) if each == axis else slice(1, -1) for each in range(3))])
