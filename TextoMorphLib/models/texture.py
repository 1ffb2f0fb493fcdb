"""The texture network: what real tumours look like inside, drawn in pixel space by a rectified flow.

The autoencoder's voxels of 4 mm cannot carry the grain of real tumours. This network draws it at 1.5 mm, slice by slice
as scanners do, with neighbouring slices in view, as a field of zero mean and unit standard deviation; words and the
starter's lesion decide what is done with it (`TextoMorphLib.texture`). Rectified flow: Liu et al., 2023, "Flow straight
and fast".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

PIXEL_MM = 1.5  # of the field, in the plane
LOW_PASS_MM = 0.85  # sigma of the Gaussian in the plane that a field is seen through
SEEN_MM = 1.25  # what is finer than this comes as noise: pixels, interpolation and network blur more than the low pass
GROWN_MM = 0.7  # the field reaches this far out of the mask
CONTEXT_MM = 8.0  # how far around the mask the scan is shown
CONTEXT_HU = 50.0
CLIPPED = 4.0  # standard deviations
IMAGES = 5  # noisy field, where it is, the scan around it, where that is known, depth
TEXTURE_NUMBERS = ("contrast", "mean", "log_sd", "log_noise", "log_grain", "log_slice", "log_diameter")
MOST_SPREADS = 2.5  # spreads from the middle of what was learned from that a number may be
WAVES = 32
GROUPS = 8


def exchanged(x: Tensor, slices: int) -> Tensor:
    """Gives each slice a quarter of its channels from the slice below, and a quarter from the one above.

    Args:
        x: [B * slices, C, h, w].
        slices: Slices of one lesion.

    Returns:
        Of x's shape; what would come from beyond the ends is zero.
    """
    quarter = x.shape[1] // 4
    stack = x.unflatten(0, (-1, slices))
    below, above, own = stack.split([quarter, quarter, x.shape[1] - 2 * quarter], 2)
    below = functional.pad(below[:, :-1], (0, 0, 0, 0, 0, 0, 1, 0))
    above = functional.pad(above[:, 1:], (0, 0, 0, 0, 0, 0, 0, 1))
    return torch.cat([below, above, own], 2).flatten(0, 1)


class SliceBlock(nn.Module):
    """Two convolutions in the plane with a way around them, modulated by a condition; slices exchange channels."""

    def __init__(self, inputs: int, outputs: int, condition: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, inputs), nn.GroupNorm(GROUPS, outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.film = nn.Linear(condition, 2 * outputs)
        self.dropout = nn.Dropout2d(dropout)
        self.around = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, condition: Tensor, slices: int) -> Tensor:
        """[B * slices, inputs, h, w] and [B, condition] to [B * slices, outputs, h, w]."""
        hidden = self.conv1(exchanged(functional.silu(self.norm1(x)), slices))
        scale, shift = self.film(condition).repeat_interleave(slices, 0)[:, :, None, None].chunk(2, 1)
        hidden = functional.silu(self.norm2(hidden) * (1 + scale) + shift)
        return self.conv2(self.dropout(hidden)) + self.around(x)  # type: ignore[no-any-return]


class TextureNetwork(nn.Module):
    """A U-Net of slices: estimates the velocity from noise to a lesion's texture.

    Args:
        channels: Width of each level; each halves the resolution of the one before.
        condition: Width of the condition vector.
        dropout: Share of the channels that training hides in each block.
    """

    def __init__(self, channels: Sequence[int] = (32, 48, 64), condition: int = 96, dropout: float = 0.0) -> None:
        super().__init__()
        top, middle, low = channels
        self.channels = tuple(channels)
        self.time = nn.Sequential(nn.Linear(WAVES, condition), nn.SiLU(), nn.Linear(condition, condition))
        self.numbers = nn.Sequential(
            nn.Linear(len(TEXTURE_NUMBERS), condition), nn.SiLU(), nn.Linear(condition, condition)
        )
        self.enter = nn.Conv2d(IMAGES, top, 3, padding=1)
        self.down = nn.ModuleList([SliceBlock(n, n, condition, dropout) for n in (top, middle)])
        self.shrink = nn.ModuleList(
            [nn.Conv2d(n, m, 3, stride=2, padding=1) for n, m in ((top, middle), (middle, low))]
        )
        self.bottom = nn.ModuleList([SliceBlock(low, low, condition, dropout) for _ in range(2)])
        self.grow = nn.ModuleList([nn.Conv2d(m, n, 1) for n, m in ((middle, low), (top, middle))])
        self.up = nn.ModuleList([SliceBlock(2 * n, n, condition, dropout) for n in (middle, top)])
        self.norm = nn.GroupNorm(GROUPS, top)
        self.leave = nn.Conv2d(top, 1, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, noisy: Tensor, time: Tensor, place: Tensor, numbers: Tensor) -> Tensor:
        """One look at the noisy field.

        Args:
            noisy: [B, slices, h, w]; h and w divide by 4. Zero outside the field.
            time: [B], 0 (noise) to 1 (texture).
            place: [B, 4, slices, h, w]: where the field is, the scan around it, where that is known, depth.
            numbers: [B, len(TEXTURE_NUMBERS)], scaled as `scaled_numbers` does.

        Returns:
            [B, slices, h, w], texture minus noise.
        """
        slices = noisy.shape[1]
        frequency = torch.exp(torch.linspace(0, math.log(200.0), WAVES // 2, device=time.device))
        angle = time.float()[:, None] * frequency
        condition = self.time(torch.cat([angle.cos(), angle.sin()], 1)) + self.numbers(numbers)
        condition = functional.silu(condition)
        x = self.enter(torch.cat([noisy[:, None], place], 1).transpose(1, 2).flatten(0, 1))
        kept = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            x = block(x, condition, slices)
            kept.append(x)
            x = shrink(x)
        for block in self.bottom:
            x = block(x, condition, slices)
        for grow, block in zip(self.grow, self.up, strict=True):
            x = functional.interpolate(grow(x), scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, kept.pop()], 1), condition, slices)
        return self.leave(functional.silu(self.norm(x)))[:, 0].unflatten(0, (-1, slices))  # type: ignore[no-any-return]


def scaled_numbers(
    contrast_hu: float,
    mean_hu: float,
    sd_hu: float,
    noise_hu: float,
    grain_hu: float,
    slice_mm: float,
    diameter_mm: float,
) -> list[float]:
    """What `TEXTURE_NUMBERS` names, of about unit spread.

    Args:
        contrast_hu: The lesion's mean minus the parenchyma's.
        mean_hu: The lesion's mean.
        sd_hu: Standard deviation that its field is to have.
        noise_hu: Of the scan's noise finer than `LOW_PASS_MM`, around the lesion.
        grain_hu: Of what the scan has there between `LOW_PASS_MM` and `GRAIN_MM`.
        slice_mm: Distance of slices.
        diameter_mm: Of the ball with the lesion's volume.
    """
    logs = [math.log(max(value, 0.5)) for value in (sd_hu, noise_hu, grain_hu, slice_mm, diameter_mm)]
    centres, widths = (2.8, 2.8, 2.7, 1.0, 3.0), (0.35, 0.3, 0.3, 0.3, 0.35)
    scaled = [
        contrast_hu / 40,
        (mean_hu - 75) / 35,
        *((value - centre) / width for value, centre, width in zip(logs, centres, widths, strict=True)),
    ]
    return [min(max(value, -MOST_SPREADS), MOST_SPREADS) for value in scaled]


def flow(velocity: Callable[[Tensor, Tensor], Tensor], noise: Tensor, steps: int, power: float = 1.0) -> Tensor:
    """Follows a velocity from noise to data by Heun's method.

    Args:
        velocity: Of a point [B, ...] at times [B], 0 (noise) to 1 (data).
        noise: Where to start.
        steps: Each looks twice, the last one once.
        power: Over 1, steps are shorter near the data.

    Returns:
        Of noise's shape.
    """
    times = [1 - (1 - step / steps) ** power for step in range(steps + 1)]
    x = noise
    for now, then in pairwise(times):
        first = velocity(x, x.new_full((len(x),), now))
        ahead = x + (then - now) * first
        if then < 1:
            second = velocity(ahead, x.new_full((len(x),), then))
            ahead = x + (then - now) * 0.5 * (first + second)
        x = ahead
    return x
