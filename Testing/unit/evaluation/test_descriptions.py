"""The small changes of a scan after which `describe` is asked again change nothing but what they say."""

from __future__ import annotations

import numpy as np

from TextoMorphLib.evaluation.descriptions import CHANGES, table
from TextoMorphLib.io.volume import Volume


def test_a_crop_that_is_resampled_keeps_its_extent_and_makes_no_air_of_what_is_unknown() -> None:
    hu = np.full((30, 24, 4), -1500.0, np.float32)
    hu[5:25, 4:20] = 80.0
    targets = (hu > 0).astype(np.uint8)
    targets[8:22, 6:16] = 2
    volume = Volume.from_array(hu, np.diag([-0.8, 0.7, 2.5, 1.0]))
    finer, labels = CHANGES["resampled to 1 mm"](volume, targets, np.random.default_rng(0))
    assert np.allclose(finer.spacing, 1)
    assert set(np.unique(finer.hu() > -1200)) == {False, True}
    assert np.allclose(finer.hu()[finer.hu() > -1200], 80)
    for before, after in ((hu > 0, finer.hu() > 0), (targets == 2, labels == 2)):
        millilitres = [np.count_nonzero(before) * 0.8 * 0.7 * 2.5, float(np.count_nonzero(after))]
        assert abs(millilitres[1] / millilitres[0] - 1) < 0.1


def test_same_words_are_counted_by_word_by_lesion_and_by_confidence() -> None:
    before = {"density": ("hypo", 0.97), "margin": ("well", 0.84), "texture": ("homogeneous", 0.7)}
    after = {"density": ("hypo", 0.99), "margin": ("well", 0.72), "content": ("solid", 0.9)}
    row = {"said": {"density": "hypo", "margin": "well"}, "unsure": {"texture": "homogeneous"}, "unsaid": {"wall": ""}}
    rows = [{**row, "terms": before, "changes": dict.fromkeys(CHANGES, after)}]
    lines = table(rows).splitlines()
    assert "| texture | none | homogeneous 1 | 0 |" in lines
    # Density alone is said on both sides, of three; no lesion keeps all its words; both words are told of again.
    name = next(iter(CHANGES))
    assert f"| {name} | 33% | 0% | 100% | 0 | 3 |" in lines
    assert "| 0.8 to 0.9 | 4 | 100% | 0% |" in lines
    assert "| 0.95 to 1 | 4 | 100% | 100% |" in lines
