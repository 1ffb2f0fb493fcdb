"""Lesions into words: what is drawn is said, what cannot be known is not, and small changes change nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from TextoMorphLib.cli import main
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.chances import chance
from TextoMorphLib.measurement.description import LIKELY, SURE, Words, _diameters, describe
from TextoMorphLib.measurement.evidence import Evidence
from TextoMorphLib.spatial.region import regions
from TextoMorphLib.text import understanding, vocabulary

SIDE = 56


def _scene(
    hu: float,
    radius: float = 13.0,
    blur: float = 0.6,
    core: float | None = None,
    wall: float | None = None,
    texture: float = 0.0,
    calcium: float | None = None,
    noise: float = 8.0,
    seed: int = 0,
    spacing: float = 1.0,
) -> tuple[Volume, np.ndarray]:
    """A lesion in tissue of 100 HU beside a dark and a bright organ, and its mask."""
    rng = np.random.default_rng(seed)
    away = np.linalg.norm(np.indices((SIDE,) * 3) - (SIDE - 1) / 2, axis=0) - radius
    scan = np.full(away.shape, 100.0)
    scan[:6], scan[-5:] = -90.0, 190.0
    inside = np.full(away.shape, hu) + texture * _texture(rng, away.shape)
    if core is not None:
        inside = np.where(away < -0.4 * radius, core, inside)
    if wall is not None:
        inside = np.where(away > -3, wall, inside)
    share = ndimage.gaussian_filter((away < 0).astype(float), blur)
    scan += share * (inside - scan)
    if calcium is not None:
        scan[(np.linalg.norm(np.indices(scan.shape) - 26, axis=0) < calcium)] = 700
    scan += noise * ndimage.gaussian_filter(rng.standard_normal(scan.shape), 0.6) / 0.33
    return Volume.from_array(scan.astype(np.float32), np.diag([spacing, spacing, spacing, 1])), away < 0


def _texture(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    rough = ndimage.gaussian_filter(rng.standard_normal(shape), 2.5)
    return rough / rough.std()


def _said(volume: Volume, mask: np.ndarray, organ: str = "liver") -> Words:
    (found,) = describe(volume, mask, organ)
    return found


@cache
def _words(**scene: float) -> Words:
    return _said(*_scene(**scene))


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        ({"hu": 45}, {"density": "hypo", "content": "solid", "texture": "homogeneous", "margin": "well"}),
        ({"hu": 10}, {"density": "hypo", "content": "cystic", "margin": "well"}),
        ({"hu": 150, "texture": 20}, {"density": "hyper", "content": "solid", "texture": "heterogeneous"}),
        ({"hu": 76}, {"density": "hypo", "degree": "mild", "content": "solid"}),
        ({"hu": 101}, {"density": "iso", "content": "solid"}),
        ({"hu": 75, "core": 15, "radius": 16}, {"density": "hypo", "content": "necrotic", "margin": "well"}),
        ({"hu": 10, "wall": 150, "radius": 15}, {"content": "cystic", "wall": "walled"}),
        # So small that its wall reaches what a core or texture would be told by.
        (
            {"hu": 10, "wall": 150, "radius": 9, "noise": 16.0},
            {"density": "hypo", "wall": "walled", "content": None, "texture": None},
        ),
        ({"hu": 50, "blur": 3.0, "radius": 16}, {"density": "hypo", "margin": "ill"}),
        ({"hu": 60, "calcium": 3.0}, {"density": "hypo", "calcification": "present"}),
    ],
    ids=str,
)
def test_what_is_drawn_is_said(scene: dict[str, float], expected: dict[str, str | None]) -> None:
    said = _words(**scene).description
    assert {kind: said.get(kind) for kind in expected} == expected
    for kind in ("septa", "wall", "calcification"):
        assert kind in expected or kind not in said


def test_what_has_a_core_is_no_simple_fluid_however_dark_it_is_in_the_mean() -> None:
    volume, mask = _scene(0.0, radius=18.0)
    depth = ndimage.distance_transform_edt(mask)
    living = 34 / (1 + np.exp((depth - 6) / 1.5))
    cored = Volume.from_array(np.where(mask, volume.data + 2 + living, volume.data), volume.affine)
    found = _said(cored, mask)
    assert 0 < found.attributes.mean_hu < 25
    assert found.description.get("content") != "cystic"
    assert _said(volume, mask).description["content"] == "cystic"


def test_the_text_reads_back_to_the_description() -> None:
    for scene in ({"hu": 45}, {"hu": 76, "calcium": 3.0}, {"hu": 10, "wall": 150, "radius": 15}):
        found = _words(**scene)
        assert vocabulary.describe(understanding.find(found.text, "liver")) == found.description, found.text


def test_the_same_words_for_the_same_lesion() -> None:
    volume, mask = _scene(45)
    first = _words(hu=45)
    for other in (
        _words(hu=45, seed=1),  # other noise
        _said(volume, ndimage.binary_erosion(mask, iterations=2)),  # a contour 2 mm farther in, or out
        _said(volume, ndimage.binary_dilation(mask, iterations=2)),
        _said(replace(volume, data=volume.data[::-1], affine=np.diag([-1, 1, 1, 1])), mask[::-1]),
    ):
        assert other.description == first.description
    assert other.text == first.text
    # What another lesion is to be drawn in is described as it was outlined.
    wide = ndimage.binary_dilation(mask, iterations=3)
    (drawn,), (shown,) = (describe(volume, wide, as_drawn=each) for each in (True, False))
    assert shown.description["texture"] == first.description["texture"]
    assert "texture" not in drawn.description


def test_nothing_is_said_where_nothing_can_be_known() -> None:
    small = _said(*_scene(60, radius=3.0))
    assert {"content", "texture", "wall"} <= small.unsaid.keys()
    assert "too small" in small.unsaid["content"]
    between = _said(*_scene(88))
    assert "density" not in between.description
    noisy = _said(*_scene(92, noise=40.0, radius=6.0))
    assert "margin" not in noisy.description
    volume, mask = _scene(45)
    alone = Volume.from_array(np.where(mask, volume.data, -1500), volume.affine)  # nothing around it is known
    unknown = _said(alone, mask)
    assert "density" not in unknown.description
    assert "healthy tissue" in unknown.unsaid["density"]


def test_what_is_likely_but_not_sure_is_told_and_not_said() -> None:
    volume, mask = _scene(87.3)  # 13 HU under healthy tissue whose level is known to 3 HU: "hypoattenuating" from 10 on
    found = _said(volume, mask)
    (density,) = (each for each in found.unsure if each.kind == "density")
    assert (density.value, density.attribute) == ("hypo", "contrast_hu")
    assert LIKELY <= density.confidence < SURE
    assert "density" not in {**found.description, **found.unsaid}
    assert "attenuating" not in found.text
    (all_told,) = describe(volume, mask, sure=LIKELY)
    assert all_told.description == {each.kind: each.value for each in (*found.said, *found.unsure)}
    assert not all_told.unsure


def test_fat_between_lobules_is_no_tissue_to_compare_with() -> None:
    volume, mask = _scene(100, radius=9.0)
    grain = np.random.default_rng(1).standard_normal(mask.shape)
    away = ndimage.distance_transform_edt(~mask) > 1
    organ = ~mask
    organ[:6], organ[-5:] = False, False

    def said(share: float, coarse_mm: float, lesion_hu: float = 100) -> Words:
        """With that share of the organ being fat."""
        lobules = ndimage.gaussian_filter(grain, coarse_mm)
        fat = away & (lobules < np.quantile(lobules, share))
        hu = np.where(ndimage.gaussian_filter(fat.astype(float), 0.8) > 0.5, -90, volume.data)
        hu[mask] += lesion_hu - 100
        return describe(Volume.from_array(hu, volume.affine), mask, "pancreas", healthy=organ)[0]

    some = said(0.2, 2.0)
    assert some.description["density"] == "iso"  # 100 HU in an organ of 100 HU
    assert abs(some.attributes.contrast_hu) < 8
    much = said(0.6, 1.0)
    assert abs(much.attributes.contrast_hu) < 8
    assert "margin" not in much.description
    assert "mixed with fat" in " ".join(much.notes)
    # Its level is known from farther away, though not well.
    assert said(0.2, 2.0, 84).description["density"] == "hypo"
    assert "density" not in said(0.6, 1.0, 87).description
    assert said(0.6, 1.0, 50).description["density"] == "hypo"


def test_brighter_than_a_shell_or_than_mottled_tissue_is_not_called_hyperattenuating() -> None:
    volume, mask = _scene(140, radius=13.0)
    outside, organ = ndimage.distance_transform_edt(~mask), ~mask
    organ[:6], organ[-5:] = False, False
    whole = describe(volume, mask, "pancreas", healthy=organ)[0]
    assert whole.description["density"] == "hyper"
    shell = describe(volume, mask, "pancreas", healthy=organ & (outside < 7))[0]
    assert "density" not in shell.description
    assert "shell" in shell.unsaid["density"]
    grain = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal(mask.shape), 4.0)
    bright = (grain > np.quantile(grain, 0.6)) & ~mask  # 135 HU among 100
    mottled = Volume.from_array(volume.data + np.where(bright, 35, 0).astype(np.float32), volume.affine)
    assert "density" not in describe(mottled, mask, "pancreas", healthy=organ)[0].description


def test_a_lesion_in_the_scans_corner_is_measured_itself() -> None:
    volume, mask = _scene(45, radius=18.0)
    first = int(np.flatnonzero(mask.any((1, 2)))[0])
    corner = (slice(first, None), slice(first, None), slice(None))  # cut on two sides, the corner itself outside it
    cut = volume.affine.copy()
    cut[:2, 3] = first
    found = _said(Volume.from_array(volume.data[corner], cut), mask[corner])
    assert found.attributes.mean_hu == pytest.approx(45, abs=3)
    assert found.description["density"] == "hypo"
    assert found.attributes.diameter_mm == pytest.approx(36, abs=2)


def _cut(share: float, **scene: float) -> Words:
    """What of a lesion is said of which the scan shows the upper part alone, to so much of its height."""
    volume, mask = _scene(**scene)
    slices = np.flatnonzero(mask.any((0, 1)))
    first = int(slices[round((1 - share) * len(slices))])
    affine = volume.affine.copy()
    affine[2, 3] = first
    return _said(Volume.from_array(volume.data[..., first:], affine), mask[..., first:])


def test_a_lesion_that_the_scans_edge_cuts_is_larger_and_its_border_is_judged_where_it_is_seen() -> None:
    scene = {"hu": 10, "wall": 150, "radius": 15}
    for share in (1.0, 0.5):
        found = _cut(share, **scene)
        assert found.description.items() >= {"content": "cystic", "margin": "well", "wall": "walled"}.items()
        assert found.text.endswith("lesion, at least 31 x 31 mm")
        assert found.as_json()["cut_by_edge"]
        assert vocabulary.describe(understanding.find(found.text, "liver")) == found.description
    # Of its dome hardly more than the wall is seen: a bright, solid lesion, if that were all of it.
    dome = _cut(0.15, **scene)
    assert not {"density", "content", "wall"} & dome.description.keys()
    assert "little more of it than its border" in dome.unsaid["content"]
    assert "at least" not in _words(**scene).text
    assert not _words(**scene).cut


def test_healthy_tissue_is_compared_with_in_a_scan_of_one_slice() -> None:
    volume, mask = _scene(45)
    middle = slice(SIDE // 2, SIDE // 2 + 1)
    one = Volume.from_array(volume.data[..., middle], np.diag([1.0, 1.0, 5.0, 1.0]))
    organ = (ndimage.binary_dilation(mask, iterations=6) & ~mask)[..., middle]
    (found,) = describe(one, mask[..., middle], "pancreas", healthy=organ)
    assert found.description["density"] == "hypo"
    assert found.cut


def test_what_is_unknown_of_a_scan_cuts_a_lesion_as_its_edge_does() -> None:
    volume, mask = _scene(45)
    beside = np.arange(SIDE) > np.flatnonzero(mask.any((1, 2)))[-3]
    unknown = Volume.from_array(np.where(beside[:, None, None], -1500, volume.data), volume.affine)
    found = _said(unknown, mask & ~beside[:, None, None])
    assert found.cut
    assert found.description["density"] == "hypo"


def test_what_is_rougher_around_is_no_noise_that_hides_a_lesions_texture() -> None:
    volume, mask = _scene(110, texture=20.0)
    streaks = np.where(mask, volume.data, 100 + 4 * (volume.data - 100)).astype(np.float32)
    for around in (volume, Volume.from_array(streaks, volume.affine)):
        assert _said(around, mask).description["texture"] == "heterogeneous"


def test_homogeneous_is_what_looks_even() -> None:
    assert _words(hu=45).description["texture"] == "homogeneous"
    for scene in ({"noise": 60.0}, {"core": 25.0}, {"texture": 12.0}):  # noise hides it; a darker centre; patches
        found = _words(hu=45, **scene)
        assert found.description.get("texture") != "homogeneous", scene
    assert "texture" in _words(hu=45, noise=60.0).unsaid


def _divided(hu: float, sheets: float, noise: float = 8.0) -> Words:
    volume, mask = _scene(hu, radius=15.0, noise=noise)
    x, y, _ = np.indices(mask.shape) - (SIDE - 1) / 2
    thin = ((np.abs(x - 2) < 1.2) | (np.abs(y + 3) < 1.2)) & mask
    data = volume.data + (sheets - hu) * ndimage.gaussian_filter(thin.astype(float), 0.5)
    return _said(Volume.from_array(data.astype(np.float32), volume.affine), mask)


def test_septa_are_said_of_what_holds_fluid() -> None:
    cyst = _divided(10.0, 90.0)
    assert cyst.description["septa"] == "septated"
    assert "septated" in cyst.text
    assert "texture" not in cyst.description  # the sheets make it uneven, not patches
    assert "septa" not in _divided(10.0, 10.0).description
    solid = _divided(120.0, 200.0)  # bright lines in solid tissue: vessels, or streaks
    assert "septa" not in solid.description
    assert "no fluid" in solid.unsaid["septa"]


def _holding(hu: float, inside: float, where: str) -> Words:
    """A lesion with something else in it: a ball, the same on its border and beyond, or its lower half."""
    volume, mask = _scene(hu, radius=14.0)
    x, y, z = np.indices(mask.shape) - (SIDE - 1) / 2
    part = {
        "ball": np.linalg.norm([x, y, z], axis=0) < 6,
        "border": np.linalg.norm([x, y, z - 14], axis=0) < 9,
        "behind": mask & (y < -2),
    }[where]
    data = volume.data + (inside - hu) * ndimage.gaussian_filter(part.astype(float), 0.6)
    return _said(Volume.from_array(data.astype(np.float32), volume.affine), mask)


def test_fat_and_gas_are_said_where_they_are() -> None:
    assert _holding(40, -90, "ball").description["fat"] == "present"
    assert "fat-containing" in _holding(40, -90, "ball").text
    outside = _holding(40, -90, "border")  # fat beside the organ, into which the contour reaches
    assert "fat" not in outside.description
    assert "goes on outside" in outside.unsaid["fat"]
    gas = _holding(20, -600, "ball").description
    assert gas["gas"] == "bubbles"
    assert "fat" not in gas  # what is blurred between gas and fluid is none
    assert "layering" not in _holding(8, 60, "behind").description  # it may be tissue behind, under a wide contour
    assert not {"fat", "gas"} & _words(hu=10).description.keys()


def test_every_attribute_that_a_term_measures_has_a_doubt() -> None:
    lesion = _evidence()
    for term in vocabulary.terms():
        for check in term.measured:
            assert 0 <= chance(lesion, check) <= 1


def _evidence() -> Evidence:
    volume, mask = _scene(45)
    (region,) = regions(volume, mask, exclude=mask)
    return Evidence.of(region, volume, None)


def test_other_lesions_are_no_healthy_tissue() -> None:
    volume, mask = _scene(45, radius=9.0)
    ring = ndimage.binary_dilation(mask, iterations=7) & ~ndimage.binary_dilation(mask, iterations=1)
    data = np.where(ring, volume.data - 55, volume.data)
    crowded = Volume.from_array(data, volume.affine)
    (found,) = describe(crowded, mask, others=ring)
    assert found.description["density"] == "hypo"
    assert found.attributes.parenchyma_hu == pytest.approx(100, abs=6)


def test_command_prints_words_numbers_and_wordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume, mask = _scene(45)
    volume.write(tmp_path / "ct.nii.gz")
    labels = np.where(mask, 2, np.where(volume.data > 60, 1, 0)).astype(np.uint8)
    Volume.from_array(labels, volume.affine).write(tmp_path / "labels.nii.gz")
    arguments = ["describe", str(tmp_path / "ct.nii.gz"), "--mask", str(tmp_path / "labels.nii.gz")]
    assert main([*arguments, "--label", "2", "--organ-label", "1", "--wordings", "3", "--json"]) == 0
    (lesion,) = json.loads(capsys.readouterr().out)["lesions"]
    assert lesion["description"]["density"] == "hypo"
    assert lesion["diameters_mm"] == pytest.approx([26, 26], abs=1.5)
    assert lesion["attributes"]["contrast_hu"] == pytest.approx(-55, abs=4)
    assert all(SURE <= term["confidence"] <= 1 for term in lesion["terms"])
    for text in lesion["wordings"]:
        assert vocabulary.describe(understanding.find(text, "liver")) == lesion["description"]
        assert not any(letter.isdigit() for letter in text)
    assert len(set(lesion["wordings"])) == 3

    cut = volume.data.shape[2] // 2
    Volume.from_array(volume.data[..., cut:], volume.affine).write(tmp_path / "cut.nii.gz")
    Volume.from_array(labels[..., cut:], volume.affine).write(tmp_path / "of_cut.nii.gz")
    of_cut = ["describe", str(tmp_path / "cut.nii.gz"), "--mask", str(tmp_path / "of_cut.nii.gz"), "--label", "2"]
    assert main(of_cut) == 0
    told = capsys.readouterr()
    assert "at least 27 x 27 mm" in told.out
    assert "the scan's edge cuts 1 of 1 lesions" in told.err

    assert main([*arguments, "--label", "7"]) == 2
    assert capsys.readouterr().err.strip() == "error: the mask has no label 7; it has 1, 2"
    assert main([*arguments, "--organ", "spleen"]) == 2
    capsys.readouterr()
    assert main([*arguments, "--label", "2", "--organ-label", "7"]) == 2
    assert capsys.readouterr().err.strip() == "error: the mask has no label 7; it has 1, 2"
    assert main([*arguments, "--label", "2", "--label", "9"]) == 0
    assert "warning: the mask has no label 9; it has 1, 2" in capsys.readouterr().err

    padded = volume.hu() + 1024  # an offset that was never applied, and padding beside it
    padded[:4] = -2000
    Volume.from_array(padded, volume.affine).write(tmp_path / "ct.nii.gz")
    assert main([*arguments, "--label", "2"]) == 2
    assert "not in HU" in capsys.readouterr().err


def test_diameters_are_those_in_axial_slices_however_a_coronal_scan_is_tilted() -> None:
    mask = np.zeros((40, 12, 40), bool)
    mask[8:20, 4:8, 8:30] = True
    found = []
    for degrees in (0, 12):
        turn = Rotation.from_euler("x", degrees, degrees=True).as_matrix()
        affine = np.eye(4)
        affine[:3, :3] = turn * (0.7, 5.0, 0.7)
        found.append(_diameters(Volume.from_array(np.zeros(mask.shape, np.int16), affine), mask))
    assert found[0] == pytest.approx(found[1])
