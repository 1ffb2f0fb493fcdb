"""A small 3D U-Net whose every block is modulated by a condition vector (FiLM: Perez et al., 2018).

MONAI's diffusion U-Net adds the condition before a normalisation; here it scales and shifts what comes out of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

GROUPS = 8


class Block(nn.Module):
    """Two convolutions with a way around them; the condition scales and shifts what enters each."""

    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, inputs), nn.GroupNorm(GROUPS, outputs)
        self.conv1 = nn.Conv3d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv3d(outputs, outputs, 3, padding=1)
        self.film1, self.film2 = nn.Linear(condition, 2 * inputs), nn.Linear(condition, 2 * outputs)
        self.around = nn.Conv3d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """[B, inputs, x, y, z] and [B, condition] to [B, outputs, x, y, z]."""
        hidden = self.conv1(functional.silu(_modulated(self.norm1(x), self.film1(condition))))
        hidden = self.conv2(functional.silu(_modulated(self.norm2(hidden), self.film2(condition))))
        return hidden + self.around(x)  # type: ignore[no-any-return]


def _modulated(x: Tensor, film: Tensor) -> Tensor:
    """[B, C, x, y, z] scaled and shifted, channel by channel, by [B, 2 C]."""
    scale, shift = film[:, :, None, None, None].chunk(2, dim=1)
    return x * (1 + scale) + shift


class Attention(nn.Module):
    """Self-attention over all places: the lesion as a whole."""

    def __init__(self, channels: int, head_channels: int) -> None:
        super().__init__()
        self.heads = channels // head_channels
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.into = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, x, y, z], plus what each place learns from the others."""
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        parts = self.into(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*parts)
        mixed = self.out(mixed.transpose(1, 2).flatten(2))
        return x + mixed.transpose(1, 2).reshape(x.shape)  # type: ignore[no-any-return]


class CrossAttention(nn.Module):
    """Each place looks at a text's tokens; at the start nothing comes of it.

    A learnt token that means nothing stands beside them: it is all there is to see where there is no text.
    """

    def __init__(self, channels: int, text_width: int, head_channels: int) -> None:
        super().__init__()
        self.heads = channels // head_channels
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.nothing = nn.Parameter(torch.zeros(1, 1, text_width))
        self.asked = nn.Linear(channels, channels)
        self.told = nn.Linear(text_width, 2 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """[B, C, x, y, z], plus what each place takes from [B, L, text_width] tokens; those of zeros are none."""
        there = functional.pad(tokens.abs().amax(-1) > 0, (1, 0), value=True)
        tokens = functional.layer_norm(tokens, tokens.shape[-1:])
        tokens = torch.cat([self.nothing.to(tokens.dtype).expand(len(tokens), -1, -1), tokens], 1)
        asked = self.asked(self.norm(x).flatten(2).transpose(1, 2)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        keys, values = self.told(tokens).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(asked, keys, values, there[:, None, None])
        mixed = self.out(mixed.transpose(1, 2).flatten(2))
        return x + mixed.transpose(1, 2).reshape(x.shape)  # type: ignore[no-any-return]


class UNet(nn.Module):
    """Blocks down to the coarsest level, attention there, and blocks up again.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        channels: Width of each level; each halves the resolution of the one before.
        condition: Width of the condition vector.
        head_channels: Channels of one attention head.
        text_width: Width of a text's tokens, which all levels but the finest then look at; 0 for none.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        channels: Sequence[int],
        condition: int,
        head_channels: int = 16,
        text_width: int = 0,
    ) -> None:
        super().__init__()
        first, last = channels[0], channels[-1]
        self.enter = nn.Conv3d(inputs, first, 3, padding=1)
        self.down = nn.ModuleList(Block(n, n, condition) for n in channels[:-1])
        self.shrink = nn.ModuleList(nn.Conv3d(n, m, 3, stride=2, padding=1) for n, m in pairwise(channels))
        self.bottom = nn.ModuleList([Block(last, last, condition), Block(last, last, condition)])
        self.attention = Attention(last, head_channels)
        levels = list(pairwise(channels))[::-1]
        self.grow = nn.ModuleList(nn.Conv3d(m, n, 3, padding=1) for n, m in levels)
        self.up = nn.ModuleList(Block(2 * n, n, condition) for n, _ in levels)
        self.norm = nn.GroupNorm(GROUPS, first)
        self.leave = nn.Conv3d(first, outputs, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]
        looking = channels[:0:-1] if text_width else ()
        self.words = nn.ModuleList(CrossAttention(n, text_width, head_channels) for n in looking)

    def forward(self, x: Tensor, condition: Tensor, tokens: Tensor | None = None) -> Tensor:
        """[B, inputs, x, y, z] to [B, outputs, x, y, z]; sizes divide by 2 at each level.

        Args:
            x: What comes in.
            condition: [B, condition].
            tokens: [B, L, text_width], where it has a text width; those of zeros are none.
        """
        x = self.enter(x)
        kept = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            x = block(x, condition)
            kept.append(x)
            x = shrink(x)
        before, after = self.bottom
        words = list(self.words)
        x = self.attention(before(x, condition))
        x = after(words.pop(0)(x, tokens) if words else x, condition)
        for grow, block in zip(self.grow, self.up, strict=True):
            x = grow(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
            x = block(torch.cat([x, kept.pop()], 1), condition)
            x = words.pop(0)(x, tokens) if words else x
        return self.leave(functional.silu(self.norm(x)))  # type: ignore[no-any-return]
