"""A lesion's random fields: its grain, its patches, where it is necrotic, where calcium lies.

They are made of the very noise that the diffusion starts from, and the denoiser is shown them, so that the seed alone
decides them and the words decide what becomes of them. Such a coupling of noise and data (Albergo et al., 2023,
"Stochastic interpolants with data-dependent couplings") keeps the way from one to the other straight, so that few
sampling steps are enough.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

Array = TypeVar("Array", np.ndarray, Tensor)

LATENT_MM = 4  # the autoencoder's stride
FIELD_MM = 2  # a field's voxels
FINER = LATENT_MM // FIELD_MM  # of them on the side of a latent's
THICKEST_WALL = 0.38  # of the deepest point's depth,
USUAL_WALL_MM = 4.0  # and as much more as a wall is thicker than this
FIELDS = ("grain", "fine", "patches", "waver", "shade", "inner", "calcium", "septa")


def in_latent_voxels(fine: Tensor) -> Tensor:
    """What lies on the fields' grid as channels of the latent's: the eight 2 mm voxels in each.

    Args:
        fine: [B, C, X/2, Y/2, Z/2], X, Y and Z being mm, multiples of 4.

    Returns:
        [B, 8 C, X/4, Y/4, Z/4].
    """
    x, y, z = (size // FINER for size in fine.shape[2:])
    parts = fine.unflatten(2, (x, FINER)).unflatten(4, (y, FINER)).unflatten(6, (z, FINER))
    return parts.permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(1, 4)


def latent_noise(shape: tuple[int, ...], seed: int, channels: int = 8) -> Tensor:
    """White noise of a latent's size; drawn on the CPU, so that a seed means the same on every device.

    Args:
        shape: Of the 1 mm grid, multiples of 4.
        seed: Decides it.
        channels: Of the latent.

    Returns:
        [1, channels, X/4, Y/4, Z/4] standard normal.
    """
    size = (1, channels, *(length // LATENT_MM for length in shape))
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def unrelated(noise: Tensor) -> Tensor:
    """White noise that tells nothing of another, and is decided by it; shaped as it, on the CPU."""
    decided = hashlib.sha256(noise.detach().cpu().numpy().tobytes()).digest()[:7]
    return torch.randn(noise.shape, generator=torch.Generator().manual_seed(int.from_bytes(decided, "big")))


def lesion_fields(noise: Tensor, deepest: Tensor) -> Tensor:
    """The fields of `FIELDS`, smooth and of unit variance, from a latent's white noise.

    The eight channels of a 4 mm voxel, each with a sign of its own, are the eight 2 mm voxels in it. The signs of two
    fields cancel, which makes them independent where they are smoother than 4 mm.

    Args:
        noise: [B, C, x, y, z] standard normal.
        deepest: [B] the mask's deepest point, mm: large lesions have coarser fields.

    Returns:
        [B, 8, 2x, 2y, 2z], float32.
    """
    count = len(FIELDS)
    signs = torch.tensor([[(-1.0) ** (field & cell).bit_count() for cell in range(count)] for field in range(count)])
    cells = noise.float()[:, torch.arange(count) % noise.shape[1]]
    signed = cells[:, None] * signs.to(noise.device)[:, :, None, None, None]
    batch, sizes = len(noise), [2 * length for length in noise.shape[2:]]
    white = signed.unflatten(2, (2, 2, 2)).permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, count, *sizes)
    sigma = _sigmas_mm(deepest.to(noise.device)) / FIELD_MM
    kept = torch.fft.rfftn(white, dim=(2, 3, 4))
    for axis, size in enumerate(sizes):
        frequency = torch.fft.fftfreq(size, device=noise.device)
        gain = torch.exp(-2 * (math.pi * sigma[..., None] * frequency) ** 2)
        gain = gain / gain.square().mean(-1, keepdim=True).sqrt()
        shape = [batch, count, 1, 1, 1]
        shape[2 + axis] = kept.shape[2 + axis]
        kept = kept * gain[..., : shape[2 + axis]].reshape(shape)
    return torch.fft.irfftn(kept, s=sizes, dim=(2, 3, 4))


def away_mm(height: Tensor, voxel_mm: float) -> Tensor:
    """How far each voxel is from where a field crosses zero, which is where septa lie, by its slope there.

    Args:
        height: [B, x, y, z] one of the fields.
        voxel_mm: Size of its voxels.

    Returns:
        [B, x, y, z], mm. Where a field is nearly flat, a quarter of its mean slope is taken.
    """
    slope = torch.stack(torch.gradient(height, spacing=voxel_mm, dim=(1, 2, 3))).norm(dim=0)
    return height.abs() / slope.maximum(0.25 * slope.mean(dim=(1, 2, 3), keepdim=True))


def calcium_height(fields: Mapping[str, Array], grain: str) -> Array:
    """The field that has calcium where it is highest: scattered specks, clusters of grains, or a few large lumps.

    Args:
        fields: By their names.
        grain: punctate, plain or coarse.
    """
    if grain == "punctate":
        return fields["calcium"]
    if grain == "coarse":
        return fields["inner"] + 0.35 * fields["calcium"]
    return fields["calcium"] + 0.7 * fields["shade"]


def wall_mm(thickness_mm: float, deepest_mm: float) -> float:
    """How thick a wall of a thickness is where a lesion has little room for it."""
    return min(thickness_mm, THICKEST_WALL * max(1.0, thickness_mm / USUAL_WALL_MM) * deepest_mm)


def _sigmas_mm(deepest: Tensor) -> Tensor:
    """[B, 8]: how smooth each field is, the sigma of a Gaussian."""
    grain = (1.5 * (1 + (2 * deepest).clamp(max=60) / 75)).minimum((0.6 * deepest).clamp(min=1.1))
    return torch.stack(
        [
            grain,
            torch.full_like(deepest, 1.1),
            torch.maximum(1.3 * grain, 0.18 * deepest),
            torch.full_like(deepest, 2.0),
            (0.35 * deepest).clamp(min=3.0),
            (0.22 * deepest).clamp(min=2.0),
            (0.08 * deepest).clamp(min=1.5),
            (0.42 * deepest).clamp(min=3.0),
        ],
        dim=1,
    )
