"""CLIP ViT-B/32's text tower, the paper's encoder, through transformers, from the user's own copy of its weights."""

from __future__ import annotations

from pathlib import Path

import torch

from TextoMorphLib.errors import InputError
from TextoMorphLib.text.encoders import TextEncoder, Tokens
from TextoMorphLib.text.encoders._common import Cached, sha256, tokenize, tokenizer

REPOSITORY = "openai/clip-vit-base-patch32"


def load(device: str, path: Path | None) -> TextEncoder:
    """CLIP from a folder, or from its place in the Hugging Face cache."""
    return _Clip(path or _folder(), device)


class _Clip(Cached):
    name = "clip"

    def __init__(self, folder: Path, device: str) -> None:
        super().__init__()
        weights = folder / "model.safetensors"
        if not weights.is_file() or not (folder / "tokenizer.json").is_file():
            raise InputError(
                f"{folder} holds no CLIP text model: it needs config.json, tokenizer.json, model.safetensors"
            )
        # Imported here: transformers is slow to import and only CLIP needs it.
        try:
            from transformers import CLIPTextModel
            from transformers.utils import logging
        except ImportError:
            raise InputError("CLIP needs transformers: pip install transformers") from None

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self._device = torch.device(device)
        self._model = CLIPTextModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        self._model.eval().requires_grad_(False).to(self._device)
        self.sha256 = sha256(weights)
        self.width: int = self._model.config.hidden_size
        self.length: int = self._model.config.max_position_embeddings
        self._tokenizer = tokenizer(folder, self.length)

    def _run(self, texts: list[str]) -> Tokens:
        ids, mask = tokenize(self._tokenizer, texts, self._device)
        output = self._model(input_ids=ids, attention_mask=mask.long())
        return Tokens(output.last_hidden_state, mask, output.pooler_output)


def _folder() -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError:
        raise InputError("CLIP needs transformers: pip install transformers") from None
    try:
        return Path(snapshot_download(REPOSITORY, local_files_only=True))
    except LocalEntryNotFoundError:
        raise InputError(
            f"CLIP's weights are not on this computer: hf download {REPOSITORY}, or give their folder"
        ) from None
