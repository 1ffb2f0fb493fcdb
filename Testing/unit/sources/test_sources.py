"""Sources of tumours: where they go, what they change, and that a seed decides them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.sources import TumourSource, load
from TextoMorphLib.sources.bank import Bank, Maker, make_entry, write_entry
from TextoMorphLib.sources.cells import grown, willingness
from TextoMorphLib.sources.placement import Placement
from TextoMorphLib.synthesis import Synthesizer, synthesizer

SIDE = 40


def place() -> tuple[np.ndarray, np.ndarray]:
    """A liver of 100 HU with noise, fat on one side."""
    rng = np.random.default_rng(1)
    ct = np.full((SIDE,) * 3, 100, np.float32) + 8 * ndimage.gaussian_filter(rng.standard_normal((SIDE,) * 3), 0.7) * 3
    organ = np.zeros(ct.shape, bool)
    organ[6:, 3:-3, 3:-3] = True
    ct[:6] -= 200
    return ct.astype(np.float32), organ


def healthy(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    ct, organ = place()
    return ct + np.float32(rng.integers(5)), organ


@pytest.fixture(params=["ellipsoids", "cells", "words"])
def source(request: pytest.FixtureRequest, tiny_bundle: Path) -> TumourSource:
    more: dict[str, Any] = {"model": str(tiny_bundle), "texts": ["cyst"]} if request.param == "words" else {}
    return load(request.param, diameters_mm=(8, 16), **more)


def test_a_tumour_in_the_organ_that_the_seed_decides(source: TumourSource) -> None:
    ct, organ = place()
    before = ct.copy()
    made, again, other = (source.insert(ct, organ, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(ct, before)
    tumour = made.label == 2
    assert 50 < tumour.sum() < 6000
    assert not (tumour & ~organ).any()
    assert np.array_equal(made.label == 1, organ & ~tumour)
    assert made.ct.dtype == np.float32
    assert np.abs(made.ct - ct)[tumour].mean() > 2
    far = ndimage.distance_transform_edt(~tumour) > 12
    assert np.abs(made.ct - ct)[far].max() < 1
    assert np.array_equal(made.ct, again.ct)
    assert not np.array_equal(made.ct, other.ct)


def test_a_patch_is_what_a_scan_would_be(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ct, organ = place()
    mask = Placement(1.5, (12, 16)).masks(organ, np.random.default_rng(1))
    model = Synthesizer.load(str(tiny_bundle), "cpu")
    whole = Volume.from_array(ct, np.diag([1.5, 1.5, 1.5, 1.0]))
    expected = model.synthesize(whole, mask, "cyst", seed=5, preset="preview").volume.hu()
    chosen = model.synthesize(whole, mask, "cyst, ill-defined", seed=5).volume.hu()
    assert np.array_equal(model.patch(ct, mask, "cyst, ill-defined", seed=5, spacing_mm=1.5, preset="final"), chosen)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("hashed or measured")

    monkeypatch.setattr(Volume, "fingerprint", never)
    monkeypatch.setattr(synthesizer, "measure_in", never)
    assert np.array_equal(model.patch(ct, mask, "cyst", seed=5, spacing_mm=1.5), expected)
    with pytest.raises(InputError, match="empty"):
        model.patch(ct, mask & False, "cyst")


def test_other_spacing(tiny_bundle: Path) -> None:
    ct, organ = place()
    volumes = []
    for spacing in (1.0, 2.0):
        made = load("ellipsoids", spacing, diameters_mm=(16, 16)).insert(ct, organ, np.random.default_rng(0))
        volumes.append((made.label == 2).sum() * spacing**3)
    assert volumes[1] == pytest.approx(volumes[0], rel=0.4)


def test_cells_grow_where_tissue_lets_them() -> None:
    organ = np.ones((SIDE,) * 3, bool)
    ct = np.full(organ.shape, 100, np.float32)
    ct[:, :, 24:28] = 200  # a large vessel
    cells, _ = grown(willingness(ct, organ), (20, 20, 20), 4000, np.random.default_rng(0))
    here, beyond = (cells[:, :, 12:20] > 0).sum(), (cells[:, :, 28:36] > 0).sum()
    assert here > 5 * beyond
    ct[:, :, 24:28] = 100
    cells, _ = grown(willingness(ct, organ), (20, 20, 20), 4000, np.random.default_rng(0))
    assert (cells[:, :, 24:] > 0).sum() > 300


def test_other_words_and_ellipsoids_have_the_same_masks(tiny_bundle: Path) -> None:
    ct, organ = np.full((24, 24, 24), 100, np.float32), np.ones((24, 24, 24), bool)
    organ[:4] = False
    made = [
        load(kind, diameters_mm=(8, 12), **settings).insert(ct, organ, np.random.default_rng(4)).label
        for kind, settings in (
            ("words", {"model": str(tiny_bundle), "texts": ["cyst"]}),
            ("words", {"model": str(tiny_bundle), "texts": "vocabulary"}),
            ("words", {"model": str(tiny_bundle), "texts": "none"}),
            ("ellipsoids", {"avoid_vessels": False}),
        )
    ]
    assert all(np.array_equal(made[0], other) for other in made[1:])


def test_words_by_class_vocabulary_and_none(tiny_bundle: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"model": str(tiny_bundle), "organ": "pancreas", "diameters_mm": (8, 10)}
    classes = load("words", texts={"pdac": ["solid"], "cyst": ["cystic lesion"]}, classes=("pdac", "cyst"), **settings)
    ct, organ = place()
    found = {}
    for seed in range(3):
        made = classes.insert(ct, organ, np.random.default_rng(seed))
        found[made.text] = int(made.label.max())
    assert found == {"solid": 2, "cystic lesion": 3}
    drawn = {load("words", texts="vocabulary", **settings).text(np.random.default_rng(s))[1] for s in range(8)}  # type: ignore[attr-defined]
    assert len(drawn) > 5
    assert load("words", texts="none", **settings).insert(ct, organ, np.random.default_rng(0)).text == ""
    (tmp_path / "texts.txt").write_text("necrotic\n\n")
    assert load("words", texts=str(tmp_path / "texts.txt"), **settings).text(np.random.default_rng(0))[1] == "necrotic"  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="no class of the cases"):
        load("words", texts={"pnet": ["x"]}, classes=("pdac",), **settings)
    with pytest.raises(InputError, match="unknown source"):
        load("magic")
    with pytest.raises(InputError, match="cannot take"):
        load("cells", colour="red")


def test_real_shapes(tmp_path: Path) -> None:
    ball = np.linalg.norm(np.indices((15,) * 3) - 7, axis=0) < 5
    np.savez(
        tmp_path / "shapes.npz",
        **{"0_tumour": np.packbits(ball), "0_shape": np.array(ball.shape), "diameter_mm": np.array([10.0])},
    )
    organ = np.ones((SIDE,) * 3, bool)
    made = Placement(1.0, (20, 20), tmp_path / "shapes.npz").masks(organ, np.random.default_rng(0))
    assert made.sum() <= ball.sum()
    with pytest.raises(InputError, match="no such file of shapes"):
        Placement(1.0, shapes="nowhere.npz")
    packed = {"tumour": np.packbits(ball), "shape": np.array(ball.shape)}
    some = {f"{n}_{key}": value for n in (0, 2) for key, value in packed.items()}
    np.savez(tmp_path / "some.npz", **some, diameter_mm=np.array([10.0, 30.0, 10.0]))  # the second shape was taken out
    with pytest.raises(InputError, match="2 lesion shapes and 3 diameters"):
        Placement(1.0, shapes=tmp_path / "some.npz").masks(organ, np.random.default_rng(0))


def test_a_bank_is_read_by_number_and_moves_on(tmp_path: Path) -> None:
    source = load("ellipsoids", diameters_mm=(8, 10))
    for number in range(6):
        write_entry(tmp_path, number, make_entry(number, 5, healthy, source))
    bank = Bank(folder=tmp_path, size=2, refresh=0.5)
    empty = np.zeros((1, 1, 1), np.float32)
    for step, window in ((0, {0, 1}), (8, {4, 5})):
        bank.at(step)
        drawn = [bank.insert(empty, empty > 0, np.random.default_rng(seed)) for seed in range(8)]
        wanted = {number: make_entry(number, 5, healthy, source) for number in window}
        seen = {n for made in drawn for n, entry in wanted.items() if np.abs(made.ct - entry.ct).max() <= 0.5}
        assert seen == window
    with pytest.raises(InputError, match="holds no bank"):
        Bank(folder=tmp_path / "none")


def test_a_bank_that_moved_on_is_read_as_it_lies_and_at_its_own_spacing(tmp_path: Path) -> None:
    source, empty = load("ellipsoids", diameters_mm=(8, 10)), np.zeros((1, 1, 1), np.float32)
    for number in (4, 5, 7):  # the others were deleted as the training went on
        write_entry(tmp_path, number, make_entry(number, 5, healthy, source))
    (tmp_path / "bank.json").write_text('{"spacing_mm": 1.0}')
    bank = load("bank", 1.0, folder=tmp_path)
    drawn = {float(bank.insert(empty, empty > 0, np.random.default_rng(seed)).ct.mean()) for seed in range(12)}
    assert len(drawn) == 3
    with pytest.raises(InputError, match="made at 1 mm, not at 2"):
        load("bank", 2.0, folder=tmp_path)


def test_processes_make_the_bank_and_failures_are_told(tmp_path: Path) -> None:
    settings = {"kind": "ellipsoids", "diameters_mm": (8, 10)}
    here = Maker(tmp_path / "here", 4, 0.0, 5, healthy, settings, 1.0)
    told: list[int] = []
    here.start(0, lambda there, of: told.append(there))
    assert told == [0, 1, 2, 3, 4]
    with pytest.raises(Cancelled):
        Maker(tmp_path / "cancelled", 4, 0.0, 5, healthy, settings, 1.0).start(0, lambda there, of: there < 1)
    assert len(list((tmp_path / "cancelled").glob("*.npz"))) == 1
    maker = Maker(tmp_path / "bank", 4, 0.0, 5, healthy, settings, 1.0, workers=2)
    maker.start()
    try:
        alike = [(tmp_path / folder / "0000003.npz").read_bytes() for folder in ("here", "bank")]
        assert alike[0] == alike[1]
        made = Bank(folder=tmp_path / "bank", size=4).entry(3)
        wanted = make_entry(3, 5, healthy, load("ellipsoids", diameters_mm=(8, 10)))
        assert np.abs(made.ct - wanted.ct).max() <= 0.5
        assert np.array_equal(made.label, wanted.label)
    finally:
        maker.stop()
    other = Maker(tmp_path / "bank", 4, 0.0, 6, healthy, settings, 1.0)
    with pytest.raises(InputError, match="made from other settings"):
        other.start()
    for workers in (1, 2):
        nowhere = {"kind": "words", "model": "nowhere"}
        failing = Maker(tmp_path / "bad", 4, 0.0, 5, healthy, nowhere, 1.0, workers=workers)
        with pytest.raises(InputError, match="unknown model"):
            failing.start()
        failing.stop()


def test_as_a_monai_transform() -> None:
    from monai.data import MetaTensor

    from TextoMorphLib.sources.monai_transform import SynthesizeTumourd

    ct, organ = place()
    data = {"image": MetaTensor(torch.from_numpy(ct)[None]), "label": torch.from_numpy(organ.astype(np.uint8))[None]}
    made = []
    for seed in (1, 1, 2):
        transform = SynthesizeTumourd(source={"kind": "ellipsoids", "diameters_mm": (8, 12)}, prob=1.0)
        transform.set_random_state(seed)
        made.append(transform(data))
    assert isinstance(made[0]["image"], MetaTensor)
    assert made[0]["label"].dtype == torch.uint8
    assert (made[0]["label"] == 2).any()
    assert not (data["label"] == 2).any()
    assert torch.equal(made[0]["image"], made[1]["image"])
    assert not torch.equal(made[0]["image"], made[2]["image"])
    assert torch.equal(transform(made[0])["image"], made[0]["image"])  # there is a tumour already
    never = SynthesizeTumourd(source={"kind": "cells"}, prob=0.0)
    assert torch.equal(never(data)["image"], data["image"])
