"""A folder in which a batch can run."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from TextoMorphLib.io.volume import Volume

SLICES = 20  # of the phantom's: batches are not about large scans


@pytest.fixture(scope="session")
def slab(tmp_path_factory: pytest.TempPathFactory, phantom_ct: Path, phantom_mask: Path) -> Path:
    """A folder with some slices of the phantom around a lesion's mask, and that mask."""
    folder = tmp_path_factory.mktemp("slab")
    ct, mask = Volume.read(phantom_ct), Volume.read(phantom_mask)
    first = int(np.flatnonzero(mask.data.any((0, 1))).mean()) - SLICES // 2
    affine = ct.affine.copy()
    affine[:3, 3] += first * affine[:3, 2]
    for name, whole in (("ct", ct), ("mask", mask)):
        part = np.asfortranarray(whole.data[..., first : first + SLICES])
        Volume(part, affine, whole.slope, whole.intercept).write(folder / f"{name}.nii.gz")
    return folder


@pytest.fixture
def folder(tmp_path: Path, tiny_bundle: Path, slab: Path) -> Path:
    """A folder with a scan, a mask, a model and room for the results."""
    shutil.copytree(slab, tmp_path, dirs_exist_ok=True)
    (tmp_path / "model").symlink_to(tiny_bundle, target_is_directory=True)
    return tmp_path
