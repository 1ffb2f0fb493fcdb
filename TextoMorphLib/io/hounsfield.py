"""Whether a scan's values are HU: told from where its tissues lie on the scale.

A CT of the body has soft tissue from 0 to about 200 HU and most often fat at -100 and air or lung from -1000 to -700;
nothing fills the gap between lung and fat or lies under air. Other scales (MR, PET, 8 bits, stored values without their
rescale, a rescale applied twice, a factor) have their peaks elsewhere. Where neither pure fat nor fat with air is there
to show it, nothing tells an offset of 50 HU from contrast, and a doubt says that the scale could not be checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from TextoMorphLib.errors import InputError, doubt
from TextoMorphLib.io.fat_level import PURE_HU, pure_fat_hu
from TextoMorphLib.io.jumps import jump
from TextoMorphLib.io.on_disk import let_go

if TYPE_CHECKING:
    from TextoMorphLib.io.volume import Array, Volume

SPACING_MM = (0.1, 20.0)
TILTED, MOST_TILTED = 1.5, 35.0  # degrees; gantries tilt by up to 30
BRIGHTEST_HU = 35_000.0  # metal on an extended scale
FAT_AND_AIR_HU = (-1500.0, -30.0)
SOFT_TISSUE_HU = (-30.0, 250.0)  # of unenhanced and enhanced organs, scan noise and all
DENSE_HU = -210.0  # from fat on
# Where values are common in a CT, and nowhere else; those of air itself lie close together
PEAKS_HU = {"air": (-1060.0, -930.0), "lung": (-930.0, -680.0), "fat": (-130.0, -55.0), "soft": (-10.0, 240.0)}
BROAD_HU = 150.0  # peaks that are wider at half their height than this are several tissues, and tell nothing
# Air around the body, as scanners are calibrated to it (and what scans are cut off at); no lung lies so close together
AIR_HU, THIN_AIR_HU, LUNG_WIDE_HU = (-1032.0, -965.0), -850.0, 95.0
WHOLE_MM, MUCH_AIR = 270.0, 0.25  # the least width of a scan that shows it, and the least share of air
_FLOOR = 0.05  # the share of the lowest value from which on it was cut off there
# Windows end above this much; the highest value is commoner there than all in so many HU under it, which are there, too
CEILING_HU, _UNDER_CEILING_HU, _LEAST_UNDER, _LEAST_AT = (100.0, 1000.0), 40.0, 0.02, 4
FAT_TO_SOFT_HU = (105.0, 300.0)  # from fat's peak to that of soft tissue, from unenhanced muscle to kidneys,
AIR_TO_FAT_HU = (850.0, 940.0)  # and from air's to fat's
OFF_BY = (0.07, 40.0)  # a factor and an offset that scanners do not leave
FAT_HU, GAP_HU = (-140.0, -60.0), (-350.0, -220.0)  # values are denser in the first where there is fat at all,
FATTER = 1.4  # by so much
LEAST_FAT = 0.0002  # the share that shows where the scale lies
PEAK, HILL = 0.3, 0.08  # by how much values are common where they peak, relative to where they are commonest
LEAST_SPREAD_HU = 22.0  # noise and tissues of the quietest crop
DENSEST_HU = 350.0  # the median of what is denser than air, bone apart
UNDER_AIR_HU = -1100.0  # scan noise in air, and no tissue
PLAUSIBLE_HU = (-1100.0, 4000.0)
_PADDING = 0.002  # the least share of a value under air that is repeated so often that it is padding, no noise
_EDGES = np.arange(-1200.0, 3001.0, 2.0)  # HU: of the steps in which values are counted
_SAMPLE = 1e6  # voxels; as many tell as much as all of them


@dataclass(frozen=True)
class _Peak:
    """Where values are common, and how wide that is at half its height."""

    hu: float
    wide: float

    @property
    def tissue(self) -> str | None:
        """What lies there in a CT; None for nothing."""
        for name, (low, high) in PEAKS_HU.items():
            if low < self.hu < high:
                return name
        return None


@dataclass(frozen=True)
class _Shares:
    """Which part of a scan's voxels lies where, padding left out."""

    fat_and_air: float
    soft_tissue: float
    under_air: float
    plausible: float
    middle: float  # the median of what is denser than fat, HU
    spread: float  # the width of the middle 90%, HU
    dense: float  # the median of fat and what is denser, HU
    fat: float  # what lies where fat does,
    air: float  # what is air, foam or thin lung
    floor: float  # the value at which the scan was cut off below, 0 for none,
    ceiling: float  # and above
    gap: float  # and as much would lie there if it were but partly air
    peaks: tuple[_Peak, ...]  # where values are commonest,
    hills: tuple[_Peak, ...]  # and where they are commoner than beside


