"""What a scan has no room for is told before the work: HU below a dark organ, calcium over the end of a window."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib import Synthesizer, Volume
from TextoMorphLib.synthesis import room
from TextoMorphLib.text.understanding import understand

SHAPE, MM = (80, 80, 40), (1.0, 1.0, 2.0)


def scan(organ_hu: float, ends: tuple[float, float] = (-np.inf, np.inf)) -> Volume:
    """An organ with fat, bone and lung beside it, HU."""
    hu = np.full(SHAPE, organ_hu)
    hu[:8], hu[-6:, :30], hu[-6:, 30:] = -100, 600, -850
    hu = ndimage.gaussian_filter(hu, 0.7) + 2.5 * ndimage.gaussian_filter(
        np.random.default_rng(0).normal(0, 10, SHAPE), 0.7
    )
    return Volume.from_array(np.rint(np.clip(hu, *ends)).astype(np.int16), np.diag([*MM, 1.0]))


def ball(radius_mm: float, at: tuple[float, float, float] = (40.0, 40.0, 40.0)) -> np.ndarray:
    way = np.moveaxis(np.indices(SHAPE), 0, -1) * MM - at
    return np.asarray(np.linalg.norm(way, axis=-1) < radius_mm)


@pytest.mark.parametrize(
    ("organ_hu", "text", "words"),
    [
        (9.0, "hypoattenuating", "as little as a fatty one"),
        (9.0, "hypoattenuating, fat-containing", ""),
        (9.0, "simple cyst", ""),
        (25.0, "hypoattenuating, solid", "a solid lesion is hardly darker than that"),
        (55.0, "hypoattenuating", ""),
        (55.0, "hypoattenuating, solid", ""),
        (110.0, "markedly hypoattenuating, solid", ""),
    ],
)
def test_an_organ_as_dark_as_fluid_is_told_and_what_is_called_solid_is_so_elsewhere(
    starter: Synthesizer, organ_hu: float, text: str, words: str
) -> None:
    ct, mask = scan(organ_hu), ball(11)
    said = room.before(understand(text, "liver"), ct, mask)
    assert len(said) == bool(words)
    assert not words or words in said[0]
    report = starter.synthesize(ct, mask, text, seed=1, preset="preview").report
    assert [warning for warning in report["warnings"] if "the organ has" in warning] == said
    assert words or "fat" in text or all(row["ok"] for row in report["asked"][0])


def test_what_is_not_called_cystic_is_not_measured_as_a_cyst_without_contrast_medium(starter: Synthesizer) -> None:
    report = starter.synthesize(scan(55.0), ball(11), "hypoattenuating, not cystic", seed=1, preset="preview").report
    assert all(row["ok"] for row in report["asked"][0])


@pytest.mark.parametrize(
    ("text", "ends", "words"),
    [
        ("calcification", (-150.0, 250.0), "cut off at 250"),
        ("cyst with gas bubbles", (-150.0, 250.0), "cut off at -150"),
        ("hypoattenuating", (-150.0, 250.0), ""),
        ("calcification", (-1024.0, 3071.0), ""),
    ],
)
def test_what_is_drawn_keeps_to_the_range_that_a_scan_was_cut_off_to(
    starter: Synthesizer, text: str, ends: tuple[float, float], words: str
) -> None:
    ct, mask = scan(90.0, ends), ball(12)
    said = room.before(understand(text, "liver"), ct, mask)
    assert len(said) == bool(words)
    assert not words or words in said[0]
    made = starter.synthesize(ct, mask, text, seed=1, preset="preview")
    assert ends[0] <= made.volume.data.min()
    assert made.volume.data.max() <= ends[1]
    assert [warning for warning in made.report["warnings"] if "cut off" in warning] == said
    assert not words or all(row["ok"] is not False for row in made.report["asked"][0] if row["asked"] != "cystic")


def test_a_lesion_that_the_scans_edge_cuts_has_the_room_that_lies_beyond() -> None:
    meant = understand("thick-walled septated cyst", "liver")
    assert room.before(meant, scan(90.0), ball(9, (40.0, 40.0, 40.0)))
    half = ball(20, (40.0, 40.0, 95.0))  # 5 mm of a large one
    assert half.any()
    assert not room.before(meant, scan(90.0), half)
