"""A scan with its mask, read and checked together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from TextoMorphLib.io.volume import Volume


def read_scan(
    ct: Path,
    mask: Path,
    resample_mask: bool = False,
    label: str | int | None = None,
    assume_hu: bool = False,
    choose: str = "",
    replace: bool = False,
) -> tuple[Volume, np.ndarray[Any, Any]]:
    """Read and check a scan and its mask.

    Args:
        ct: The scan.
        mask: The mask.
        resample_mask: Take a mask on another grid.
        label: Which of the mask's labels is the lesion.
        assume_hu: Take the scan's values for HU, whatever they look like.
        choose: See `masks.read_mask`.
        replace: The mask holds a tumour that is replaced: it may cover more of the scan.

    Returns:
        The scan and a boolean array of its shape.

    Raises:
        InputError: What is wrong with either.
    """
    volume = read_ct(ct, assume_hu)
    return volume, read_lesion_mask(mask, volume, resample_mask, label, replace, choose)


def read_ct(ct: Path, assume_hu: bool = False, reader: Callable[[Path], Volume] | None = None) -> Volume:
    """Read and check a scan.

    Args:
        ct: The scan.
        assume_hu: Take its values for HU, whatever they look like.
        reader: Reads it; `Volume.read` if None.

    Raises:
        InputError: What is wrong with it.
    """
    from TextoMorphLib.io.volume import Volume, check_ct

    volume = (reader or Volume.read)(ct)
    check_ct(volume, assume_hu)
    return volume


def read_lesion_mask(
    mask: Path,
    ct: Volume,
    resample_mask: bool = False,
    label: str | int | None = None,
    replace: bool = False,
    choose: str = "",
) -> np.ndarray[Any, Any]:
    """Read a mask onto a scan's grid, and make sure that it can be a lesion.

    Raises:
        InputError: What is wrong with it.
    """
    from TextoMorphLib.io.masks import check_mask, read_mask

    where = read_mask(mask, ct, resample=resample_mask, label=label, choose=choose)
    check_mask(where, ct, replace)
    return where
