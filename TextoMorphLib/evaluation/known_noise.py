"""Scans whose noise is known: their own smoothed away around a place, and noise of a chosen strength and grain put in.

What is taken for the noise of a real scan is itself an estimate, with anatomy in it where even tissue is rare. Here the
anatomy is real and the noise is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.even_tissue import robust_sd
from TextoMorphLib.spatial.geometry import Box
from TextoMorphLib.spatial.tissue import UNKNOWN_HU

LEAST_SD_HU = 10.0
STRONGER = (1.0, 2.0)  # than the scan's own, of which smoothing leaves about a third
SIGMA = (0.4, 0.9)  # voxels within slices: neighbours correlate by 0.2 to 0.7,
SIGMA_ACROSS = (0.0, 0.5)  # and across them by 0 to 0.4
MEDIAN_VOXELS = 5  # of slices; keeps edges where it takes noise away,
SMOOTH_VOXELS = 0.7  # and rounds the steps that it leaves


@dataclass(frozen=True)
class Planted:
    """A scan with known noise, and that noise, HU, on the part of the scan that has it."""

    volume: Volume
    noise: np.ndarray


def planted(volume: Volume, box: Box, seed: int) -> Planted:
    """Puts noise of known properties into a box of a scan; what is cut off in the scan stays cut off.

    Args:
        volume: The scan.
        box: Where.
        seed: Decides strength, grain and the noise itself.
    """
    rng = np.random.default_rng(seed)
    hu, across = volume.hu(box), 2 - int(np.argmax(volume.spacing[::-1]))
    flat = np.array([axis != across for axis in range(3)])
    clean = ndimage.median_filter(hu, np.where(flat, MEDIAN_VOXELS, 1))
    clean = ndimage.gaussian_filter(clean, SMOOTH_VOXELS * flat)
    sigma = np.where(flat, rng.uniform(*SIGMA, 3), rng.uniform(*SIGMA_ACROSS))
    noise = ndimage.gaussian_filter(rng.normal(size=hu.shape), sigma)
    unknown = hu <= UNKNOWN_HU
    own = robust_sd((hu - clean)[~unknown])
    noise *= rng.uniform(*STRONGER) * max(own, LEAST_SD_HU) / noise.std()
    made = np.clip(clean + noise, hu[~unknown].min(initial=-1024), hu[~unknown].max(initial=-1024))
    return Planted(volume.with_hu(box, made, ~unknown), noise.astype(np.float32))
