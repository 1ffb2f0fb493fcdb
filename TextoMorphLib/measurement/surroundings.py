"""What a lesion is measured against: the healthy scan in and around its mask, looked at once for all that is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.patient_position import ON_BACK, Up
from TextoMorphLib.measurement.septa import noise_sheets_hu
from TextoMorphLib.spatial.even_tissue import robust_sd
from TextoMorphLib.spatial.own_range import WHOLE, Range
from TextoMorphLib.spatial.region import Region
from TextoMorphLib.spatial.tissue import smoothed

TEXTURE_MM = 1.3  # smoothing before texture is measured: most of the noise goes, most of the texture stays
NOISE_MM = 1.5  # what is finer than this is noise
TREND_MM = 4.0  # what is coarser than this is anatomy
AROUND_MM = 12.0  # how far around the mask parenchyma is looked for,
NEAR_MM, BRIGHTEST = 4.0, 95  # and what is brighter than that, as a percentile
BESIDE = 0.6  # under which share of it what varies is not the parenchyma's own
MOST_ACROSS = 0.5  # cosine of the angle between the way out and the way across slices, in their plane
BLENDED = 0.4  # how far around that share it counts in part
LIGHTLY = 0.5  # smoothing before calcium is looked for, voxels


@dataclass(frozen=True)
class Surroundings:
    """The scan before a lesion.

    Attributes:
        healthy: HU, on a 1 mm grid.
        depth: Signed distance to the mask's border in mm, of the same shape, positive inside.
        usable: Boolean, of the same shape: where the scan may be healthy; None for everywhere.
        parenchyma_hu: HU of the healthy tissue.
        up: Which way is up in the patient.
        unseen: Boolean, likewise: what lies beyond the scan's edge, if the lesion goes on there.
        limits: Between which HU the scan was stored, where that is known: what lies beyond cannot be told.
        across: The way across the scan's slices, a unit vector, if they are thick.
    """

    healthy: np.ndarray
    depth: np.ndarray
    usable: np.ndarray | None
    parenchyma_hu: float
    up: Up = ON_BACK
    unseen: np.ndarray | None = None
    limits: Range = WHOLE
    across: np.ndarray | None = None

    @classmethod
    def of(cls, region: Region) -> Surroundings:
        """What lesions in a region are measured against."""
        seen = (region.ct, region.depth, region.usable, region.parenchyma_hu)
        return cls(*seen, region.up, region.unseen, region.limits, region.across)

    def within(self, healthy: np.ndarray, depth: np.ndarray) -> Surroundings:
        """The same with the mask's border drawn otherwise: tissue and noise are still those of the first."""
        other = replace(self, healthy=healthy, depth=depth)
        for name in ("tissue", "brightest_hu", "noise_hu", "noise_left_hu", "noise_sheets_hu"):
            vars(other)[name] = getattr(self, name)
        return other

    def no_noisier(self, inside_hu: float) -> Surroundings:
        """The same where smoothing leaves no more noise than it leaves of a lesion's own fine noise.

        Where little healthy tissue is around, fat and vessels are taken for noise, and texture is hidden by it. That
        does not hang on which side of `BESIDE` a scan is, either.

        Args:
            inside_hu: That noise's standard deviation, as `noise_hu` tells it.
        """
        other = self.within(self.healthy, self.depth)
        left, own = self._noise_left_hu
        mixed = float(np.clip((BESIDE - own / max(left, 1e-6)) / BLENDED + 0.5, 0, 1))
        strength = min(inside_hu / max(self.noise_hu, 1e-6), 1.0)
        vars(other)["noise_left_hu"] = (mixed * own + (1 - mixed) * left) * strength
        return other

    @cached_property
    def tissue(self) -> np.ndarray:
        """Boolean: the voxels in and around the mask that are plain parenchyma."""
        smooth = smoothed(self.healthy, NOISE_MM, self.usable)
        near = self.depth > -AROUND_MM
        if self.usable is not None:
            near = or_all(near & self.usable, near)
        apart = np.abs(smooth - self.parenchyma_hu)
        return or_all(near & (apart < np.clip(3 * float(np.median(apart[near])), 8, 30)), near)

    @cached_property
    def in_plane(self) -> np.ndarray:
        """Boolean: where the way out of the lesion is in the plane of thick slices; they blur what lies across them."""
        if self.across is None:
            return np.ones(self.depth.shape, bool)
        out = np.stack(np.gradient(self.depth))
        along = np.abs(np.tensordot(self.across, out, 1))
        return np.asarray(along < MOST_ACROSS * np.linalg.norm(out, axis=0))

    @cached_property
    def brightest_hu(self) -> float:
        """HU of the brightest of what was in and right around the mask: cortex, vessels."""
        near = self.depth > -NEAR_MM
        if self.usable is not None:
            near = or_all(near & self.usable, near)
        return float(np.percentile(ndimage.gaussian_filter(self.healthy, LIGHTLY)[near], BRIGHTEST))

    @cached_property
    def noise_hu(self) -> float:
        """Standard deviation of the fine noise in the parenchyma, HU."""
        return noise_hu(self.healthy, self.tissue)

    @cached_property
    def noise_left_hu(self) -> float:
        """Standard deviation of the noise that smoothing before texture is measured leaves, HU.

        Where much less is left within the parenchyma alone, what lies beside it was smoothed into it: a kidney's
        medulla beside its cortex, or fat, is no noise.
        """
        left, own = self._noise_left_hu
        return own if own < BESIDE * left else left

    @cached_property
    def _noise_left_hu(self) -> tuple[float, float]:
        """What smoothing leaves of it, HU: with what lies beside the parenchyma, and within that alone."""
        left, own = (
            robust_sd((smoothed(self.healthy, TEXTURE_MM, of) - smoothed(self.healthy, TREND_MM, of))[self.tissue])
            for of in (None, self.tissue)
        )
        return left, own

    @cached_property
    def noise_sheets_hu(self) -> float:
        """The sheets that noise alone gives, HU; see `septa.septa_hu`."""
        return noise_sheets_hu(self.healthy, self.tissue)


def noise_hu(scan: np.ndarray, where: np.ndarray) -> float:
    """Standard deviation of a scan's fine noise at some places, HU."""
    return robust_sd((scan - ndimage.gaussian_filter(scan, NOISE_MM))[where])


def or_all(some: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    """Some places; others where there are none."""
    return some if some.any() else fallback
