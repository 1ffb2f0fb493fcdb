"""A folder in which a batch can run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, tiny_bundle: Path, phantom_ct: Path, phantom_mask: Path) -> Path:
    """A folder with a scan, a mask, a model and room for the results."""
    shutil.copy(phantom_ct, tmp_path / "ct.nii.gz")
    shutil.copy(phantom_mask, tmp_path / "mask.nii.gz")
    (tmp_path / "model").symlink_to(tiny_bundle, target_is_directory=True)
    return tmp_path
