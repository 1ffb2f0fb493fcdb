"""The model that ships: whole, small enough, and its density words come out as they are meant."""

from __future__ import annotations

import numpy as np
import pytest

from TextoMorphLib import Synthesizer
from TextoMorphLib.models import bundle
from TextoMorphLib.simulation.lesion_masks import lesion_mask
from TextoMorphLib.simulation.phantom import phantom


def test_starter_is_whole_and_under_20_mb() -> None:
    folder = bundle.find("starter")
    bundle.verify(folder)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20e6


@pytest.mark.parametrize(
    ("more", "less"),
    [("hyperattenuating", "hypoattenuating"), ("arterial enhancement", "hypodensity"), ("solid", "cystic")],
)
def test_opposite_density_words_come_out_opposite(more: str, less: str) -> None:
    model = Synthesizer.load("starter", "cpu")
    ct, organs = phantom()
    mask: np.ndarray = lesion_mask(ct, organs["liver"], 22.0, seed=2)
    brighter, darker = (
        model.synthesize(ct, mask, text, seed=1).report["lesions"][0]["contrast_hu"] for text in (more, less)
    )
    assert brighter > darker + 10


def test_what_terms_say_is_drawn_wherever_in_a_report_they_stand() -> None:
    model = Synthesizer.load("starter", "cpu")
    ct, organs = phantom()
    mask: np.ndarray = lesion_mask(ct, organs["liver"], 12.0, seed=2)
    report = "58-year-old man with known colon cancer, restaging after six cycles of chemotherapy. " * 12
    report += "A poorly enhancing nodule in segment VI, featureless, fading into the liver. Follow-up is recommended."
    found = model.synthesize(ct, mask, report, preset="preview").report["understood"]
    assert {found[kind].get(value) for kind, value in (("density", "hypo"), ("margin", "ill"))} == {1.0}
    assert found["texture"] == {"homogeneous": 1.0}
    by_itself = model.synthesize(ct, mask, report, preset="preview", terms=False).report["understood"]
    assert "homogeneous" not in by_itself["texture"]  # beyond what the reader sees of so long a text


@pytest.mark.slow
def test_final_keeps_the_draw_in_which_most_of_the_text_holds() -> None:
    model = Synthesizer.load("starter", "cpu")
    ct, organs = phantom()
    mask: np.ndarray = lesion_mask(ct, organs["liver"], 8.0, seed=2)
    others = 0
    for seed in range(3):
        first, best = (
            model.synthesize(ct, mask, "cystic, walled, calcification", seed=seed, preset=preset).report
            for preset in ("preview", "final")
        )
        missed, left = (sum(row["ok"] is False for row in report["asked"][0]) for report in (first, best))
        assert first["candidates"] == [1]
        assert left < missed if best["candidates"] != [1] else left == missed
        others += best["candidates"] != [1]
    assert others


def test_septa_are_sheets_that_stand_out_of_the_fluid() -> None:
    model = Synthesizer.load("starter", "cpu")
    ct, organs = phantom()
    mask: np.ndarray = lesion_mask(ct, organs["liver"], 36.0, seed=2)
    plain, septated = (
        model.synthesize(ct, mask, text, seed=1, preset="preview").volume.hu()
        for text in ("cystic", "cystic, with septations")
    )
    added = (septated - plain)[mask]
    fluid, septum = np.quantile(added, (0.25, 0.95))
    assert fluid < 20
    assert septum > fluid + 40
