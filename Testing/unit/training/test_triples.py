"""Real tumours as training sees them: taken out of their scans, without noise, and what is unknown left alone."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from real_cases import HEALTHY_HU, NOISE_HU, TUMOUR_HU, case, scan

from TextoMorphLib.cases import Case
from TextoMorphLib.errors import Doubt, InputError
from TextoMorphLib.io import contents
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models.autoencoder import Autoencoder
from TextoMorphLib.spatial.geometry import along_patient
from TextoMorphLib.training import triples
from TextoMorphLib.training.triple_shards import RealLesion, TripleSettings, prepare
from TextoMorphLib.training.triple_texts import TextSettings

SIZES = (48, 64, 96)


def _site(folder: Path, **how: Any) -> triples.Site:
    found = triples.read(case(folder, **how))
    place = triples.site(found, found.lesions[0], SIZES)
    assert place is not None
    return place


@pytest.mark.parametrize("diameter_mm", [16.0, 34.0])
def test_healthy_tissue_is_judged_outside_the_tumour(tmp_path: Path, diameter_mm: float) -> None:
    seen = triples.view(_site(tmp_path, diameters_mm=(diameter_mm,)), None)
    core = seen.depth > 3
    assert seen.filled[core].mean() == pytest.approx(HEALTHY_HU, abs=4)
    assert seen.change[core].mean() == pytest.approx(TUMOUR_HU - HEALTHY_HU, abs=5)
    assert np.abs(seen.change[seen.depth < -4.5]).max() == 0  # nothing is learnt far from the mask


def test_what_is_learnt_has_little_noise_and_its_level_is_known(tmp_path: Path) -> None:
    seen = triples.view(_site(tmp_path), None)
    core = seen.depth > 4
    assert seen.change[core].std() < 0.5 * NOISE_HU
    assert seen.left[core].std() == pytest.approx(seen.change[core].std(), rel=0.5)


def test_what_is_unknown_is_in_no_loss_and_no_fill(tmp_path: Path) -> None:
    place = _site(tmp_path, crop=18, diameters_mm=(30.0,))  # the crop cuts into the tumour
    for rng in (None, np.random.default_rng(3)):
        seen = triples.view(place, rng)
        assert 0.02 < (seen.counts > 0).mean() < 0.5
        inside = (seen.depth > 0) & (seen.counts > 0)
        assert inside.any()
        assert ((seen.depth > 0) & (seen.counts == 0)).any()
        assert seen.filled.min() > -200  # nothing of -1500 HU
        assert seen.filled[seen.depth > 1].mean() == pytest.approx(HEALTHY_HU, abs=6)
        assert np.abs(seen.change).max() < 200


def test_a_tumour_that_the_scan_cuts_goes_on_where_nothing_is_known(tmp_path: Path) -> None:
    seen = triples.view(_site(tmp_path, shape=(64, 64, 3), diameters_mm=(24.0,)), None)
    inside = seen.depth > 0
    known = inside & (seen.counts > 0)
    assert inside.any((0, 1)).sum() >= 1.5 * known.any((0, 1)).sum()
    middle = seen.depth[known].max()
    assert middle > 6  # the cut faces are no border


def test_what_is_measured_of_a_lesion_is_its_own_where_another_is_unknown(tmp_path: Path) -> None:
    volume, label = scan(0, shape=(110, 56, 14), diameters_mm=(16.0, 24.0))
    hu, labels = volume.data.copy(), label.data.copy()
    hu[:14], hu[14:18] = -1500, -1000
    labels[6:12, 20:30, 4:9] = 2  # before the others, where nothing is known
    paths = {"ct": tmp_path / "ct.nii.gz", "label": tmp_path / "label.nii.gz"}
    Volume.from_array(hu, volume.affine).write(paths["ct"])
    Volume.from_array(labels, volume.affine).write(paths["label"])
    found = triples.read(Case("a", organ="pancreas", values={"organ": (1,), "tumour": (2,)}, **paths))
    for lesion, diameter_mm in zip(found.lesions, (16.0, 24.0), strict=True):
        measured = triples.measured(found, lesion, "pancreas").attributes.diameter_mm
        assert measured == pytest.approx(lesion.diameter_mm, rel=0.01)
        assert measured == pytest.approx(diameter_mm, rel=0.05)


def test_thick_slices_stay_so_and_are_told(tmp_path: Path) -> None:
    place = _site(tmp_path, spacing=(0.8, 0.9, 5.0), shape=(64, 64, 10))
    np.testing.assert_allclose(place.voxel_mm, [0.8, 0.9, 5.0])
    turned = {tuple(triples.view(place, np.random.default_rng(n)).voxel_mm.round(2)) for n in range(8)}
    assert turned == {(0.8, 0.9, 5.0), (0.9, 0.8, 5.0)}
    turned_scan = np.array([[0, 5.0, 0], [0.8, 0, 0], [0, 0, 0.9]])
    np.testing.assert_allclose(along_patient(np.pad(turned_scan, (0, 1))), [5.0, 0.8, 0.9])


def test_views_turn_the_same_lesion(tmp_path: Path) -> None:
    place = _site(tmp_path)
    plain, other = (triples.view(place, rng) for rng in (None, np.random.default_rng(1)))
    assert not np.array_equal(plain.depth, other.depth)
    means = [each.change[each.depth > 3].mean() for each in (plain, other)]
    assert means[0] == pytest.approx(means[1], abs=3)


# --- On disk ---


@pytest.fixture(scope="module")
def autoencoder() -> Autoencoder:
    torch.manual_seed(0)
    network = Autoencoder(4, (8, 8), 1)
    network.start_linear_path(torch.randn(500, 64))
    return network.eval()


def _prepared(cases: list[Case], autoencoder: Autoencoder, folder: Path, **texts: Any) -> list[RealLesion]:
    how = TripleSettings(SIZES, views=2)
    return prepare(cases, autoencoder, how, TextSettings(**{"variants": 1, **texts}), folder / "triples")[0]


def test_what_another_version_or_other_words_prepared_is_prepared_anew(
    tmp_path: Path, autoencoder: Autoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = [case(tmp_path, 0, texts=("hypoattenuating mass",))]
    _prepared(one, autoencoder, tmp_path)
    monkeypatch.setattr(contents, "program", lambda: "another")
    _prepared(one, autoencoder, tmp_path)
    assert len(list((tmp_path / "triples").iterdir())) == 2


def test_lesions_are_prepared_once_and_read_by_the_view(tmp_path: Path, autoencoder: Autoencoder) -> None:
    cases = [case(tmp_path, number, texts=("hypoattenuating mass",)) for number in range(2)]
    first = _prepared(cases[:1], autoencoder, tmp_path)
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "triples").iterdir()}
    both = _prepared(cases, autoencoder, tmp_path)  # goes on where it was
    assert both[0] == first[0]
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert len(list((tmp_path / "triples").iterdir())) == 2
    _prepared([replace(cases[0], texts=("cystic mass",)), cases[1]], autoencoder, tmp_path)
    assert len(list((tmp_path / "triples").iterdir())) == 3
    one, other = (both[0].view(number) for number in (0, 1))
    side = both[0].size // 4
    assert one["lesion"].shape == (4, side, side, side)
    assert one["counts"].shape == (1, side, side, side)
    assert not torch.equal(one["lesion"], other["lesion"])
    near = one["depth"][1] > 0
    assert one["lesion"][:, near].square().mean() > 4 * one["left"].square().mean() > 0
    assert both[0].texts[0] == "hypoattenuating mass"
    assert len(both[0].texts) == 2


@pytest.mark.slow
def test_several_workers_prepare_the_same(tmp_path: Path, autoencoder: Autoencoder) -> None:
    cases = [case(tmp_path, number) for number in range(2)]
    alone = prepare(cases, autoencoder, TripleSettings(SIZES, 1), TextSettings(variants=1), tmp_path / "one")[0]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", Doubt)
        shared = prepare(cases, autoencoder, TripleSettings(SIZES, 1, 2), TextSettings(variants=1), tmp_path / "two")[0]
    doubts = [str(each.message) for each in told if issubclass(each.category, Doubt)]
    assert [each.partition(":")[0] for each in doubts] == ["000, 001 (2 of 2)"]  # once, with whom it concerns
    assert [each.texts for each in alone] == [each.texts for each in shared]
    assert all(torch.equal(a.view(0)["lesion"], b.view(0)["lesion"]) for a, b in zip(alone, shared, strict=True))


# --- Words ---


def test_a_lesion_without_words_is_measured_and_put_in_other_words(tmp_path: Path, autoencoder: Autoencoder) -> None:
    (lesion,) = _prepared([case(tmp_path)], autoencoder, tmp_path)
    assert lesion.source == "measured"
    assert "hypoattenuating" in lesion.texts[0]
    assert len(set(lesion.texts)) == 2


def test_no_variants_leaves_a_lesion_its_own_text(tmp_path: Path, autoencoder: Autoencoder) -> None:
    (lesion,) = _prepared([case(tmp_path, texts=("cystic mass",))], autoencoder, tmp_path, variants=0)
    assert lesion.texts == ("cystic mass",)


REPORT = """Findings: In the pancreatic head there is a 16 mm hyperattenuating lesion.
There is another lesion of 24 mm in the pancreatic tail, hypoattenuating and ill-defined. The spleen is normal."""


def test_a_reports_lesions_find_theirs_by_size(tmp_path: Path, autoencoder: Autoencoder) -> None:
    small, large = 15.0, 25.0
    (tmp_path / "one").mkdir()
    found = _prepared([case(tmp_path, diameters_mm=(large, small), report=REPORT)], autoencoder, tmp_path)
    assert [each.source for each in found] == ["report", "report"]
    by_size = sorted(found, key=lambda each: each.diameter_mm)
    assert "hyperattenuating" in by_size[0].texts[0]
    assert "ill-defined" in by_size[1].texts[0]


def test_texts_of_a_case_with_several_lesions(tmp_path: Path, autoencoder: Autoencoder) -> None:
    both = {1: ("calcified",), 2: ("cystic mass",)}
    found = _prepared([case(tmp_path, diameters_mm=(24.0, 14.0), lesion_texts=both)], autoencoder, tmp_path)
    assert [each.texts[0] for each in found] == ["calcified", "cystic mass"]


def test_all_texts_of_a_case_are_its_wordings(tmp_path: Path, autoencoder: Autoencoder) -> None:
    texts = ("cystic mass", "a fluid-filled lesion", "a cyst-like mass")
    (lesion,) = _prepared([case(tmp_path, texts=texts)], autoencoder, tmp_path, variants=1)
    assert lesion.texts == texts  # all, though more than were asked for
    with pytest.raises(InputError, match="nothing in 'a lesion' says"):
        _prepared([case(tmp_path, 1, texts=("cystic mass", "a lesion"))], autoencoder, tmp_path, variants=2)


def test_words_against_the_scan_are_told(tmp_path: Path, autoencoder: Autoencoder) -> None:
    cases = [case(tmp_path, texts=("hyperattenuating mass",))]
    _, notes = prepare(cases, autoencoder, TripleSettings(SIZES, 1), TextSettings(variants=0), tmp_path / "t")
    assert any("says density hyper, the scan is measured as hypo" in note for note in notes)


# --- Bad input: one line that names the case ---


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"texts": ("a lesion in the pancreas",)}, "000: nothing in 'a lesion in the pancreas' says"),
        ({"texts": ("No focal lesion.",)}, "000: the text says that there is no lesion"),
        ({"report": "The pancreas is normal."}, r"000: the report .*000\.txt describes no lesion of the pancreas"),
        ({"organ": "colon"}, "000 is of the colon; words are known for liver, pancreas"),
        ({"diameters_mm": ()}, r"000: its label map .* holds no tumour"),
        ({"diameters_mm": (4.0,)}, "smaller than 5 mm"),
    ],
)
def test_a_case_that_cannot_be_used_is_named(
    tmp_path: Path, autoencoder: Autoencoder, how: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as refused:
        _prepared([case(tmp_path, **how)], autoencoder, tmp_path)
    assert "\n" not in str(refused.value)


def test_a_crop_without_the_tumour_is_refused(tmp_path: Path, autoencoder: Autoencoder) -> None:
    made = case(tmp_path)
    volume = Volume.read(made.ct)
    Volume(np.where(Volume.read(made.label).data == 2, np.int16(-1500), volume.data), volume.affine).write(made.ct)
    with pytest.raises(InputError, match="case 000: every voxel of its tumour is unknown"):
        _prepared([made], autoencoder, tmp_path)


def test_a_crop_of_one_slice_is_refused_by_its_name(tmp_path: Path, autoencoder: Autoencoder) -> None:
    made = case(tmp_path)
    for path in (made.ct, made.label):
        volume = Volume.read(path)
        Volume(volume.data[:, :, 5:6], volume.affine).write(path)
    with pytest.raises(InputError, match="case 000: a 3D scan is needed"):
        _prepared([made], autoencoder, tmp_path)


def test_a_label_map_of_another_spacing_is_refused(tmp_path: Path, autoencoder: Autoencoder) -> None:
    made = case(tmp_path)
    scan(spacing=(0.7, 0.7, 2.5))[1].write(made.label)
    with pytest.raises(InputError, match=r"case 000: .*another grid"):
        _prepared([made], autoencoder, tmp_path)


def test_cases_without_any_tumour_are_refused(tmp_path: Path, autoencoder: Autoencoder) -> None:
    made = case(tmp_path)
    with pytest.raises(InputError, match="no case has a tumour"):
        _prepared([replace(made, healthy=True)], autoencoder, tmp_path)
    with pytest.raises(InputError, match="no label map"):
        _prepared([replace(made, label=None)], autoencoder, tmp_path)


def test_silent_texts_may_be_measured_instead(tmp_path: Path, autoencoder: Autoencoder) -> None:
    (lesion,) = _prepared([case(tmp_path, texts=("a mass",))], autoencoder, tmp_path, silent="measure")
    assert lesion.source == "measured"