def check_ct(volume: Volume, assume_hu: bool | None = None) -> None:
    """Make sure that a volume is a CT in HU.

    Where it cannot be told from the values (a crop without fat and air) a `Doubt` says so, and where the scale seems
    to change from one slice to the next.

    Args:
        volume: The scan.
        assume_hu: Take the values for HU, whatever they look like; what would be refused is told as a doubt.
            None where the user has no such choice: nothing then speaks of it.

    Raises:
        InputError: A single slice, NaN or infinite voxels, spacing outside 0.1 to 20 mm, axes that no gantry tilts so
            far, or values that cannot be HU.
    """
    if min(volume.shape) < 2:
        raise InputError("a 3D scan is needed, this one is a single slice; give the whole CT volume")
    if volume.spacing.min() < SPACING_MM[0] or volume.spacing.max() > SPACING_MM[1]:
        size = " x ".join(f"{mm:.4g}" for mm in volume.spacing)
        raise InputError(f"the scan's spacing of {size} mm is outside 0.1 to 20 mm; check the header's units")
    _check_axes(volume)
    ends = _ends(volume.data)
    if not np.isfinite(ends).all():
        bad = volume.data.size - np.count_nonzero(np.isfinite(volume.data))
        raise InputError(f"the scan holds {bad} NaN or infinite voxels; replace them, by -1024 outside the body")
    low, high = sorted(float(end) * volume.slope + volume.intercept for end in ends)
    step = max(1, round((volume.data.size / _SAMPLE) ** (1 / 3)))
    sample = volume.hu((slice(None, None, step),) * 3)
    known = ~_padding(sample)
    shares = _shares(sample[known])
    if jumps := jump(volume):
        doubt(jumps)
    _tell_of_cuts(shares)
    if reason := _not_hu(shares, high, volume):
        told = f"values run from {low:g} to {high:g} and {reason}"
        if not assume_hu:
            raise InputError(
                f"the scan is not in HU: {told}; give a CT in Hounsfield units (air -1000, water 0)"
                + ("" if assume_hu is None else ", or add --assume-hu if you know that it is")
            )
        doubt(f"the scan is taken to be in HU as you say, though {told}")
    elif assume_hu:
        return
    elif reason := (_odd(shares) or _odd_air(shares, volume)):
        doubt(f"the scan may not be in HU: {reason}; make sure that air is -1000 and water 0 in it")
    elif not _shown(shares, sample, known, volume.spacing * step):
        doubt(
            "the HU scale could not be checked: no pure fat is in this part of the body to show it, and an offset or a "
            "factor would not be seen; make sure that air is -1000 and water 0 in it"
            + ("" if assume_hu is None else " (--assume-hu: you have)")
        )


def _tell_of_cuts(shares: _Shares) -> None:
    """Tells of HU that were cut off, as by a window, below or above."""
    told = {shares.floor: "darker, such as air,"} if THIN_AIR_HU < shares.floor < 0 else {}
    told |= {shares.ceiling: "brighter, such as bone and calcium,"} if shares.ceiling else {}
    for hu, what in told.items():
        doubt(
            f"the scan's HU were cut off at {hu:g} (a window?): what is {what} cannot be told from it; give the scan "
            "before that, if you have it"
        )


def _check_axes(volume: Volume) -> None:
    """Tells of axes that are not at right angles.

    Raises:
        InputError: They are farther from it than a tilted gantry leaves them.
    """
    axes = volume.affine[:3, :3] / volume.spacing
    apart = np.degrees(np.arcsin(np.clip(np.abs(axes.T @ axes - np.diag(np.ones(3))).max(), 0, 1)))
    if apart > MOST_TILTED:
        raise InputError(
            f"the scan's axes are {apart:.0f} degrees off right angles, which no gantry is; check the header"
        )
    if apart > TILTED:
        doubt(
            f"the scan's axes are {apart:.0f} degrees off right angles (a tilted gantry?): it is kept so, and "
            f"distances across its slices may be off by up to {np.tan(np.radians(apart)):.0%}"
        )


