"""Which device the networks run on, and in which precision."""

from __future__ import annotations

import contextlib

import torch

from TextoMorphLib.errors import InputError


def resolve(name: str = "auto") -> torch.device:
    """The device for a name: auto, cpu, cuda, cuda:N or mps.

    Raises:
        InputError: The name is unknown, or the device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, colon, number = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (colon and (kind != "cuda" or not number.isdecimal())):
        raise InputError(f"unknown device '{name}'; use auto, cpu, cuda, cuda:N or mps")
    count = torch.cuda.device_count() if kind == "cuda" else int(kind == "cpu" or torch.backends.mps.is_available())
    if int(number or 0) >= count:
        raise InputError(f"device '{name}' is not there ({kind} devices found: {count}); use --device auto or cpu")
    return torch.device(name)


def has_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is native there: about three times faster than float32 for 3D convolutions."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def autocast(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """bfloat16 autocast where it is native, float32 elsewhere."""
    return torch.autocast(device.type, torch.bfloat16) if has_bf16(device) else contextlib.nullcontext()
