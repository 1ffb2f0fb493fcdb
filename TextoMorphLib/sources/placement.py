"""Where in an organ a tumour goes, how large it is, and what shape it has."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from scipy import ndimage

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.lesion_masks import lesion_mask
from TextoMorphLib.sources import span
from TextoMorphLib.spatial.geometry import tight_box

DIAMETERS_MM = (5.0, 40.0)
MOST_OF_PATCH = 0.6  # of the shortest side: what is larger would not be seen whole
SEVERAL_BELOW_MM = 12.0  # smaller tumours come in up to three


class Placement:
    """Draws masks.

    Attributes:
        spacing_mm: Of the patches.
        diameters_mm: Between which diameters are drawn, evenly on a log scale.
        shapes: An .npz of real lesion shapes (`K_tumour`, packed bits, and `K_shape`, at 1 mm), to draw from in place
            of made-up ones.
    """

    def __init__(
        self, spacing_mm: float, diameters_mm: Sequence[float] = DIAMETERS_MM, shapes: str | Path | None = None
    ) -> None:
        self.spacing_mm, self.diameters_mm = spacing_mm, span("diameters_mm", diameters_mm, least=0.0)
        self.shapes = shapes
        if shapes:
            _opened(Path(shapes)).close()

    def masks(self, organ: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One tumour, or up to three small ones, inside an organ.

        Args:
            organ: Boolean, a patch, not empty.
            rng: Decides size, place and shape.

        Returns:
            Boolean, of the patch's shape, never empty.
        """
        most = MOST_OF_PATCH * min(organ.shape) * self.spacing_mm
        low, high = (min(mm, most) for mm in self.diameters_mm)
        diameter = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        count = int(rng.integers(1, 4)) if diameter < SEVERAL_BELOW_MM else 1
        made = np.zeros(organ.shape, bool)
        for _ in range(count):
            made |= self._one(organ, diameter, rng)
        if not made.any():  # thinner than a voxel: the organ's deepest one
            depth = ndimage.distance_transform_edt(organ)
            made[np.unravel_index(int(depth.argmax()), organ.shape)] = True
        return made

    def _one(self, organ: np.ndarray, diameter: float, rng: np.random.Generator) -> np.ndarray:
        if self.shapes is None:
            grid = Volume.from_array(np.zeros(organ.shape, np.uint8), np.diag([*[self.spacing_mm] * 3, 1.0]))
            return lesion_mask(grid, organ, diameter, int(rng.integers(2**31)), float(rng.uniform(0, 1)))
        return self._real(organ, diameter, rng)

    def _real(self, organ: np.ndarray, diameter: float, rng: np.random.Generator) -> np.ndarray:
        """A real lesion of about the diameter, mirrored and turned at random, somewhere in the organ."""
        diameters, shapes = self._known
        near = np.argsort(np.abs(np.log(diameters / diameter)), kind="stable")[:40]
        shape = shapes[int(rng.choice(near))]
        shape = np.transpose(shape, rng.permutation(3))[
            tuple(slice(None, None, int(s)) for s in rng.choice([-1, 1], 3))
        ]
        if self.spacing_mm != 1:
            shape = ndimage.zoom(shape.astype(np.float32), 1 / self.spacing_mm, order=1, grid_mode=True, mode="nearest")
            shape = shape > 0.5
        inside = np.argwhere(organ)
        start = inside[rng.integers(len(inside))] - np.array(shape.shape) // 2
        made = np.zeros(organ.shape, bool)
        to = tuple(slice(max(s, 0), min(s + n, m)) for s, n, m in zip(start, shape.shape, organ.shape, strict=True))
        made[to] = shape[tuple(slice(t.start - s, t.stop - s) for t, s in zip(to, start, strict=True))]
        return made & organ

    @cached_property
    def _known(self) -> tuple[np.ndarray, list[np.ndarray]]:
        assert self.shapes is not None
        return read_shapes(Path(self.shapes))


def read_shapes(path: Path) -> tuple[np.ndarray, list[np.ndarray]]:
    """Real lesions' diameters in mm, and their shapes at 1 mm (RAS) in their tight boxes.

    Args:
        path: An .npz with `K_tumour` (packed bits), `K_shape` and `diameter_mm`, in the order of the numbers K.

    Raises:
        InputError: There is no such file, or it holds no shapes.
    """
    try:
        with _opened(path) as file:
            numbers = sorted(int(name.split("_")[0]) for name in file.files if name.endswith("_tumour"))
            shapes = [_unpacked(file[f"{n}_tumour"], file[f"{n}_shape"]) for n in numbers]
            diameters = np.asarray(file["diameter_mm"], float)
    except (OSError, ValueError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} holds no lesion shapes: {error}") from error
    if diameters.shape != (len(shapes),):
        raise InputError(f"{path} holds {len(shapes)} lesion shapes and {diameters.size} diameters; each needs its own")
    return diameters, [shape[tight_box(shape)] for shape in shapes]


def _opened(path: Path) -> NpzFile:
    """An .npz of lesion shapes; they themselves are not read yet."""
    if not path.is_file():
        raise InputError(f"no such file of shapes: {path}")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} holds no lesion shapes: it is no .npz")
    file = np.load(path, allow_pickle=False)
    if not isinstance(file, NpzFile) or not any(name.endswith("_tumour") for name in file.files):
        raise InputError(f"{path} holds no lesion shapes: it has no array named after one, such as 0_tumour")
    return file


def _unpacked(bits: np.ndarray, shape: np.ndarray) -> np.ndarray:
    size = tuple(int(n) for n in shape)
    return np.unpackbits(bits, count=int(np.prod(size))).reshape(size).astype(bool)
