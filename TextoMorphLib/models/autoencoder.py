"""The 3D autoencoder: HU on a 1 mm grid to a latent at a quarter of the resolution, and back.

The architecture is a VQGAN's without normalisation layers, so that a voxel's HU does not depend on what else lies in
the crop, and without the codebook: the diffusion works on continuous latents (paper, section 3.2). A linear path runs
beside the convolutions; it starts as the principal components of 4x4x4 patches, which makes HU right from the start.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 4


class Residual(nn.Module):
    """Two convolutions with a way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, x, y, z] to the same."""
        return functional.relu(x + self.conv2(functional.leaky_relu(self.conv1(x))))


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
        self.reach = 3 * residual_units + 3  # latent voxels that an output sees on each side, rounded up
        half, quarter = channels
        self.encoder = nn.Sequential(
            *(nn.Conv3d(1, half, 4, 2, 1), nn.LeakyReLU(), *(Residual(half) for _ in range(residual_units))),
            *(nn.Conv3d(half, quarter, 4, 2, 1), nn.LeakyReLU(), *(Residual(quarter) for _ in range(residual_units))),
            nn.Conv3d(quarter, latent_channels, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            *(nn.Conv3d(latent_channels, quarter, 3, padding=1), *(Residual(quarter) for _ in range(residual_units))),
            *(nn.ConvTranspose3d(quarter, half, 4, 2, 1), nn.LeakyReLU()),
            *(Residual(half) for _ in range(residual_units)),
            nn.ConvTranspose3d(half, 1, 4, 2, 1),
        )
        self.linear_in = nn.Conv3d(1, latent_channels, STRIDE, STRIDE)
        self.linear_out = nn.ConvTranspose3d(latent_channels, 1, STRIDE, STRIDE)
        for last in (self.encoder[-1], self.decoder[-1]):  # the linear path alone at the start
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
