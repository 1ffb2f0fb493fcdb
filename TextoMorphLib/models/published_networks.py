"""The networks of the published checkpoints, written from their tensors' names and shapes and from the literature.

A 3D VQGAN (Esser et al., 2021; Ge et al., 2022) and the video diffusion U-Net (Ho et al., 2022, "Video diffusion
models"): convolutions in a slice, linear attention over it, attention along the slice axis with rotary embeddings
(Su et al., 2021) and a relative position bias (Raffel et al., 2020). `renamed` takes the checkpoints' names to these.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

LATENT_CHANNELS, CODES = 8, 16_384
LOOKUPS = 2048  # looked up at once
TEXT_CHANNELS = 9
HEADS, HEAD_CHANNELS = 8, 32
BUCKETS, FARTHEST = 32, 32  # of relative positions


def renamed(tensors: Mapping[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """A checkpoint's tensors under this module's names; those not under a prefix are left out."""
    found = {}
    for name, tensor in tensors.items():
        if name.startswith(prefix):
            short = name[len(prefix) :]
            if ".block" not in short:  # there, convolution and normalisation keep their names
                short = re.sub(r"\.(fn|conv|convt|norm|rotary_emb|relative_attention_bias)(?=\.)", "", short)
            found[short] = tensor
    return found


class SameConv(nn.Conv3d):
    """A convolution that pads by repeating the edge, so that sizes divide by its stride."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride)
        spare = kernel - stride
        self.around = (spare // 2 + spare % 2, spare // 2) * 3

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, x, y, z] to [B, outputs, x / stride, ...]."""
        return super().forward(functional.pad(x, self.around, mode="replicate"))


class Doubled(nn.ConvTranspose3d):
    """A transposed convolution that doubles sizes; its input is padded by repeating the edge."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=3)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """[B, inputs, x, y, z] to [B, outputs, 2x, 2y, 2z]."""
        return super().forward(functional.pad(x, (1,) * 6, mode="replicate"), output_size)


class VQBlock(nn.Module):
    """Two normalised convolutions with a way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.GroupNorm(32, channels, eps=1e-6) for _ in range(2))
        self.conv1, self.conv2 = SameConv(channels, channels), SameConv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keeps the shape."""
        hidden = self.conv1(functional.silu(self.norm1(x)))
        return x + self.conv2(functional.silu(self.norm2(hidden)))  # type: ignore[no-any-return]


class VQGAN(nn.Module):
    """The published autoencoder: a patch of 1 mm voxels in -1 to 1, and its latent, 4x smaller per axis.

    Args:
        width: Channels of the first convolution.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        half, quarter = 2 * width, 4 * width
        sizes = (width, half, quarter)
        down = [nn.ModuleDict({"down": SameConv(n, m, 4, 2), "res": VQBlock(m)}) for n, m in pairwise(sizes)]
        up = [
            nn.ModuleDict({"up": Doubled(n, m), "res1": VQBlock(m), "res2": VQBlock(m)})
            for n, m in pairwise((quarter, quarter, half))
        ]
        self.encoder = nn.ModuleDict(
            {
                "conv_first": SameConv(1, width),
                "conv_blocks": nn.ModuleList(down),
                "final_block": nn.Sequential(nn.GroupNorm(32, quarter, eps=1e-6), nn.SiLU()),
            }
        )
        self.decoder = nn.ModuleDict(
            {
                "final_block": nn.Sequential(nn.GroupNorm(32, quarter, eps=1e-6), nn.SiLU()),
                "conv_blocks": nn.ModuleList(up),
                "conv_last": SameConv(half, 1),
            }
        )
        self.pre_vq_conv, self.post_vq_conv = (
            SameConv(quarter, LATENT_CHANNELS, 1),
            SameConv(LATENT_CHANNELS, quarter, 1),
        )
        self.codebook = nn.ParameterDict({"embeddings": nn.Parameter(torch.zeros(CODES, LATENT_CHANNELS))})

    def encode(self, x: Tensor) -> Tensor:
        """[B, 1, x, y, z] in -1 to 1 to [B, 8, x/4, y/4, z/4], before quantisation."""
        hidden = self.encoder["conv_first"](x)
        for block in self.encoder["conv_blocks"].children():
            for part in block.children():
                hidden = part(hidden)
        return self.pre_vq_conv(self.encoder["final_block"](hidden))  # type: ignore[no-any-return]

    def codes(self, z: Tensor) -> Tensor:
        """[B, 8, x, y, z] to the number of each place's nearest code, [B, x, y, z]."""
        book = self.codebook["embeddings"]
        # The nearest code has the least |code|^2 - 2 place . code; all places at once would take a gigabyte.
        half = book.square().sum(1) / 2
        parts = z.movedim(1, -1).reshape(-1, LATENT_CHANNELS).split(LOOKUPS)
        return torch.cat([(half - part @ book.t()).argmin(1) for part in parts]).reshape(len(z), *z.shape[2:])

    def decode(self, z: Tensor) -> Tensor:
        """[B, 8, x, y, z], which is quantised first, to [B, 1, 4x, 4y, 4z]."""
        quantised = self.codebook["embeddings"][self.codes(z)].movedim(-1, 1)
        hidden = self.decoder["final_block"](self.post_vq_conv(quantised))
        for block in self.decoder["conv_blocks"].children():
            for part in block.children():
                hidden = part(hidden)
        return self.decoder["conv_last"](hidden)  # type: ignore[no-any-return]

    def scaled(self, z: Tensor) -> Tensor:
        """A latent on the scale that the denoiser knows: the codebook's range is -1 to 1."""
        low, high = self.codebook["embeddings"].aminmax()
        return 2 * (z - low) / (high - low) - 1

    def unscaled(self, z: Tensor) -> Tensor:
        """The way back from `scaled`."""
        low, high = self.codebook["embeddings"].aminmax()
        return (z + 1) / 2 * (high - low) + low


