"""Frozen text encoders by name: a text becomes tokens. A new one is a file here, with a `load` of its own.

MiniLM-L6 (`minilm`) is the default; CLIP ViT-B/32 (`clip`) is the paper's.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Protocol

from torch import Tensor

from TextoMorphLib.errors import InputError


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


def names() -> list[str]:
    """The encoders that there are."""
    return sorted(each.name for each in pkgutil.iter_modules(__path__) if not each.name.startswith("_"))


@lru_cache(maxsize=4)
def load(name: str = "minilm", device: str = "cpu", path: Path | None = None) -> TextEncoder:
    """A frozen text encoder, loaded once per process and never over the network.

    Args:
        name: One of `names()`.
        device: Torch device that runs it.
        path: Folder with the weights; where they are usually if None.

    Raises:
        InputError: Unknown name, missing weights, or weights with another checksum.
    """
    if name not in names():
        raise InputError(f"unknown text encoder '{name}': choose {' or '.join(names())}")
    encoder: TextEncoder = import_module(f"{__name__}.{name}").load(device, path)
    return encoder
