"""Arrays in unnamed temporary files (in the folder that TMPDIR names), for what memory should not hold whole."""

from __future__ import annotations

import io
import mmap
import shutil
import tempfile
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def zeros(shape: tuple[int, ...], dtype: type) -> Array:
    """An array of zeros whose file goes when it does; a slab along the last axis lies in one piece."""
    with tempfile.TemporaryFile(prefix="textomorph-") as file:
        return np.memmap(file, dtype, "w+", shape=shape, order="F")


def copied(source: io.BufferedIOBase) -> Array:
    """What is left to read of a file, as bytes that cannot be written to; one byte where nothing is."""
    with tempfile.TemporaryFile(prefix="textomorph-") as file:
        shutil.copyfileobj(source, file, 1 << 20)
        if not file.tell():
            file.write(b"\0")
        return np.memmap(file, np.uint8, "r")


def let_go(*arrays: Array) -> None:
    """Takes what of such arrays has been read or written out of this process' memory; their files keep it."""
    for array in arrays:
        file = getattr(array, "_mmap", None)
        if file is not None and hasattr(mmap, "MADV_DONTNEED"):  # other systems trim a process' memory themselves
            file.madvise(mmap.MADV_DONTNEED)
