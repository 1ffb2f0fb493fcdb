"""The denoiser: a 3D diffusion U-Net on the latent, told what lies around, where the lesion goes, and the words.

Conditions (paper, Eq. 1): the noisy latent, the latent of the scan with the lesion's place filled by healthy tissue,
the mask, the time, and the text. The text enters twice: its tokens through cross-attention, its pooled vector
through the embedding that modulates every residual block.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets import DiffusionModelUNet
from torch import Tensor, nn
from torch.nn import functional

from TextoMorphLib.networks.autoencoder import STRIDE

DEPTH_CHANNELS = 4
REACH_MM = 8.0  # how far the depth channels tell distances apart


def depth_channels(depth: Tensor) -> Tensor:
    """The mask as the denoiser sees it.

    Args:
        depth: [B, 1, X, Y, Z] signed distance to the mask's border in mm, positive inside.

    Returns:
        [B, 4, X/4, Y/4, Z/4]: the fraction of each latent voxel inside the mask; the depth within 8 mm of the border,
        outside and inside, in -1 to 1; the depth relative to the deepest point, 0 to 1; the deepest point's depth.
    """
    low = functional.avg_pool3d(depth, STRIDE)
    deepest = depth.amax(dim=(2, 3, 4), keepdim=True).clamp(min=1.0)
    return torch.cat(
        [
            functional.avg_pool3d((depth > 0).float(), STRIDE),
            (low / REACH_MM).clamp(-1, 1),
            (low / deepest).clamp(0, 1),
            (deepest / 32.0).clamp(max=2.0).expand_as(low),
        ],
        dim=1,
    )


class Denoiser(nn.Module):
    """Predicts v (Salimans and Ho, 2022) of the lesion's latent.

    Args:
        latent_channels: Channels of the autoencoder's latent.
        text_width: Width of the text encoder's tokens.
        channels: Widths of the U-Net's levels; all but the first attend to the text.
        residual_blocks: Residual blocks a level.
        head_channels: Channels of one attention head.
    """

    def __init__(
        self,
        latent_channels: int = 8,
        text_width: int = 384,
        channels: Sequence[int] = (48, 80, 96),
        residual_blocks: int = 1,
        head_channels: int = 16,
    ) -> None:
        super().__init__()
        self.latent_channels, self.text_width = latent_channels, text_width
        self.unet = DiffusionModelUNet(
            spatial_dims=3,
            in_channels=2 * latent_channels + DEPTH_CHANNELS,
            out_channels=latent_channels,
            num_res_blocks=residual_blocks,
            channels=tuple(channels),
            attention_levels=(False,) + (True,) * (len(channels) - 1),
            norm_num_groups=16,
            num_head_channels=head_channels,
            with_conditioning=True,
            cross_attention_dim=text_width,
            num_class_embeds=1,
            use_flash_attention=True,
        )
        # What the lesion's latent is divided by, channel by channel, before noise is added; set by training.
        self.latent_scale: Tensor
        self.register_buffer("latent_scale", torch.ones(1, latent_channels, 1, 1, 1))
        width = 4 * channels[0]
        # MONAI adds a class embedding to the time embedding; a projection of the sentence takes that place.
        sentence = nn.Sequential(nn.Linear(text_width, width), nn.SiLU(), nn.Linear(width, width))
        self.unet.add_module("class_embedding", sentence)

    def forward(self, noisy: Tensor, time: Tensor, place: Tensor, hidden: Tensor, pooled: Tensor) -> Tensor:
        """One look at the noisy latent.

        Args:
            noisy: [B, C, x, y, z].
            time: [B] integer steps, 0 (clean) to T - 1 (noise).
            place: [B, C + 4, x, y, z]: the filled scan's latent and the depth channels.
            hidden: [B, L, text_width] token vectors, zero where there is no token.
            pooled: [B, text_width] sentence vectors. Zero tokens and a zero sentence mean "no text".

        Returns:
            [B, C, x, y, z], v.
        """
        # Unit variance: encoders' tokens and unit vectors are so small that the text would be learned last.
        hidden = functional.layer_norm(hidden, hidden.shape[-1:])
        pooled = pooled * self.text_width**0.5
        v: Tensor = self.unet(torch.cat([noisy, place], 1), time, context=hidden, class_labels=pooled)
        return v
