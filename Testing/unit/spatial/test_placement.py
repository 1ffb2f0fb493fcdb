"""What lies under a mask is named before a tumour is drawn there."""

from __future__ import annotations

import numpy as np
import pytest

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.phantom import phantom
from TextoMorphLib.spatial import placement

MM = (1.5, 1.5, 3.0)


@pytest.fixture(scope="module")
def torso() -> Volume:
    """An ellipse of soft tissue under a layer of fat, with a lung, a rib with marrow, and a couch."""
    i, j, _ = np.indices((160, 120, 40))
    way = np.hypot((i - 80) / 66, (j - 55) / 46)
    hu = np.full(way.shape, -1000.0)
    hu[way < 1] = -100
    hu[way < 0.85] = 60
    hu[np.hypot(i - 50, j - 55) < 18] = -850
    rib = np.hypot(i - 112, j - 55)
    hu[rib < 6], hu[rib < 4] = 900, 150
    hu[:, 112:116] = 100
    noise = np.random.default_rng(0).normal(0, 15, hu.shape)
    hu[:20, :20] = -2000
    return Volume.from_array((hu + noise).astype(np.int16), np.diag([-MM[0], -MM[1], MM[2], 1]))


def ball(at: tuple[int, int, int], radius_mm: float = 7.0) -> np.ndarray:
    way = (np.indices((160, 120, 40)) - np.reshape(at, (3, 1, 1, 1))) * np.reshape(MM, (3, 1, 1, 1))
    return np.asarray(np.linalg.norm(way, axis=0) < radius_mm)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ((80, 55, 20), []),
        ((50, 55, 20), ["the mask lies in lung"]),
        ((80, 13, 20), ["the mask lies in fat"]),
        ((5, 5, 20), ["the mask lies where the scan has no image (padding)"]),
        ((150, 8, 20), ["the mask lies outside the body"]),
        ((80, 114, 20), ["the mask lies outside the body"]),  # on the couch, which is as dense as tissue
    ],
)
def test_the_tissue_under_a_mask_is_named(torso: Volume, at: tuple[int, int, int], words: list[str]) -> None:
    assert placement.warnings(torso, ball(at, 4.0 if at[1] == 13 else 7.0)) == words


def test_a_lung_that_the_scans_edge_cuts_is_no_room_around_the_body(torso: Volume) -> None:
    cut = Volume(torso.data[48:], torso.affine)
    assert placement.warnings(cut, ball((57, 55, 20))[48:]) == ["the mask lies in lung"]
    assert placement.warnings(cut, ball((150, 8, 20))[48:]) == ["the mask lies outside the body"]


def test_a_mask_of_few_voxels_is_told(torso: Volume) -> None:
    one = np.zeros((160, 120, 40), bool)
    one[80, 55, 20] = True
    (said,) = placement.warnings(torso, one)
    assert said.startswith("the mask has 1 voxel, 2.3 mm across; below 5 mm hardly a lesion is seen")
    assert placement.warnings(torso, ball((80, 55, 20), 4.0)) == []


def test_small_pieces_of_a_mask_are_told_though_together_they_are_a_lesions_size(torso: Volume) -> None:
    many = np.zeros((160, 120, 40), bool)
    many[74:90:3, 49:62:3, 18:24:2] = True
    (said,) = placement.warnings(torso, many)
    assert said.startswith("90 of the 90 pieces of the mask are 2.3 mm across or less; below 5 mm hardly a lesion")
    stray = ball((80, 55, 20))
    stray[86:88, 55, 20] = True
    assert placement.warnings(torso, stray)[0].startswith("1 of the 2 pieces of the mask")
    far = ball((80, 55, 20))
    far[80, 55, 6] = far[80, 55, 34] = True  # lesions of their own, told in one sentence
    assert [said[:33] for said in placement.warnings(torso, far)] == ["2 of the 3 pieces of the mask are"]


def test_bone_is_named_with_its_marrow(torso: Volume) -> None:
    assert placement.shares(torso, ball((112, 55, 20)))["bone"] > 0.9


def test_a_mask_half_in_fat_and_half_outside_its_organ(torso: Volume) -> None:
    shares = placement.shares(torso, ball((80, 16, 20)))
    assert 0.3 < shares["fat"] < 0.7
    assert sum(shares.values()) == pytest.approx(1)
    organ = np.indices(torso.shape)[0] < 80
    (said,) = placement.warnings(torso, ball((82, 55, 20)), organ)
    assert said.endswith("of the mask lies outside the organ")


def test_a_lesion_that_its_organs_label_leaves_out_lies_in_the_organ(torso: Volume) -> None:
    """As in data sets with the organ as label 1 and tumours as label 2."""
    lesion, organ = ball((82, 55, 20)), ball((80, 55, 20), 30.0)
    assert placement.warnings(torso, lesion, organ & ~lesion) == []
    assert placement.warnings(torso, lesion, organ & ~ball((82, 55, 20), 6.3)) == []  # a hole drawn otherwise
    beside = ball((110, 55, 20)) & ~organ  # it touches the organ from outside
    assert placement.warnings(torso, beside, organ)[0] == "the mask lies outside the organ"


def test_an_organ_of_which_the_lesion_leaves_nothing_is_told(torso: Volume) -> None:
    lesion = ball((80, 55, 20))
    for organ in (lesion, np.zeros_like(lesion), lesion | ball((150, 8, 20))):  # what lies far from it is no help
        (said,) = placement.warnings(torso, lesion, organ)
        assert "0.00 ml of healthy tissue" in said


def test_each_lesion_is_named_by_its_number(torso: Volume) -> None:
    said = placement.warnings(torso, ball((50, 55, 20)) | ball((80, 55, 20)))
    assert said == ["lesion 1 lies in lung"]


@pytest.mark.parametrize("organ", ["liver", "kidney", "pancreas"])
def test_organs_are_soft_tissue_within_the_body(organ: str) -> None:
    ct, organs = phantom()
    assert placement.shares(ct, organs[organ])["soft"] > 0.9