class ChannelNorm(nn.Module):
    """What normalises over the channels of each voxel, and scales them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Keeps the shape."""
        variance, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt() * self.gamma


class SliceAttention(ChannelNorm):
    """Linear attention (Shen et al., 2021) over each slice, added to what it sees."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.to_qkv = nn.Conv2d(channels, 3 * HEADS * HEAD_CHANNELS, 1, bias=False)
        self.to_out = nn.Conv2d(HEADS * HEAD_CHANNELS, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, slices, h, w]."""
        slices = super().forward(x).transpose(1, 2).flatten(0, 1)
        q, k, v = self.to_qkv(slices).flatten(2).unflatten(1, (3, HEADS, HEAD_CHANNELS)).unbind(1)
        q, k = q.softmax(-2) * HEAD_CHANNELS**-0.5, k.softmax(-1)
        mixed = ((k @ v.transpose(-1, -2)).transpose(-1, -2) @ q).flatten(1, 2).unflatten(-1, slices.shape[2:])
        return x + self.to_out(mixed).unflatten(0, (len(x), -1)).transpose(1, 2)  # type: ignore[no-any-return]


class SequenceAttention(ChannelNorm):
    """Attention over places in a row, added to what it sees: along the slice axis, or over a whole slice."""

    def __init__(self, channels: int, along_slices: bool) -> None:
        super().__init__(channels)
        self.along_slices = along_slices
        self.to_qkv = nn.Linear(channels, 3 * HEADS * HEAD_CHANNELS, bias=False)
        self.to_out = nn.Linear(HEADS * HEAD_CHANNELS, channels, bias=False)
        if along_slices:
            self.freqs = nn.Parameter(10_000.0 ** -torch.arange(0, 1, 2 / HEAD_CHANNELS))

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """[B, C, slices, h, w]; the bias [heads, slices, slices] is added to what attends to what."""
        normal = super().forward(x)
        rows = normal.permute(0, 3, 4, 2, 1) if self.along_slices else normal.permute(0, 2, 3, 4, 1).flatten(2, 3)
        parts = self.to_qkv(rows).unflatten(-1, (3, HEADS, HEAD_CHANNELS)).movedim(-3, 0).transpose(-2, -3)
        q, k, v = parts.unbind(0)
        if self.along_slices:
            q, k = self.turned(q), self.turned(k)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        out = self.to_out(mixed.transpose(-2, -3).flatten(-2))
        if self.along_slices:
            return x + out.permute(0, 4, 3, 1, 2)  # type: ignore[no-any-return]
        return x + out.unflatten(2, x.shape[3:]).permute(0, 4, 1, 2, 3)  # type: ignore[no-any-return]

    def turned(self, x: Tensor) -> Tensor:
        """[..., places, channels]: each pair of channels turned by its frequency times the place's number."""
        angle = torch.arange(x.shape[-2], device=x.device)[:, None] * self.freqs
        even, odd = x[..., ::2], x[..., 1::2]
        pairs = torch.stack([even * angle.cos() - odd * angle.sin(), odd * angle.cos() + even * angle.sin()], -1)
        return pairs.flatten(-2)


