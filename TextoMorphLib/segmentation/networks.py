"""MONAI's segmentation networks by name. A new network is a function and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from TextoMorphLib.errors import InputError

Built = Callable[..., nn.Module]
MISSING = "segmentation needs MONAI; install it with: pip install monai einops"


def _unet(outputs: int, patch: Sequence[int], **settings: Any) -> nn.Module:
    from monai.networks.nets.unet import UNet

    usual = {"channels": (16, 32, 64, 128, 256), "strides": (2, 2, 2, 2), "num_res_units": 2}
    return UNet(spatial_dims=3, in_channels=1, out_channels=outputs, **{**usual, **settings})  # type: ignore[no-any-return]


def _segresnet(outputs: int, patch: Sequence[int], **settings: Any) -> nn.Module:
    from monai.networks.nets.segresnet import SegResNet

    usual = {"init_filters": 16, "blocks_down": (1, 2, 2, 4), "blocks_up": (1, 1, 1)}
    return SegResNet(spatial_dims=3, in_channels=1, out_channels=outputs, **{**usual, **settings})  # type: ignore[no-any-return]


def _dynunet(outputs: int, patch: Sequence[int], **settings: Any) -> nn.Module:
    from monai.networks.nets.dynunet import DynUNet

    halvings = max(2, min(int(side).bit_length() - 3 for side in patch))  # down to 4 voxels or more
    usual = {
        "kernel_size": [3] * (halvings + 1),
        "strides": [1] + [2] * halvings,
        "upsample_kernel_size": [2] * halvings,
        "res_block": True,
    }
    return DynUNet(spatial_dims=3, in_channels=1, out_channels=outputs, **{**usual, **settings})  # type: ignore[no-any-return]


def _swin_unetr(outputs: int, patch: Sequence[int], **settings: Any) -> nn.Module:
    from monai.networks.nets.swin_unetr import SwinUNETR

    return SwinUNETR(in_channels=1, out_channels=outputs, **{"feature_size": 24, **settings})  # type: ignore[no-any-return]


NETWORKS: dict[str, Built] = {
    "unet": _unet,
    "segresnet": _segresnet,
    "dynunet": _dynunet,
    "swin_unetr": _swin_unetr,
}


def build(name: str, outputs: int, patch: Sequence[int], **settings: Any) -> nn.Module:
    """A network: [B, 1, X, Y, Z] intensities in, [B, outputs, X, Y, Z] logits out.

    Args:
        name: One of `NETWORKS`.
        outputs: Background, organ and tumour classes.
        patch: Voxels a side that it will see.
        settings: MONAI's own, such as `channels`.

    Raises:
        InputError: No such network, MONAI is missing, or the network cannot be built so.
    """
    if name not in NETWORKS:
        raise InputError(f"unknown network '{name}'; use one of: {', '.join(NETWORKS)}")
    try:
        return NETWORKS[name](outputs, patch, **settings)
    except ImportError as error:
        raise InputError(MISSING) from error
    except (TypeError, ValueError, AssertionError, RuntimeError, IndexError, KeyError, ZeroDivisionError) as error:
        raise InputError(f"the network '{name}' cannot be built so: {error}") from error