def _ends(data: Array) -> tuple[Any, Any]:
    """The least and the largest value, NaN if there is one; of a scan on disk, memory holds some planes at a time."""
    if not data.flags.f_contiguous:
        return data.min(), data.max()
    lows, highs = [], []
    thick = max(1, int(_SAMPLE) * data.shape[2] // data.size)
    for start in range(0, data.shape[2], thick):
        planes = data[..., start : start + thick]
        lows.append(planes.min())
        highs.append(planes.max())
        let_go(data)
    return np.min(lows), np.max(highs)


def _shown(shares: _Shares, sample: Array, known: Array, spacing: Array) -> bool:
    """Whether what the scan holds shows that its scale is HU: air, fat and soft tissue where they are, or pure fat."""
    # Air and fat tell factor and offset; contrast medium and noise make soft tissue broad.
    at = {peak.tissue for peak in shares.peaks if peak.wide < BROAD_HU or peak.tissue == "soft"}
    if {"air", "fat", "soft"} <= at:
        return True
    fat = pure_fat_hu(sample, known, spacing)
    return fat is not None and PURE_HU[0] < fat < PURE_HU[1]


def _shares(hu: Array) -> _Shares:
    """Of the values that are no padding."""
    hu = np.sort(hu)  # what follows is quick then
    value = hu.dtype.type  # a bound of another type would have all values made one of its type

    def over(low: float) -> Array:
        return hu[np.searchsorted(hu, value(low), "right") :]

    def share(low: float, high: float) -> float:
        count = np.searchsorted(hu, value(high), "left") - np.searchsorted(hu, value(low), "right")
        return float(count / hu.size) if hu.size else 0.0

    denser, dense = over(FAT_AND_AIR_HU[1]), over(DENSE_HU)
    ends = np.percentile(hu, (5, 95)) if hu.size else np.zeros(2)
    smooth = _smooth(hu)
    return _Shares(
        fat_and_air=share(*FAT_AND_AIR_HU),
        soft_tissue=share(*SOFT_TISSUE_HU),
        under_air=share(-np.inf, UNDER_AIR_HU),
        plausible=share(*PLAUSIBLE_HU),
        middle=float(np.median(denser)) if denser.size else 0.0,
        spread=float(ends[1] - ends[0]),
        dense=float(np.median(dense)) if dense.size else 0.0,
        fat=share(*FAT_HU),
        air=share(FAT_AND_AIR_HU[0], -750.0),
        floor=float(hu[0]) if hu.size and np.searchsorted(hu, hu[0], "right") > _FLOOR * hu.size else 0.0,
        ceiling=_ceiling(hu),
        gap=share(*GAP_HU) * (FAT_HU[1] - FAT_HU[0]) / (GAP_HU[1] - GAP_HU[0]),
        peaks=_peaks(smooth, PEAK),
        hills=_peaks(smooth, HILL),
    )


def _ceiling(hu: Array) -> float:
    """The value at which sorted HU were cut off above, 0 for none: there is more of it than of all just under it."""
    if not hu.size or not CEILING_HU[0] <= hu[-1] <= CEILING_HU[1]:
        return 0.0
    start, top = np.searchsorted(hu, [hu[-1] - hu.dtype.type(_UNDER_CEILING_HU), hu[-1]])
    at, under = hu.size - top, top - start
    return float(hu[-1]) if at >= _LEAST_AT and _LEAST_UNDER * at < under < at else 0.0


def _smooth(hu: Array) -> Array:
    """How often values, sorted, occur in steps of 2 HU, smoothed by 8; the ends may be where values were cut off.

    scipy.ndimage would do it, too, and takes a fifth of a second to import.
    """
    within = hu[np.searchsorted(hu, hu[0], "right") : np.searchsorted(hu, hu[-1], "left")] if hu.size else hu
    count = np.diff(np.searchsorted(within, _EDGES.astype(hu.dtype)))
    bell = np.exp(-0.5 * (np.arange(-16, 17) / 4.0) ** 2)
    return np.convolve(count, bell / bell.sum(), mode="same")


def _peaks(smooth: Array, share: float) -> tuple[_Peak, ...]:
    """Where values are common: all that stand out enough from fat on."""
    least = max(share * smooth[_EDGES[:-1] > DENSE_HU].max(), 1e-9)
    tops = [index for index in _tops(smooth) if _prominence(smooth, index) >= least]
    return tuple(_Peak(float(_EDGES[index] + 1), 2.0 * _width(smooth, index)) for index in tops)


def _tops(values: Array) -> list[int]:
    """Where a value is above the one before and not under the one after."""
    rising = np.diff(values) > 0
    return [int(index) for index in np.flatnonzero(rising[:-1] & ~rising[1:]) + 1]


def _width(values: Array, top: int) -> int:
    """How many values around a top are over half of it."""
    under = np.flatnonzero(values <= values[top] / 2)
    return int(min(under[under > top], default=values.size) - max(under[under < top], default=-1))


def _prominence(values: Array, top: int) -> float:
    """How far one has to go down from a top before one can go up higher; scipy.signal takes half a second to import."""
    higher = np.flatnonzero(values > values[top])
    left, right = higher[higher < top], higher[higher > top]
    before = values[left[-1] if left.size else 0 : top + 1]
    after = values[top : right[0] + 1 if right.size else None]
    return float(values[top] - max(before.min(), after.min()))


def _odd(shares: _Shares) -> str:
    """What is unlike a CT without ruling it out; empty if nothing is."""
    peaks = [peak for peak in shares.peaks if peak.wide < BROAD_HU]
    for peak in peaks:
        if peak.tissue is None:
            return f"values are common at {peak.hu:.0f}, where no tissue of a CT is"
    if not PEAKS_HU["fat"][0] < shares.dense < PEAKS_HU["soft"][1]:
        return f"most of what is no air lies about {shares.dense:.0f}, where no soft tissue is"
    at = {name: [peak.hu for peak in peaks if peak.tissue == name] for name in PEAKS_HU}
    for one, other, (least, most) in (("fat", "soft", FAT_TO_SOFT_HU), ("air", "fat", AIR_TO_FAT_HU)):
        if at[one] and at[other] and not least < (apart := min(at[other]) - min(at[one])) < most:
            return (
                f"values are common at {min(at[one]):.0f} and {min(at[other]):.0f}, "
                f"and {one} and {other} are no {apart:.0f} HU apart"
            )
    if shares.spread < LEAST_SPREAD_HU:
        return f"nearly all values lie within {shares.spread:.0f} of each other"
    return ""


def _odd_air(shares: _Shares, volume: Volume) -> str:
    """Whether the air around the body lies where none is, as after a factor of 0.95; empty if it does not.

    Within the body, and beside it, gas and cushions lie anywhere down to -960: a scan must show the body's width
    and much air.
    """
    wide_mm = sorted(volume.spacing * volume.shape)[1]
    airs = [peak.hu for peak in shares.hills if peak.hu < THIN_AIR_HU and peak.wide < LUNG_WIDE_HU]
    airs += [shares.floor] if shares.floor < THIN_AIR_HU else []
    if wide_mm < WHOLE_MM or shares.air < MUCH_AIR or not airs or AIR_HU[0] < min(airs) < AIR_HU[1]:
        return ""
    return f"air seems to lie at {min(airs):.0f}"


def _other_scale(shares: _Shares) -> str:
    """Air, fat and soft tissue on a scale of their own: told by how far they are apart; empty if there is none."""
    found = ""
    has_fat = shares.fat > max(LEAST_FAT, FATTER * shares.gap)
    for air, fat, soft in combinations([peak.hu for peak in shares.hills], 3):
        if not FAT_TO_SOFT_HU[0] / 900 < (soft - fat) / (fat - air) < 0.25:
            continue
        if PEAKS_HU["fat"][0] < fat < PEAKS_HU["fat"][1] and PEAKS_HU["soft"][0] < soft < PEAKS_HU["soft"][1]:
            return ""  # and the third is lung
        if has_fat and PEAKS_HU["lung"][0] < air < PEAKS_HU["lung"][1]:
            continue  # of lung and two organs, fat may lie as far apart
        factor = (fat - air) / 900
        offset = air + 1000 * factor
        if abs(factor - 1) < OFF_BY[0] and abs(offset) < OFF_BY[1]:
            return ""
        found = f"air, fat and soft tissue seem to lie at {air:.0f}, {fat:.0f} and {soft:.0f}"
    return found


def _padding(hu: Array) -> Array:
    """Where values under air are repeated: what lies outside the scanner's field, or is unknown."""
    under = hu < UNDER_AIR_HU
    if not under.any():
        return under
    values, counts = np.unique(hu[under], return_counts=True)
    return under & np.isin(hu, values[counts > _PADDING * hu.size])


def _not_hu(shares: _Shares, high: float, volume: Volume) -> str:
    """Why the values cannot be HU; empty if they can."""
    if high > BRIGHTEST_HU:
        return "some lie beyond any metal"
    if shares.under_air > 0.02:
        return f"{shares.under_air:.0%} lie under {UNDER_AIR_HU:g}, where nothing is (was an offset applied twice?)"
    if shares.soft_tissue < 0.01:
        return "hardly any lie from -30 to 250, where soft tissue would be"
    if shares.plausible < 0.95:
        return "many lie beyond air and bone"
    if shares.dense > DENSEST_HU:
        return f"most of what is no air lies about {shares.dense:.0f}, far above soft tissue"
    if reason := _other_scale(shares):
        return reason
    if shares.fat_and_air < 0.001:
        # Soft tissue alone: possible in a crop, with the spread of organs and scan noise and nothing else.
        if volume.data.dtype.kind == "u" and volume.intercept == 0 and volume.slope == 1:
            return "hardly any lie below -30, where fat and air would be, in a type that holds none below 0"
        widest = 220 if shares.fat_and_air == 0 and high <= 255 else 260  # pictures fill their 8 bits
        if not (0 < shares.middle < 200 and 5 < shares.spread < widest):
            return "hardly any lie below -30, where fat and air would be"
    return ""
