"""What the text encoders share: each text is encoded once, and tokenizers are read from a folder."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from TextoMorphLib.errors import InputError
from TextoMorphLib.text.encoders import Tokens

BATCH = 64
CACHED_TEXTS = 512


class Cached:
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


def tokenizer(folder: Path, length: int) -> Tokenizer:
    found = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found.enable_truncation(length)
    # CLIP has no padding token of its own: it pads with the end of the text.
    token = "[PAD]" if found.token_to_id("[PAD]") is not None else "<|endoftext|>"
    found.enable_padding(length=length, pad_id=found.token_to_id(token), pad_token=token)
    return found


def tokenize(using: Tokenizer, texts: list[str], device: torch.device) -> tuple[Tensor, Tensor]:
    encoded = using.encode_batch(texts)
    ids = torch.tensor([one.ids for one in encoded], device=device)
    mask = torch.tensor([one.attention_mask for one in encoded], device=device, dtype=torch.bool)
    return ids, mask


def sha256(file: Path) -> str:
    if not file.is_file():
        raise InputError(f"{file} is missing: reinstall the text encoder")
    return hashlib.sha256(file.read_bytes()).hexdigest()
