"""The phantom and the small model as a synthesis takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

from TextoMorphLib import Synthesizer, Volume
from TextoMorphLib.io.masks import read_mask


@pytest.fixture(scope="module")
def tiny(tiny_bundle: Path) -> Synthesizer:
    """The small untrained model."""
    return Synthesizer.load(str(tiny_bundle), "cpu")


@pytest.fixture(scope="session")
def starter() -> Synthesizer:
    """The model that ships."""
    return Synthesizer.load("starter", "cpu")


@pytest.fixture(scope="module")
def ct(phantom_ct: Path) -> Volume:
    """The digital phantom."""
    return Volume.read(phantom_ct)


@pytest.fixture(scope="module")
def mask(phantom_mask: Path, ct: Volume) -> np.ndarray:
    """A lesion of 16 mm in its liver."""
    return read_mask(phantom_mask, ct)


@pytest.fixture
def small_disk() -> Callable[[int], AbstractContextManager[None]]:
    """A disk that takes no file of more than so many bytes, within a block; the system's own limit, no stand-in."""
    resource = pytest.importorskip("resource", reason="this system limits no files")

    @contextmanager
    def limited(most: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
