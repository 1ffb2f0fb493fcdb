"""Layers of the denoiser for words that it was taught later: fat, gas, nodules, scars, rings, locules, dense fluid.

They take the last look: what the denoiser has drawn without such a word, where `word_structures` puts what the word
asks for by the seed's fields, and which word it is. What comes of them is added to the lesion's latent, one word after
the other. Where a text asks for none of these words they are not run at all, so that it draws what it always drew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from TextoMorphLib.errors import InputError
from TextoMorphLib.models import word_structures
from TextoMorphLib.models.seed_fields import FIELD_MM, FINER, in_latent_voxels
from TextoMorphLib.models.word_structures import Word

SHAPE_CHANNELS = FINER**3


class WordLayers(nn.Module):
    """What each word adds to a lesion's latent.

    First what is nearly linear: where something of an HU takes the place of what is there, the latent changes by how
    much of it there is times how far that is from what is there. Then convolutions mend it by what lies around. No
    normalisation: how bright the organ is must not be lost.

    Args:
        words: Kinds and values.
        latent_channels: Channels of the autoencoder's latent.
        depth_channels: Of the mask's.
        width: Of the convolutions.

    Raises:
        InputError: A word that `word_structures` does not know.
    """

    def __init__(self, words: Sequence[Sequence[str]], latent_channels: int, depth_channels: int, width: int) -> None:
        super().__init__()
        if unknown := [word for word in words if tuple(word) not in word_structures.WORDS]:
            known = ", ".join(map(" ".join, word_structures.WORDS))
            raise InputError(f"no such word to be told: {' '.join(map(str, unknown[0]))}; this version knows {known}")
        self.words: tuple[Word, ...] = tuple((kind, value) for kind, value in words)
        seen = 1 + 2 * latent_channels
        self.drawn = nn.Linear(len(self.words), latent_channels * SHAPE_CHANNELS * seen, bias=False)
        self.enter = nn.Conv3d(3 * latent_channels + depth_channels + SHAPE_CHANNELS, width, 3, padding=1)
        self.told = nn.Linear(len(self.words), 2 * width)
        self.first = nn.Conv3d(width, width, 3, padding=1)
        self.second = nn.Conv3d(width, width, 3, padding=1)
        self.leave = nn.Conv3d(width, latent_channels, 3, padding=1)
        for weight in (self.drawn.weight, self.told.weight, self.told.bias, self.leave.weight, self.leave.bias):
            nn.init.zeros_(weight)  # type: ignore[arg-type]
        # What latents are divided by, channel by channel; set by training.
        self.latent_scale: Tensor
        self.register_buffer("latent_scale", torch.ones(1, latent_channels, 1, 1, 1))

    def forward(self, lesion: Tensor, place: Tensor, shape: Tensor, word: Tensor) -> Tensor:
        """What a word changes.

        Args:
            lesion: [B, C, x, y, z] the lesion's latent without it, minus that of the filled scan.
            place: [B, C + 4, x, y, z]: the filled scan's latent and the depth channels.
            shape: [B, 8, x, y, z], of `shape_channels`: where what it asks for lies.
            word: [B, words], 1 for the one.

        Returns:
            [B, C, x, y, z], in the units of `lesion`.
        """
        channels = lesion.shape[1]
        filled, depth = place.split([channels, place.shape[1] - channels], 1)
        there = torch.cat([lesion, filled], 1) / self.latent_scale.repeat(1, 2, 1, 1, 1)
        seen = torch.cat([torch.ones_like(depth[:, :1]), there], 1)
        share = (shape[:, :, None] * seen[:, None]).flatten(1, 2)
        drawn = torch.einsum("bcf,bfxyz->bcxyz", self.drawn(word).unflatten(1, (channels, -1)), share)
        x = self.enter(torch.cat([drawn, there, depth, shape], 1))
        scale, shift = self.told(word)[:, :, None, None, None].chunk(2, 1)
        x = x + self.second(functional.silu(self.first(functional.silu(x * (1 + scale) + shift))))
        return (drawn + self.leave(functional.silu(x))) * self.latent_scale  # type: ignore[no-any-return]

    def hidden_weights(self) -> list[nn.Parameter]:
        """The weights between the first and the last layer, which Muon trains where it is asked to."""
        return [weight for layer in (self.first, self.second) for weight in layer.parameters() if weight.ndim > 1]

    def vector(self, word: Word) -> Tensor:
        """[words]: 1 for the one."""
        return torch.tensor([float(word == each) for each in self.words])


def shape_channels(share: np.ndarray) -> Tensor:
    """[8, x, y, z]: a share on the 1 mm grid as the eight 2 mm voxels in a latent's."""
    fine = functional.avg_pool3d(torch.from_numpy(np.ascontiguousarray(share, np.float32))[None], FIELD_MM)
    return in_latent_voxels(fine[None])[0]
