"""Tensors out of other people's checkpoints, without running what is in them.

A `.pt` or `.ckpt` file is a zip archive of raw numbers and a pickle that says what they are; unpickling runs whatever
the file names. Here the pickle may name nothing: dictionaries, tensors and plain values are built by this module, and
everything else becomes an `Unknown` that does nothing.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from TextoMorphLib.errors import InputError

DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class Unknown:
    """Stands for an object of a class that is not loaded; takes whatever the pickle does to it."""

    def __new__(cls, *args: Any, **named: Any) -> Unknown:
        """Forgets what it is made of."""
        return super().__new__(cls)

    def __init__(self, *args: Any, **named: Any) -> None:
        """Forgets it again."""

    def __call__(self, *args: Any, **named: Any) -> Unknown:
        """What an unknown function gives is unknown."""
        return self

    def __setstate__(self, state: Any) -> None:
        """Forgets its contents."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Forgets an entry."""

    def __hash__(self) -> int:
        """May be a key."""
        return id(self)

    def append(self, value: Any) -> None:
        """Forgets an entry."""

    extend = add = append


def read(path: Path) -> Any:
    """What a checkpoint holds: dictionaries, lists, numbers, strings and tensors; the rest is `Unknown`.

    Args:
        path: A file that `torch.save` wrote (of PyTorch 1.6 or later: a zip archive).

    Raises:
        InputError: There is no such file, or it is none of these.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is no checkpoint that PyTorch 1.6 or later wrote; save it again with torch.save")
    with zipfile.ZipFile(path) as archive:
        try:
            name = next(entry for entry in archive.namelist() if entry.endswith("data.pkl"))
            return _Reader(archive, name[: -len("data.pkl")], io.BytesIO(archive.read(name))).load()
        except StopIteration:
            raise InputError(f"{path} holds no data.pkl; it is no PyTorch checkpoint") from None
        except (pickle.UnpicklingError, zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
            raise InputError(f"{path} is damaged: {str(error).splitlines()[0] if str(error) else error!r}") from None
        except (AttributeError, IndexError, RuntimeError, RecursionError, MemoryError) as error:
            raise InputError(f"{path} cannot be read: {type(error).__name__}") from None


class _Reader(pickle.Unpickler):
    """Unpickles without importing anything."""

    def __init__(self, archive: zipfile.ZipFile, folder: str, file: io.BytesIO) -> None:
        super().__init__(file)
        self.archive, self.folder = archive, folder
        self.numbers: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Never an import: what tensors need, or `Unknown`."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_tensor"):
            return _tensor
        if module == "torch._utils" and name == "_rebuild_parameter":
            return _parameter
        if module in ("torch", "torch.storage") and name in DTYPES:
            return DTYPES[name]
        return type("Unknown", (Unknown,), {})

    def persistent_load(self, key: Any) -> Tensor:
        """The raw numbers of a tensor, flat."""
        kind, dtype, name = key[:3]
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not str(name).isdecimal():
            raise pickle.UnpicklingError("a tensor of an unknown kind")
        if name not in self.numbers:
            raw = bytearray(self.archive.read(f"{self.folder}data/{name}"))
            self.numbers[name] = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
        return self.numbers[name]


def _tensor(numbers: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    """A tensor of its own; torch refuses sizes that reach beyond the numbers."""
    if not isinstance(numbers, Tensor):
        raise pickle.UnpicklingError("a tensor without numbers")
    return numbers.as_strided(size, stride, offset).clone()


def _parameter(tensor: Tensor, *_: Any) -> Tensor:
    return tensor
