"""Where a window cut a scan off is told by what heaps up there; whole scans, and images without noise, have no ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.own_range import WHOLE, own_range


def scan(sd: float = 12.0) -> np.ndarray:
    """Soft tissue with bone on one side, air on the other, and padding, HU."""
    noise = np.random.default_rng(0).normal(0, sd, (60, 60, 30)) if sd else 0.0
    tissue = np.full((60, 60, 30), 90.0)
    tissue[:8], tissue[-8:] = 700, -950
    hu = ndimage.gaussian_filter(tissue, 1.0) + noise
    hu[:, :3] = -2000
    return hu


@pytest.mark.parametrize("ends", [(-150.0, 250.0), (-np.inf, 240.0), (-960.0, np.inf)])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_scan_that_a_window_cut_off_has_its_ends(ends: tuple[float, float], dtype: type) -> None:
    hu = scan()
    known = hu > -1500
    hu[known] = np.clip(hu[known], *ends)
    assert own_range(Volume.from_array(hu.astype(dtype), np.eye(4))) == ends


@pytest.mark.parametrize("sd", [0.0, 5.0, 30.0])
def test_a_whole_scan_and_a_drawn_one_have_none(sd: float) -> None:
    assert own_range(Volume.from_array(np.rint(scan(sd)).astype(np.int16), np.eye(4))) == WHOLE
    assert own_range(Volume.from_array(np.full((30, 30, 30), 60, np.int16), np.eye(4))) == WHOLE
