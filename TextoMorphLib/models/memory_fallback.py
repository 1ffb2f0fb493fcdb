"""What is done where a device's memory does not suffice: the work in smaller parts, then on the CPU."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from itertools import product
from typing import TypeVar

import torch
from torch import Tensor

from TextoMorphLib.errors import InputError, is_short_of_memory
from TextoMorphLib.models.autoencoder import STRIDE, Autoencoder

PART = 16  # latent voxels on the side of a part: 64 mm
IN_PARTS = "The memory of {device} was short, so the work was done in smaller parts."
ON_CPU = "The memory of {device} did not suffice, so the CPU was used."

T = TypeVar("T")


class Thrift:
    """How sparing with memory the networks are run.

    Attributes:
        parts: Whether they work through a scan in smaller parts.
        note: What was done about short memory, in a sentence; empty if there was enough.
    """

    def __init__(self, device: torch.device, move: Callable[[torch.device], None]) -> None:
        self._wanted, self._move = device, move
        self.parts, self.note = False, ""

    def run(self, work: Callable[[], T]) -> T:
        """Does work; where the memory is short, anew in smaller parts, and then on the CPU.

        Raises:
            InputError: Even that does not suffice.
        """
        for note, device in (("", self._wanted), (IN_PARTS, self._wanted), (ON_CPU, torch.device("cpu"))):
            self.parts, self.note = bool(note), note.format(device=self._wanted)
            try:
                self._move(device)
                return work()
            except (RuntimeError, MemoryError) as error:
                if not is_short_of_memory(error):
                    raise
            _free()  # once the error is gone, so are the tensors that it kept
        raise InputError("the memory does not suffice for this lesion; end other programs, or make the mask smaller")

    def encode(self, autoencoder: Autoencoder, hu: Tensor) -> Tensor:
        """`autoencoder.encode`."""
        if not self.parts:
            return autoencoder.encode(hu)
        return in_parts(autoencoder.encode, hu, autoencoder.reach, STRIDE, 1)

    def decode(self, autoencoder: Autoencoder, latent: Tensor) -> Tensor:
        """`autoencoder.decode`."""
        if not self.parts:
            return autoencoder.decode(latent)
        return in_parts(autoencoder.decode, latent, autoencoder.reach, 1, STRIDE)

    def each(self, network: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The network, which then takes a batch one by one."""
        return one_by_one(network) if self.parts else network


def in_parts(network: Callable[[Tensor], Tensor], whole: Tensor, reach: int, stride: int, growth: int) -> Tensor:
    """What a convolutional network makes of a whole, from overlapping parts of it.

    Args:
        network: [1, C, x, y, z] to [1, D, x / stride * growth, ...].
        whole: [B, C, X, Y, Z], sizes multiples of the stride.
        reach: How far an output sees, in input voxels / stride, at least.
        stride: Input voxels on the side of a latent's.
        growth: Output voxels on the side of a latent's.
    """
    sizes = [size // stride for size in whole.shape[2:]]
    made: Tensor | None = None
    for number, *starts in product(range(len(whole)), *(range(0, size, PART) for size in sizes)):
        ends = [min(start + PART, size) for start, size in zip(starts, sizes, strict=True)]
        low = [max(start - reach, 0) for start in starts]
        high = [min(end + reach, size) for end, size in zip(ends, sizes, strict=True)]
        x, y, z = _box(low, high, stride)
        part = network(whole[number : number + 1, :, x, y, z])
        if made is None:
            made = part.new_empty((len(whole), part.shape[1], *(size * growth for size in sizes)))
        a, b, c = _box(starts, ends, growth)
        x, y, z = _box(starts, ends, growth, low)
        made[number, :, a, b, c] = part[0, :, x, y, z]
    assert made is not None
    return made


def one_by_one(network: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same network, working through a batch sample by sample.

    Args:
        network: Takes tensors [B, ...] and returns one.
    """

    def run(*batches: Tensor) -> Tensor:
        samples = range(len(batches[0]))
        return torch.cat([network(*(batch[n : n + 1] for batch in batches)) for n in samples])

    return run


def _box(starts: list[int], ends: list[int], scale: int, origin: Sequence[int] = (0, 0, 0)) -> list[slice]:
    """The box from starts to ends, counted from an origin, on a grid that is finer by the scale."""
    return [slice((a - o) * scale, (b - o) * scale) for a, b, o in zip(starts, ends, origin, strict=True)]


def _free() -> None:
    """Gives back what torch keeps for later."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
