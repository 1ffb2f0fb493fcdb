"""What a denoiser is told besides attributes: tokens, voxels, and what nobody said; old bundles stay as they are."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from TextoMorphLib import Synthesizer, Volume
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.masks import read_mask
from TextoMorphLib.models import bundle
from TextoMorphLib.models.denoiser import FIELD_CHANNELS, Denoiser
from TextoMorphLib.text.organs import organs

TEXT = "hypoattenuating, septated, sparkly"


def _changed(original: Path, folder: Path, move: float | None = None, **config: Any) -> Path:
    """A bundle with other entries in its config; weights that this adds are nothing, or random with a spread."""
    shutil.copytree(original, folder)
    told = json.loads((folder / "config.json").read_text())
    network = {**told["denoiser"], **config.pop("denoiser", {})}
    told |= {**config, "denoiser": network}
    loaded = bundle.load(str(original))
    words = {"conditioning": told.get("conditioning", "attributes"), "text_width": loaded.classifier.text_width}
    denoiser = Denoiser.told_by(loaded.classifier, **words, **network)
    missing = denoiser.load_state_dict(loaded.denoiser.state_dict(), strict=False).missing_keys
    torch.manual_seed(1)
    for name in missing if move else ():
        torch.nn.init.normal_(denoiser.get_parameter(name), std=move)
    parts = {"autoencoder": loaded.autoencoder, "attribute_classifier": loaded.classifier, "denoiser": denoiser}
    bundle.save(folder, told, parts, "# tried\n")
    return folder


@pytest.fixture(scope="module")
def place(phantom_ct: Path, phantom_mask: Path) -> tuple[Volume, np.ndarray]:
    ct = Volume.read(phantom_ct)
    return ct, read_mask(phantom_mask, ct)


def _drawn(model: Path, place: tuple[Volume, np.ndarray], text: str = TEXT, **how: Any) -> np.ndarray:
    return Synthesizer.load(str(model), "cpu").synthesize(*place, text, seed=3, **how).volume.data


def test_tokens_voxels_and_organs_add_nothing_before_they_are_trained(
    tiny_bundle: Path, place: tuple[Volume, np.ndarray], tmp_path: Path
) -> None:
    plain = _changed(tiny_bundle, tmp_path / "plain")  # saved again: half precision
    more = {"told_voxels": True, "told_organs": ["liver", "kidney"], "organ_words": True}
    told = _changed(tiny_bundle, tmp_path / "told", conditioning="attributes+tokens", denoiser=more)
    assert len(bundle.load(str(told)).denoiser.unet.words) == 1
    np.testing.assert_array_equal(_drawn(told, place), _drawn(plain, place))


def test_trained_tokens_act_and_the_null_text_is_none(
    tiny_bundle: Path, place: tuple[Volume, np.ndarray], tmp_path: Path
) -> None:
    told = _changed(tiny_bundle, tmp_path / "told", 0.3, conditioning="attributes+tokens")
    other = TEXT.replace("sparkly", "dull")  # neither is a term
    assert (_drawn(told, place) != _drawn(told, place, other)).any()
    assert (_drawn(tiny_bundle, place) == _drawn(tiny_bundle, place, other)).all()
    without = [_drawn(told, place, text, guidance=0.0) for text in (TEXT, other)]
    np.testing.assert_array_equal(*without)


def test_voxels_act_once_they_are_trained(tiny_bundle: Path, place: tuple[Volume, np.ndarray], tmp_path: Path) -> None:
    told = bundle.load(str(_changed(tiny_bundle, tmp_path / "told", 0.5, denoiser={"told_voxels": True}))).denoiser
    noisy, time = torch.randn(1, 4, 8, 8, 8), torch.tensor([100])
    where, said = torch.randn(1, 4 + 4 + 96, 8, 8, 8), torch.zeros(1, told.words[0].in_features)
    thin, thick, none = (told(noisy, time, where, said, mm) for mm in (torch.ones(1, 3), torch.full((1, 3), 5.0), None))
    assert torch.equal(thin, none)
    assert not torch.allclose(thin, thick)


def test_the_same_words_look_different_in_organs_that_were_told_and_others_are_noted(
    tiny_bundle: Path, place: tuple[Volume, np.ndarray], tmp_path: Path
) -> None:
    folder = _changed(tiny_bundle, tmp_path / "told", 0.5, denoiser={"told_organs": ["liver", "kidney"]})
    model = Synthesizer.load(str(folder), "cpu")
    made = {organ: model.synthesize(*place, TEXT, organ, seed=3, steps=1) for organ in ("liver", "kidney", "pancreas")}
    assert (made["liver"].volume.data != made["kidney"].volume.data).any()
    untold = _changed(tiny_bundle, tmp_path / "untold")
    np.testing.assert_array_equal(made["pancreas"].volume.data, _drawn(untold, place, organ="pancreas", steps=1))
    assert "not in the pancreas" in " ".join(made["pancreas"].report["notes"])
    assert "no organ" not in " ".join(made["liver"].report["notes"])


def test_a_word_means_other_words_in_an_organ_that_was_taught_so(tiny_bundle: Path, tmp_path: Path) -> None:
    more = {"told_organs": ["liver", "kidney"], "organ_words": True}
    model = bundle.load(str(_changed(tiny_bundle, tmp_path / "told", denoiser=more)))
    told, reader = model.denoiser, model.classifier
    assert told.organ_words is not None
    dark, fluid = reader.index("density", "hypo"), reader.index("content", "cystic")
    with torch.no_grad():
        told.organ_words.weight[fluid, reader.size + dark] = 1.0  # "hypoattenuating" in a kidney: cystic, too
    noisy, time, where = torch.randn(1, 4, 8, 8, 8), torch.tensor([100]), torch.randn(1, 4 + 4 + 96, 8, 8, 8)
    said = torch.zeros(2, reader.size)
    said[0, dark] = said[1, [dark, fluid]] = 1.0
    meant = told.words(2 * said)
    seen: list[torch.Tensor] = []
    told.words.register_forward_hook(lambda _, given, made: seen.append(made))
    for organ in ("liver", "kidney"):
        told(noisy, time, where, said[:1], organ=told.organ_vector(organ)[None])
    torch.testing.assert_close(torch.cat(seen), meant)


def test_a_model_of_real_lesions_is_shown_no_field_that_made_its_noise(
    tiny_bundle: Path, place: tuple[Volume, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[torch.Tensor, ...]] = []
    forward = Denoiser.forward
    monkeypatch.setattr(Denoiser, "forward", lambda self, *given: (seen.append(given), forward(self, *given))[1])
    made = {}
    for noise in ("coupled", "independent"):
        seen.clear()
        model = _changed(tiny_bundle, tmp_path / noise, noise=noise)
        made[noise] = _drawn(model, place, steps=4, guidance=1.0)
        starts, shown = seen[0][0], seen[0][2][:, 4 + 4 :]
        assert bool(shown[:, :FIELD_CHANNELS].any()) == (noise == "coupled")
        assert shown[:, FIELD_CHANNELS:].any()  # hints of rare words stay
        made[f"{noise} start"] = starts
    assert (made["coupled"] != made["independent"]).any()
    pair = torch.stack([made["coupled start"].flatten(), made["independent start"].flatten()])
    assert abs(float(torch.corrcoef(pair)[0, 1])) < 0.05


def test_what_nobody_said_is_unknown_to_models_that_learned_so(
    tiny_bundle: Path, place: tuple[Volume, np.ndarray], tmp_path: Path
) -> None:
    reports = {}
    for unsaid in ("default", "unknown"):
        model = Synthesizer.load(str(_changed(tiny_bundle, tmp_path / unsaid, unsaid=unsaid)), "cpu")
        reports[unsaid] = model.synthesize(*place, TEXT, seed=3, steps=1).report
    assert reports["default"]["unsaid"]["taken_as"] == "default"
    assert "margin" in reports["default"]["unsaid"]["kinds"]
    assert "density" not in reports["default"]["unsaid"]["kinds"]
    assert reports["default"]["understood"]["margin"] == {"default": 1.0}
    assert "margin" not in reports["unknown"]["understood"]
    assert reports["unknown"]["understood"]["density"] == {"hypo": 1.0}


@pytest.mark.parametrize("text", ["hyperattenuating", "ill-defined", "solid"])
def test_an_organs_usual_density_and_fluid_stay_out_of_models_that_learned_what_nobody_said(
    tiny_bundle: Path, place: tuple[Volume, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    model = _changed(tiny_bundle, tmp_path / "unknown", unsaid="unknown")
    assert organs["pancreas"].fluid_hu
    assert organs["pancreas"].unsaid_contrast_hu
    drawn = _drawn(model, place, text, organ="pancreas", steps=1)
    bare = dataclasses.replace(organs["pancreas"], fluid_hu=(), unsaid_contrast_hu=())
    monkeypatch.setitem(organs, "pancreas", bare)
    np.testing.assert_array_equal(drawn, _drawn(model, place, text, organ="pancreas", steps=1))


def test_words_without_effect_are_told_with_the_reason(
    tiny_bundle: Path, place: tuple[Volume, np.ndarray], tmp_path: Path
) -> None:
    text = "hypoattenuating, sparkly. The spleen has a calcified granuloma."
    for tokens, why in (("attributes", "not understood"), ("attributes+tokens", "is not measured")):
        model = Synthesizer.load(str(_changed(tiny_bundle, tmp_path / tokens, conditioning=tokens)), "cpu")
        told = {each["words"]: each["why"] for each in model.synthesize(*place, text, steps=1).report["without_effect"]}
        assert why in told["sparkly"]
        assert "spleen" in " ".join(told.values())
        assert "hypoattenuating" not in told


@pytest.mark.parametrize(
    "text", ["hypoattenuating mass, dilated pancreatic duct", "hypodense mass, main pancreatic duct dilated to 8 mm"]
)
def test_what_is_said_of_the_organ_has_no_effect_and_that_is_told(
    tiny_bundle: Path, place: tuple[Volume, np.ndarray], text: str
) -> None:
    model = Synthesizer.load(str(tiny_bundle), "cpu")
    report = model.synthesize(*place, text, organ="pancreas", steps=1).report
    (told,) = report["without_effect"]
    assert "duct" in told["words"]
    assert "stays as it is" in told["why"]
    assert report["understood"]["density"] == {"hypo": 1.0}


def test_what_a_config_says_and_nobody_knows_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    for name in ("noise", "unsaid", "conditioning"):
        folder = tmp_path / name
        shutil.copytree(tiny_bundle, folder)
        told = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**told, name: "telepathy"}))
        bundle.seal(folder)
        with pytest.raises(InputError, match=f"has a {name} that this version does not know"):
            bundle.load(str(folder))
