"""The noise of lesions against a reference: what is told of both, and what of a reference is not known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.evaluation import grain, grain_fine, grain_measures
from TextoMorphLib.evaluation.known_noise import LEAST_SD_HU, planted
from TextoMorphLib.io.volume import Volume

MM = np.array([0.8, 0.8, 3.0])
SHAPE = (120, 120, 16)


def organ() -> tuple[Volume, np.ndarray]:
    """An organ of 80 HU with steps to its neighbours and a noise of its own, and a ball in it."""
    at = (np.indices(SHAPE) - np.reshape(SHAPE, (3, 1, 1, 1)) / 2) * MM[:, None, None, None]
    hu = np.where(np.hypot(at[0], at[1]) < 40, 80.0, -100.0) + np.random.default_rng(0).normal(0, 12, SHAPE)
    return Volume.from_array(np.rint(hu).astype(np.int16), np.diag([*MM, 1])), np.linalg.norm(at, axis=0) < 12


@pytest.mark.parametrize("seed", range(3))
def test_known_noise_is_told_as_it_is(seed: int) -> None:
    ct, mask = organ()
    found = planted(ct, (slice(0, SHAPE[0]), slice(0, SHAPE[1]), slice(0, SHAPE[2])), seed)
    truth = grain_measures.grain(found.noise, np.ones(SHAPE, bool), MM)
    assert truth.sd > 0.9 * LEAST_SD_HU
    drawn = replace(found.volume, data=found.volume.data + 1)
    same = grain.compare(found.volume, [drawn], mask, None, truth)
    assert same["lesion"]["sd"] == pytest.approx(truth.sd, rel=0.12)
    for name in ("along_i", "along_j", "along_k"):
        assert same["lesion"][name] == pytest.approx(same["tissue"][name], abs=0.1)
    by_tissue = grain.compare(found.volume, [drawn], mask)
    assert by_tissue["tissue"]["sd"] == pytest.approx(truth.sd, rel=0.08)
    assert max(by_tissue["scatter"].values()) < 0.1 * max(truth.sd, 1)


def test_known_noise_is_all_there_is() -> None:
    """The scan's own is taken away where it is smooth, too, up to the first and the last slice; edges are not."""
    ct, mask = organ()
    own = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=SHAPE), (0.8, 0.8, 0.4))
    edges = np.where(ct.hu() > 0, 80.0, -100.0)
    smooth = replace(ct, data=np.rint(edges + 15 * own / own.std()).astype(np.int16))
    found = planted(smooth, (slice(0, SHAPE[0]), slice(0, SHAPE[1]), slice(0, SHAPE[2])), 0)
    left = found.volume.hu() - found.noise - edges
    assert left[mask].std() < 0.3 * 15
    assert np.abs(left.mean(axis=2)).max() < 25
    of_slices = found.noise.std(axis=(0, 1))
    np.testing.assert_allclose(of_slices, of_slices.mean(), rtol=0.05)


def test_another_noise_in_the_lesion_is_seen() -> None:
    ct, mask = organ()
    found = planted(ct, (slice(0, SHAPE[0]), slice(0, SHAPE[1]), slice(0, SHAPE[2])), 0)
    hu = found.volume.hu()
    hu[mask] = 80 + np.random.default_rng(1).normal(0, 1.3 * found.noise.std(), np.count_nonzero(mask))
    row = grain.compare(found.volume, [replace(found.volume, data=hu)], mask)
    told = grain._apart(row)
    assert not told["within"]["sd"]
    assert not told["within"]["along_i"]
    assert not told["not_beyond"]["sd"]
    assert not told["or_interval"]["sd"]
    assert not told["at_place"]["sd"]
    assert told["tissue_at_place"]["sd"]
    assert told["determinable"]["sd"]


def test_what_is_around_a_lesion_of_few_slices_is_not_taken_for_undrawn() -> None:
    ct, mask = organ()
    mask[:, :, :6] = mask[:, :, 10:] = False  # four slices, as 18 mm at 5 mm between slices
    hu = ct.hu()
    hu[mask] = 80 + np.random.default_rng(1).normal(0, 12, np.count_nonzero(mask))
    assert grain.compare(ct, [replace(ct, data=hu)], mask)["lesion"]["sd"] == pytest.approx(12, rel=0.15)
    left = mask & (np.indices(SHAPE)[0] > 49)  # most of it was not drawn: what is left is too little to measure
    hu[left] = ct.hu()[left]
    assert grain.compare(ct, [replace(ct, data=hu)], mask) == {}


def test_a_reference_of_two_noises_is_indeterminate() -> None:
    ct, _ = organ()
    hu = ct.hu()
    hu[:60] += np.random.default_rng(2).normal(0, 30, hu[:60].shape)
    where = np.zeros(SHAPE, bool)
    where[40:80, 40:80, 7] = True
    halves = grain_measures.scatter(hu, where, MM)
    assert halves["sd"] > 0.1 * grain_measures.grain(hu, where, MM).sd
    assert grain_measures.scatter(ct.hu(), where, MM)["sd"] < halves["sd"]


def test_noise_that_grows_across_a_slice_is_known_at_the_lesions_place_alone() -> None:
    """A lesion as noisy as its place is right there, whatever the tissue beside it says."""
    ct, mask = organ()
    hu = ct.hu()
    louder = np.linspace(0.4, 1.6, SHAPE[0], dtype=np.float32)[:, None, None]
    hu[:] = np.where(hu > 0, 80 + louder * (hu - 80), hu)
    hu[np.roll(mask, -24, 0) | ~(np.roll(mask, 24, 0) | mask) & (hu > 0)] = -100  # even tissue is on the louder side
    before = replace(ct, data=hu)
    drawn = hu.copy()
    drawn[mask] = 80 + np.random.default_rng(4).normal(0, 12, np.count_nonzero(mask))
    found = grain.compare(before, [replace(ct, data=drawn)], mask)
    assert found["fine_lesion"]["sd"] == pytest.approx(found["fine_before"]["sd"], rel=0.1)
    assert grain._apart(found)["at_place"]["sd"]


def test_where_no_tissue_is_even_the_place_itself_is_told() -> None:
    ct, mask = organ()
    steep = ct.hu() + 6 * np.indices(SHAPE)[0]
    found = grain.compare(replace(ct, data=steep), [replace(ct, data=steep + 1)], mask)
    told = grain._apart(found)
    assert np.isnan(found["tissue"]["sd"])
    assert told["within"] == dict.fromkeys(grain_measures.NAMES)
    assert told["at_place"]["sd"]


def test_finest_detail_is_measured_beside_an_edge() -> None:
    ct, mask = organ()
    hu = ct.hu()
    hu[60:] += 80
    assert grain_fine.fine(hu, mask, MM).sd == pytest.approx(grain_fine.fine(ct.hu(), mask, MM).sd, rel=0.1)


def test_the_reference_is_even_tissue_near_by_however_loud_it_is() -> None:
    """Vessels that noise hides are no part of it, and what is farther away and quieter is not taken for it."""
    ct, mask = organ()
    hu = ct.hu()
    at = np.indices(SHAPE)
    near = np.hypot(*(at[:2] - 60) * MM[0]) < 28
    hu[near] = 80 + 1.25 * (hu[near] - 80)
    where = grain.even(hu + 40 * ((at[0] > 70) & (at[0] % 12 < 4)), mask, MM, grain.BORDER_MM)
    assert not where[72:, :, :].any()
    assert np.count_nonzero(where & near) > 0.8 * np.count_nonzero(where)
    assert grain_measures.grain(hu, where & near, MM).sd == pytest.approx(15, rel=0.08)
