"""Healthy crops of one organ: what is in their middle, where real ones are found, and lesions that lag behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from TextoMorphLib.errors import InputError
from TextoMorphLib.simulation.backgrounds import OrganPlace, background_crop, load_scan, real_crop
from TextoMorphLib.simulation.lesion_parameters import sample_lesion
from TextoMorphLib.simulation.organ_backgrounds import INVENTED, organ_crop
from TextoMorphLib.simulation.phantom import KIDNEY, phantom
from TextoMorphLib.text.organs import ORGANS


@pytest.mark.parametrize("organ", sorted(INVENTED))
def test_an_invented_organ_is_soft_tissue_in_the_middle_and_kidney_and_pancreas_lie_in_fat(organ: str) -> None:
    crops = [organ_crop(organ, 48, np.random.default_rng(seed)) for seed in range(12)]
    middles = np.array([np.median(crop[20:28, 20:28, 20:28]) for crop in crops])
    assert np.mean((middles > 20) & (middles < 260)) > 0.7
    assert np.ptp(middles) > 60  # in several phases
    fatty = np.mean([(crop < -60).mean() > 0.02 for crop in crops])
    assert fatty > 0.9 if organ != "liver" else fatty < 0.9


def test_a_real_crop_of_an_organ_is_centred_in_the_place_that_was_told(phantom_ct: Path) -> None:
    ct, organs = phantom()
    centre = ct.affine @ [*np.argwhere(organs["kidney"]).mean(0), 1]
    sides = np.argwhere(organs["kidney"]) @ ct.affine[:3, :3].T + ct.affine[:3, 3]
    centre[:3] = sides[sides[:, 0] > centre[0]].mean(0)  # one of the two
    scan = load_scan(phantom_ct, [OrganPlace(phantom_ct.name, "kidney", centre[:3].tolist(), 10.0)])
    rng = np.random.default_rng(0)
    middles = [real_crop([scan], 48, rng, "kidney")[22:26, 22:26, 22:26].mean() for _ in range(10)]
    np.testing.assert_allclose(middles, KIDNEY, atol=40)
    assert background_crop([scan], 48, rng, 0.0, "pancreas").shape == (48,) * 3  # invented: no scan is known to show it


def test_a_place_without_soft_tissue_is_refused(phantom_ct: Path) -> None:
    with pytest.raises(InputError, match="no soft tissue within 5"):
        load_scan(phantom_ct, [OrganPlace(phantom_ct.name, "liver", (500.0, 0.0, 0.0), 5.0)])


@pytest.mark.parametrize("organ", ORGANS)
@pytest.mark.parametrize("parenchyma_hu", [35.0, 110.0, 200.0])
def test_what_is_not_said_of_density_lags_behind_an_organ_that_enhances_and_is_never_darker_than_hypoattenuating(
    organ: str, parenchyma_hu: float
) -> None:
    def density(description: dict[str, str], where: str | None) -> float:
        return float(np.mean([sample_lesion(description, parenchyma_hu, 24.0, s, where).density_hu for s in range(20)]))

    unsaid, usual, hypo = density({}, organ), density({}, None), density({"density": "hypo"}, organ)
    assert hypo - 15 < unsaid < 0
    assert (unsaid == usual) == (organ == "liver")
    assert hypo == density({"density": "hypo"}, None)  # what is said is the same everywhere
