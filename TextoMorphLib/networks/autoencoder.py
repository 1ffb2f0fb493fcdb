"""The 3D autoencoder: HU on a 1 mm grid to a latent at a quarter of the resolution, and back.

The architecture is a VQGAN's without normalisation layers, so that a voxel's HU does not depend on what else lies in
the crop, and without the codebook: the diffusion works on continuous latents (paper, section 3.2). A linear path runs
beside the convolutions; it starts as the principal components of 4x4x4 patches, which makes HU right from the start.
"""

from __future__ import annotations

from typing import Any

import torch
from monai.networks.nets.vqvae import Decoder, Encoder
from torch import Tensor, nn

STRIDE = 4


class Autoencoder(nn.Module):
    """Encodes [B, 1, X, Y, Z] HU into [B, C, X/4, Y/4, Z/4] and decodes it.

    Args:
        latent_channels: C.
        channels: Width at a half and at a quarter of the resolution.
        residual_units: Residual units at each of them.
        window_hu: The HU that map to -1 and 1.
        clip_hu: HU outside are clipped: what lies beyond says nothing about soft tissue.
    """

    def __init__(
        self,
        latent_channels: int = 8,
        channels: tuple[int, int] = (32, 96),
        residual_units: int = 1,
        window_hu: tuple[float, float] = (-175.0, 250.0),
        clip_hu: tuple[float, float] = (-400.0, 800.0),
    ) -> None:
        super().__init__()
        self.latent_channels = latent_channels
        self.window_hu, self.clip_hu = tuple(window_hu), tuple(clip_hu)
        shared: dict[str, Any] = dict(
            spatial_dims=3,
            channels=tuple(channels),
            num_res_layers=residual_units,
            num_res_channels=tuple(channels),
            dropout=0.0,
            act="LEAKYRELU",
        )
        self.encoder = Encoder(
            in_channels=1, out_channels=latent_channels, downsample_parameters=((2, 4, 1, 1),) * 2, **shared
        )
        self.decoder = Decoder(
            in_channels=latent_channels,
            out_channels=1,
            upsample_parameters=((2, 4, 1, 1, 0),) * 2,
            output_act=None,
            **shared,
        )
        self.linear_in = nn.Conv3d(1, latent_channels, STRIDE, STRIDE)
        self.linear_out = nn.ConvTranspose3d(latent_channels, 1, STRIDE, STRIDE)
        for last in (self.encoder.blocks[-1], self.decoder.blocks[-1]):  # the linear path alone at the start
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    @torch.no_grad()
    def start_linear_path(self, patches: Tensor) -> None:
        """Sets the linear path to the principal components of patches, scaled to unit variance.

        Args:
            patches: [N, 64] scaled intensities of 4x4x4 patches.
        """
        count = self.linear_in.out_channels
        mean = patches.mean(0)
        _, spread, axes = torch.linalg.svd(patches - mean, full_matrices=False)
        scale = spread[:count] / len(patches) ** 0.5
        shape = (count, 1, STRIDE, STRIDE, STRIDE)
        self.linear_in.weight.copy_((axes[:count] / scale[:, None]).reshape(shape))
        self.linear_in.bias.copy_(-(axes[:count] / scale[:, None]) @ mean)  # type: ignore[union-attr]
        self.linear_out.weight.copy_((axes[:count] * scale[:, None]).reshape(shape))
        self.linear_out.bias.fill_(mean.mean())  # type: ignore[union-attr]

    def scale(self, hu: Tensor) -> Tensor:
        """HU to the networks' intensities: the window's ends become -1 and 1."""
        low, high = self.window_hu
        return (hu.clamp(*self.clip_hu) - low) / (high - low) * 2 - 1

    def unscale(self, intensity: Tensor) -> Tensor:
        """The networks' intensities to HU."""
        low, high = self.window_hu
        return (intensity + 1) / 2 * (high - low) + low

    def encode(self, hu: Tensor) -> Tensor:
        """[B, 1, X, Y, Z] HU, sizes multiples of 4, to [B, C, X/4, Y/4, Z/4]."""
        intensity = self.scale(hu)
        latent: Tensor = self.linear_in(intensity) + self.encoder(intensity)
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        """[B, C, x, y, z] to [B, 1, 4x, 4y, 4z] HU."""
        return self.unscale(self.linear_out(latent) + self.decoder(latent))

    def forward(self, hu: Tensor, latent_noise: float = 0.0) -> Tensor:
        """The reconstruction of a scan, HU, from a latent with Gaussian noise of standard deviation `latent_noise`."""
        latent = self.encode(hu)
        return self.decode(latent + latent_noise * torch.randn_like(latent))
