"""The phantom and the small model as a synthesis takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from TextoMorphLib import Synthesizer, Volume
from TextoMorphLib.io.masks import read_mask


@pytest.fixture(scope="module")
def tiny(tiny_bundle: Path) -> Synthesizer:
    """The small untrained model."""
    return Synthesizer.load(str(tiny_bundle), "cpu")


@pytest.fixture(scope="module")
def ct(phantom_ct: Path) -> Volume:
    """The digital phantom."""
    return Volume.read(phantom_ct)


@pytest.fixture(scope="module")
def mask(phantom_mask: Path, ct: Volume) -> np.ndarray:
    """A lesion of 16 mm in its liver."""
    return read_mask(phantom_mask, ct)
