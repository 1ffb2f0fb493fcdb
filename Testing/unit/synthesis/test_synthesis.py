"""The main job, from Python: a described tumour where the mask is, the same again for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib import Synthesizer, Volume
from TextoMorphLib.errors import Cancelled, InputError


def test_only_the_mask_and_its_border_change(tiny: Synthesizer, ct: Volume, mask: np.ndarray) -> None:
    made = tiny.synthesize(ct, mask, "hypoattenuating, calcification")
    distance = ndimage.distance_transform_edt(~mask, sampling=ct.spacing)
    changed = made.volume.data != ct.data
    assert changed[mask].mean() > 0.5
    assert not changed[distance > 4.0].any()
    assert made.volume.data.dtype == ct.data.dtype
    np.testing.assert_array_equal(made.volume.affine, ct.affine)


def test_a_model_that_does_not_draw_a_word_says_so(tiny: Synthesizer, ct: Volume, mask: np.ndarray) -> None:
    with_fat, without = (
        tiny.synthesize(ct, mask, text) for text in ("hypoattenuating, fat-containing", "hypoattenuating")
    )
    assert any("does not know fat 'present'; drawn without" in note for note in with_fat.report["notes"])
    assert with_fat.report["drawn_by_rule"] == []
    np.testing.assert_array_equal(with_fat.volume.data, without.volume.data)


def test_seed_decides_the_result(tiny: Synthesizer, ct: Volume, mask: np.ndarray) -> None:
    first, again, other = (tiny.synthesize(ct, mask, "solid", seed=seed).volume.data for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_known_place_is_recognised_until_scan_or_mask_changes(
    tiny: Synthesizer, ct: Volume, mask: np.ndarray
) -> None:
    def is_learnt_anew(scan: Volume, where: np.ndarray) -> bool:
        return "encode" in tiny.synthesize(scan, where, "solid", steps=1).report["seconds"]

    scan, where = Volume.from_array(ct.data.copy("K"), ct.affine), mask.copy()
    assert is_learnt_anew(Volume.from_array(ct.data + 1, ct.affine), where)
    assert is_learnt_anew(scan, where)
    assert not is_learnt_anew(Volume.from_array(scan.data.copy("K"), scan.affine), where.copy())
    scan.data[tuple(np.argwhere(mask)[0])] += 1  # edited in place
    assert is_learnt_anew(scan, where)
    where[tuple(np.argwhere(mask)[0])] = False
    assert is_learnt_anew(scan, where)
    assert is_learnt_anew(Volume.from_array(scan.data, np.diag([2.0, 1.0, 1.0, 1.0]) @ scan.affine), where)


def test_a_result_has_the_header_of_its_own_scan_though_another_has_the_same_voxels(
    tiny: Synthesizer, ct: Volume, mask: np.ndarray
) -> None:
    one, other = (replace(ct, metadata={"Name": name}, frame_of_reference=f"1.2.{name}") for name in "12")
    for scan in (one, other):
        made = tiny.synthesize(scan, mask, "solid", steps=1).volume
        assert (made.metadata, made.frame_of_reference) == (scan.metadata, scan.frame_of_reference)


def test_report_says_what_was_asked_measured_and_used(tiny: Synthesizer, ct: Volume, mask: np.ndarray) -> None:
    steps: list[tuple[int, int]] = []
    report = tiny.synthesize(
        ct, mask, "cystic without calcification", seed=5, steps=3, progress=lambda *step: steps.append(step)
    ).report
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert report["synthetic"] is True
    assert report["seed"] == 5
    assert report["model"] == {"name": "tiny", "sha256": tiny.model.sha256}
    assert len(report["lesions"]) == len(report["asked"]) == 1
    assert {"contrast_hu", "diameter_mm"} <= report["lesions"][0].keys()
    assert any("cyst" in term for term in report["terms"])
    assert any(term.startswith("no ") and "calcification" in term for term in report["terms"])


def test_two_lesions_both_appear(tiny: Synthesizer, ct: Volume, mask: np.ndarray) -> None:
    shift = int(40 / ct.spacing[0])
    both = mask | np.roll(mask, shift, axis=0)
    made = tiny.synthesize(ct, both, "solid")
    changed = made.volume.data != ct.data
    assert len(made.report["lesions"]) == 2
    assert changed[mask].mean() > 0.5
    assert changed[np.roll(mask, shift, axis=0)].mean() > 0.5


@pytest.mark.parametrize("preset", ["preview", "final"])
def test_lesions_of_one_size_are_drawn_together_as_alone(
    tiny: Synthesizer, ct: Volume, mask: np.ndarray, monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    """As on a graphics card, where they share each look."""
    both = mask | np.roll(mask, int(40 / ct.spacing[0]), axis=0)
    looks: list[int] = []
    hook = tiny.denoiser.register_forward_hook(lambda _, given, __: looks.append(len(given[0])))
    alone = tiny.synthesize(ct, both, "solid", preset=preset)
    one_by_one, told = list(looks), list[int]()
    looks.clear()
    monkeypatch.setattr(tiny, "at_once", 2)
    together = tiny.synthesize(ct, both, "solid", preset=preset, progress=lambda done, _: told.append(done))
    hook.remove()
    assert looks == [2 * size for size in one_by_one[::2]] != []
    assert 2 * len(looks) == len(one_by_one)
    assert told == sorted(set(told))
    difference = together.volume.hu() - alone.volume.hu()
    assert np.abs(difference).max() <= 1  # it rounds otherwise
    assert np.count_nonzero(difference) < 0.01 * np.count_nonzero(both)


def test_progress_cancels(tiny: Synthesizer, ct: Volume, mask: np.ndarray) -> None:
    with pytest.raises(Cancelled):
        tiny.synthesize(ct, mask, "solid", progress=lambda step, total: False)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"text": "  "}, "text is empty"),
        ({"text": "FINDINGS:\n\nIMPRESSION:\n"}, "titles alone"),
        ({"text": "cyst", "organ": "spleen"}, "unknown organ 'spleen'"),
        ({"text": "cyst", "steps": 0}, "steps 0"),
        ({"text": "cyst", "seed": -1}, "seed -1"),
        ({"text": "cyst", "guidance": -1.0}, "guidance -1"),
    ],
)
def test_bad_request_is_refused(tiny: Synthesizer, ct: Volume, mask: np.ndarray, request_: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        tiny.synthesize(ct, mask, **request_)