class SlicePart(nn.Module):
    """A convolution in the slice, normalised and modulated."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(inputs, outputs, (1, 3, 3), padding=(0, 1, 1))
        self.norm = nn.GroupNorm(8, outputs)

    def forward(self, x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """[B, inputs, slices, h, w]; scale and shift [B, outputs, 1, 1, 1]."""
        x = self.norm(self.proj(x))
        return functional.silu(x if scale is None or shift is None else x * (scale + 1) + shift)


class ResidualBlock(nn.Module):
    """Two such convolutions with a way around them; the time modulates the first."""

    def __init__(self, inputs: int, outputs: int, time: int | None = None) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time, 2 * outputs)) if time else None
        self.block1, self.block2 = SlicePart(inputs, outputs), SlicePart(outputs, outputs)
        self.res_conv = nn.Conv3d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """[B, inputs, slices, h, w] and [B, time] to [B, outputs, slices, h, w]."""
        hidden = x
        if self.mlp is not None and time is not None:
            hidden = self.block1(x, *self.mlp(time)[:, :, None, None, None].chunk(2, 1))
        else:
            hidden = self.block1(x)
        return self.block2(hidden) + self.res_conv(x)  # type: ignore[no-any-return]


class VideoUNet(nn.Module):
    """The published denoiser: predicts the noise in a latent.

    Args:
        text_channels: Constant channels that stand for the text; 0 in DiffTumor's.
        width: Channels of the first convolution.
        multipliers: Of them at each level.
    """

    def __init__(
        self, text_channels: int = TEXT_CHANNELS, width: int = 24, multipliers: Sequence[int] = (1, 2, 4, 8)
    ) -> None:
        super().__init__()
        self.text_channels = text_channels
        self.width, time = width, 4 * width
        levels = list(pairwise([width, *(width * factor for factor in multipliers)]))
        self.time_rel_pos_bias = nn.Embedding(BUCKETS, HEADS)
        self.init_conv = nn.Conv3d(2 * LATENT_CHANNELS + 1 + text_channels, width, (1, 7, 7), padding=(0, 3, 3))
        self.init_temporal_attn = SequenceAttention(width, along_slices=True)
        self.time_mlp = nn.Sequential(nn.Identity(), nn.Linear(width, time), nn.GELU(), nn.Linear(time, time))
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for number, (n, m) in enumerate(levels):
            smaller = nn.Conv3d(m, m, (1, 4, 4), (1, 2, 2), (0, 1, 1)) if number < len(levels) - 1 else nn.Identity()
            self.downs.append(self._level(n, m, smaller))
        last = levels[-1][1]
        self.mid_block1, self.mid_block2 = (ResidualBlock(last, last, time) for _ in range(2))
        self.mid_spatial_attn = SequenceAttention(last, along_slices=False)
        self.mid_temporal_attn = SequenceAttention(last, along_slices=True)
        for number, (n, m) in enumerate(reversed(levels)):
            larger = (
                nn.ConvTranspose3d(n, n, (1, 4, 4), (1, 2, 2), (0, 1, 1)) if number < len(levels) - 1 else nn.Identity()
            )
            self.ups.append(self._level(2 * m, n, larger))
        self.final_conv = nn.Sequential(ResidualBlock(2 * width, width), nn.Conv3d(width, LATENT_CHANNELS, 1))

    def _level(self, inputs: int, outputs: int, resized: nn.Module) -> nn.ModuleList:
        time = 4 * self.width
        blocks = [ResidualBlock(inputs, outputs, time), ResidualBlock(outputs, outputs, time)]
        return nn.ModuleList([*blocks, SliceAttention(outputs), SequenceAttention(outputs, True), resized])

    def forward(self, noisy: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """One look.

        Args:
            noisy: [B, 8, slices, h, w].
            time: [B] steps, 0 (clean) to 199.
            condition: [B, 18, slices, h, w]: latent of the masked scan, the mask as -1 and 1, nine channels of text.

        Returns:
            [B, 8, slices, h, w], the noise.
        """
        bias = self._bias(noisy.shape[2])
        half = self.width // 2
        angle = time.float()[:, None] * torch.exp(
            -math.log(10_000.0) / (half - 1) * torch.arange(half, device=noisy.device)
        )
        when = self.time_mlp(torch.cat([angle.sin(), angle.cos()], 1))
        first = self.init_conv(torch.cat([noisy, condition], 1))
        x = self.init_temporal_attn(first, bias)
        kept = []
        for level in self.downs:
            x = self._through(level, x, when, bias)
            kept.append(x)
            x = level[-1](x)  # type: ignore[index]
        x = self.mid_temporal_attn(self.mid_spatial_attn(self.mid_block1(x, when)), bias)
        x = self.mid_block2(x, when)
        for level in self.ups:
            x = level[-1](self._through(level, torch.cat([x, kept.pop()], 1), when, bias))  # type: ignore[index]
        return self.final_conv(torch.cat([x, first], 1))  # type: ignore[no-any-return]

    @staticmethod
    def _through(level: nn.Module, x: Tensor, when: Tensor, bias: Tensor) -> Tensor:
        one, two, over_slice, along, _ = level.children()
        return along(over_slice(two(one(x, when), when)), bias)  # type: ignore[no-any-return]

    def _bias(self, slices: int) -> Tensor:
        """[heads, slices, slices]: what the distance of two slices adds to their attention."""
        place = torch.arange(slices, device=self.time_rel_pos_bias.weight.device)
        away = place[:, None] - place  # of what attends from what is attended to
        half, exact = BUCKETS // 2, BUCKETS // 4
        distance = away.abs()
        far = exact + (distance.clamp(min=1) / exact).log() / math.log(FARTHEST / exact) * (half - exact)
        bucket = torch.where(distance < exact, distance, far.long().clamp(max=half - 1)) + half * (away < 0)
        return self.time_rel_pos_bias(bucket).permute(2, 0, 1)  # type: ignore[no-any-return]
