"""The realism benchmark: a classifier that finds what is there, and nothing where nothing is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from TextoMorphLib.evaluation import realism
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.synthesis import Synthesizer

SPACING = np.ones(3)


def _rings(trace: float, count: int = 80) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rings of noise; `trace` smooths the made ones."""
    rng = np.random.default_rng(0)
    away = np.linalg.norm(np.indices((24, 24, 24)) - 11.5, axis=0) - 7
    ring = (away > 0) & (away < 2)
    pairs = []
    for _ in range(count):
        made, scan = rng.normal(100, 12, (2, 24, 24, 24))
        made = ndimage.gaussian_filter(made, trace) if trace else made
        pairs.append((realism.traces(made, ring, SPACING), realism.traces(scan, ring, SPACING)))
    return pairs


def test_a_ring_like_any_other_is_at_chance() -> None:
    low, high = realism.classified(_rings(0))["interval"]
    assert low < 0.5 < high


def test_a_smoothed_ring_is_found() -> None:
    assert realism.classified(_rings(0.5))["interval"][0] > 0.9


def test_what_lies_beside_the_ring_is_not_seen() -> None:
    away = np.linalg.norm(np.indices((24, 24, 24)) - 11.5, axis=0) - 7
    ring = (away > 0) & (away < 2)
    image = np.random.default_rng(1).normal(100, 12, ring.shape)
    other = np.where(ring, image, 0)
    np.testing.assert_allclose(realism.traces(image, ring, SPACING), realism.traces(other, ring, SPACING))


def test_all_three_questions_are_answered(tiny_bundle: Path, phantom_ct: Path) -> None:
    from TextoMorphLib.simulation.phantom import phantom

    _, organs = phantom()
    seen: list[int] = []
    found = realism.run(
        Synthesizer.load(str(tiny_bundle), "cpu"),
        Volume.read(phantom_ct),
        organs["liver"],
        [12.0],
        10,
        {"preset": "preview"},
        lambda done, of: seen.append(done),
    )
    assert seen[-1] == found["trials"] == 10
    assert set(found["lesions"]) == {*realism.REAL, "margin_mm"}
    assert all(power > 0 for power in found["noise"]["power"].values())
    assert 0 <= found["border"]["auc"] <= 1
