"""Patches for segmentation: real tumours, synthetic ones in healthy tissue, none, and all the body, by shares."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from TextoMorphLib.cases import Case
from TextoMorphLib.errors import Cancelled, InputError, doubts_of_many, one_of_many
from TextoMorphLib.evaluation.lesions import components
from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.io.volume import Volume, check_ct
from TextoMorphLib.segmentation.model import SIDES, intensities
from TextoMorphLib.segmentation.predict import BODY_HU
from TextoMorphLib.sources import TumourSource
from TextoMorphLib.spatial.geometry import grow, tight_box
from TextoMorphLib.spatial.grids import isotropic_grid, sampled_hu, sampled_labels
from TextoMorphLib.version import __version__

PATCH_KINDS = ("real", "synthetic", "healthy", "anywhere")
KEPT_AROUND_MM = 30.0  # what is kept around the organ
MARGIN = 6  # voxels by which a bank's patches are larger than those trained on, on each side
PADDING_HU = -1000
TRIES = 100  # to hit the body


@dataclass(frozen=True)
class Prepared:
    """A case on the training's grid, whole or cut to its organ's surroundings; on disk, read as needed.

    Attributes:
        case: What it is made from.
        ct: int16 HU.
        label: The same shape: 0, 1 organ, 2 and above tumours.
        organ: [N] indices of the organ's voxels without tumour, into the flat array.
        tumour: [N] the same of tumour voxels.
    """

    case: Case
    ct: np.ndarray
    label: np.ndarray
    organ: np.ndarray
    tumour: np.ndarray

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process reads the file itself: whole scans are not sent."""
        if isinstance(self.ct, np.memmap):
            return _mapped, (self.case, self.ct.filename)
        return Prepared, (self.case, self.ct, self.label, self.organ, self.tumour)


@dataclass(frozen=True)
class PatchSettings:
    """How patches are drawn.

    Attributes:
        patch: Voxels a side.
        spacing_mm: Of their grid.
        window_hu: Becomes 0 to 1.
        count: Patches in a batch.
        mix: Shares of real tumours, synthetic ones, tumour-free patches of the organ, and patches centred anywhere in
            the body, as they are: these teach what is not the organ, which a network needs that is to see whole scans.
        foreground: How often a patch of a real tumour is centred on it; else it is anywhere in the organ.
        even_classes: Whether real tumours of each class are drawn equally often, where there are several; else cases
            are, and a class that few have is hardly seen, and then never called.
        rotate: Chance of a turn by 90, 180 or 270 degrees.
        shift: Largest shift of the intensities.
        shift_chance: How often they are shifted.
        flip: Chance of a mirroring along each axis.
    """

    patch: tuple[int, int, int] = (96, 96, 96)
    spacing_mm: float = 1.0
    window_hu: tuple[float, float] = (-175.0, 250.0)
    count: int = 4
    mix: Mapping[str, float] = field(default_factory=lambda: {"real": 1.0, "synthetic": 1.0, "healthy": 0.5})
    foreground: float = 0.5
    even_classes: bool = True
    rotate: float = 0.1
    shift: float = 0.1
    shift_chance: float = 0.2
    flip: float = 0.0

    def __post_init__(self) -> None:
        """Refuses what no patch can be."""
        low, high = SIDES
        if not low <= min(self.patch) <= max(self.patch) <= high or self.count < 1 or not 0.1 <= self.spacing_mm <= 20:
            raise ValueError(f"patch must be {low} to {high} voxels a side, count 1 or more, spacing_mm from 0.1 to 20")
        if self.window_hu[0] >= self.window_hu[1]:
            raise ValueError("window_hu must rise")
        if not all(0 <= chance <= 1 for chance in (self.foreground, self.rotate, self.shift_chance, self.flip)):
            raise ValueError("foreground, rotate, shift_chance and flip are chances, from 0 to 1")
        if unknown := [name for name in self.mix if name not in PATCH_KINDS]:
            raise ValueError(f"mix knows {', '.join(PATCH_KINDS)}, not {unknown[0]}")
        if min(self.mix.values(), default=0) < 0 or sum(self.mix.values()) <= 0:
            raise ValueError("the shares in mix must be 0 or more, and one of them above 0")


def prepare(
    cases: Sequence[Case],
    classes: Sequence[str],
    spacing_mm: float,
    folder: Path,
    progress: Callable[[int, int], Any] | None = None,
    whole: bool = False,
) -> list[Prepared]:
    """Brings cases onto the training's grid; what an earlier run did is taken from the folder.

    Args:
        cases: To prepare.
        classes: Of tumours.
        spacing_mm: Of the grid.
        folder: Keeps them.
        progress: Called with (cases done, cases in all); may return False to cancel.
        whole: Whether the whole scan is kept, not only the organ's surroundings.

    Raises:
        InputError: A case that cannot be used, by its name.
        Cancelled: `progress` returned False.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    with doubts_of_many(len(cases)) as about:
        for number, case in enumerate(cases):
            if progress is not None and progress(number, len(cases)) is False:
                raise Cancelled("cancelled")
            facts = [__version__, case.line(Path("/")), list(classes), spacing_mm, case.looks(), whole]
            told = json.dumps(facts, sort_keys=True)
            path = folder / f"{case.id}-{hashlib.sha256(told.encode()).hexdigest()[:12]}.npy"
            if not path.exists():
                with one_of_many(f"case {case.id}", None), about(case.id):
                    _write(path, *_resampled(case, classes, spacing_mm, whole))
            made.append(_mapped(case, path))
    return made


def _mapped(case: Case, path: Path) -> Prepared:
    """A case whose voxels stay in its file."""
    ct, label = np.load(path, mmap_mode="r")
    return Prepared(case, ct, label, np.flatnonzero(label == 1), np.flatnonzero(label > 1))


def _resampled(case: Case, classes: Sequence[str], spacing_mm: float, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    volume = Volume.read(case.ct)
    check_ct(volume)
    target = case.targets(volume, classes)
    if (case.organ_mask or case.label) and not target.any():
        raise InputError(f"its {case.organ} is empty: nothing is marked in its masks")
    everything = whole or not target.any()
    box = tuple(slice(0, size) for size in volume.shape) if everything else tight_box(target)
    box = grow(box, np.ceil(KEPT_AROUND_MM / volume.spacing), volume.shape)  # type: ignore[arg-type]
    affine, shape = isotropic_grid(volume, box, spacing_mm)
    hu = sampled_hu(volume, affine, shape)
    label = sampled_labels(target, volume.affine, affine, shape)
    _keep_small(target, label, np.linalg.inv(affine) @ volume.affine)
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16), label


def _keep_small(target: np.ndarray, label: np.ndarray, to_grid: np.ndarray) -> None:
    """Marks, in place, a voxel of each lesion that fell between the grid's: else it would count as healthy tissue."""
    numbers, _ = components(np.where(target > 1, target, 0))
    for number, box in enumerate(ndimage.find_objects(numbers), start=1):
        voxels = np.argwhere(numbers[box] == number) + [part.start for part in box]
        places = np.rint(voxels @ to_grid[:3, :3].T + to_grid[:3, 3]).astype(int)
        places = np.clip(places, 0, np.array(label.shape) - 1)
        if not (label[tuple(places.T)] > 1).any():
            middle = np.linalg.norm(voxels - voxels.mean(0), axis=1).argmin()
            label[tuple(places[middle])] = target[tuple(voxels[middle])]


def _write(path: Path, ct: np.ndarray, label: np.ndarray) -> None:
    with replacing(path) as (beside,), open(beside, "wb") as file:
        np.save(file, np.stack([ct, label.astype(np.int16)]))


@dataclass(frozen=True)
class HealthyPatches:
    """Draws tumour-free patches with an organ in them; can be sent to other processes."""

    cases: tuple[Prepared, ...]
    patch: tuple[int, ...]

    def __call__(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """HU, float32, and the organ."""
        case = self.cases[int(rng.integers(len(self.cases)))]
        ct, label = cut(case, centre_in(case, case.organ, rng), self.patch)
        return ct.astype(np.float32), label == 1


class Patches:
    """Draws batches.

    Args:
        cases: To train on.
        settings: How.
        source: Of synthetic tumours; its patches may be larger than those trained on.
        bank: Whether the source gives whole patches of its own.
    """

    def __init__(
        self, cases: Sequence[Prepared], settings: PatchSettings, source: TumourSource | None, bank: bool = False
    ) -> None:
        self.settings, self.source, self.bank = settings, source, bank
        self.ill = _by_class([case for case in cases if len(case.tumour)], settings.even_classes)
        self.healthy, self.marked = healthy_of(cases), [case for case in cases if len(case.organ)]
        self.kinds, self.odds = shares(settings.mix, cases, source is not None)
        self.around = HealthyPatches(tuple(self.healthy), settings.patch)

    def at(self, step: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        """The batch of a step."""
        if self.bank:
            self.source.at(step)  # type: ignore[union-attr]
        return self(rng)

    def __call__(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        """A batch: image [B, 1, X, Y, Z], 0 to 1, and target [B, 1, X, Y, Z]."""
        drawn = [self.one(rng) for _ in range(self.settings.count)]
        return {
            "image": torch.from_numpy(np.stack([image for image, _ in drawn])[:, None]),
            "target": torch.from_numpy(np.stack([label for _, label in drawn])[:, None].astype(np.int64)),
        }

    def one(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """One patch: intensities, and its label."""
        kind = str(rng.choice(self.kinds, p=self.odds))
        ct, label = getattr(self, f"_{kind}")(rng)
        return augmented(intensities(ct, self.settings.window_hu), label, self.settings, rng)

    def _real(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        drawn = self.ill[int(rng.integers(len(self.ill))) if len(self.ill) > 1 else 0]
        case, tumour = drawn[int(rng.integers(len(drawn)))]
        on_tumour = rng.random() < self.settings.foreground or not len(case.organ)
        return cut(case, centre_in(case, tumour if on_tumour else case.organ, rng), self.settings.patch)

    def _healthy(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        ct, organ = self.around(rng)
        return ct, organ.astype(np.uint8)

    def _anywhere(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        case = self.marked[int(rng.integers(len(self.marked)))]
        return cut(case, in_body(case, rng), self.settings.patch)

    def _synthetic(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        assert self.source is not None
        nothing = np.zeros((1, 1, 1), np.float32)
        ct, organ = (nothing, nothing > 0) if self.bank else self.around(rng)
        made = self.source.insert(ct, organ, rng)
        # A bank's patches are larger: one part of many, image and label alike.
        start = [
            int(rng.integers(size - side + 1)) for size, side in zip(made.ct.shape, self.settings.patch, strict=True)
        ]
        part = tuple(slice(at, at + side) for at, side in zip(start, self.settings.patch, strict=True))
        return made.ct[part], made.label[part]


def _by_class(cases: Sequence[Prepared], even: bool) -> list[list[tuple[Prepared, np.ndarray]]]:
    """For each class, or for all together, the cases that have it, each with where it is."""
    if not even:
        return [[(case, case.tumour) for case in cases]] if cases else []
    found: dict[int, list[tuple[Prepared, np.ndarray]]] = {}
    for case in cases:
        of = case.label.ravel()[case.tumour]
        for value in np.unique(of).tolist():
            found.setdefault(value, []).append((case, case.tumour[of == value]))
    return [found[value] for value in sorted(found)]


def healthy_of(cases: Sequence[Prepared]) -> list[Prepared]:
    """The cases without a tumour that have an organ to put one in."""
    return [case for case in cases if not len(case.tumour) and len(case.organ)]


def shares(mix: Mapping[str, float], cases: Sequence[Prepared], source: bool) -> tuple[list[str], np.ndarray]:
    """The kinds of patches to draw, and how often each.

    Raises:
        InputError: The cases, or the lack of a source of tumours, do not allow one.
    """
    wanted = {name: float(mix.get(name, 0)) for name in PATCH_KINDS}
    if wanted["real"] and not any(len(case.tumour) for case in cases):
        raise InputError("no case to train on has a tumour; set real = 0 in [mix], or add such cases")
    if (wanted["synthetic"] or wanted["healthy"]) and not healthy_of(cases):
        raise InputError(
            "no case to train on is free of tumours and has an organ mask; set synthetic = 0 and healthy = 0 in [mix], "
            "or add healthy cases"
        )
    if wanted["anywhere"] and not any(len(case.organ) for case in cases):
        raise InputError("no case to train on marks the organ; set anywhere = 0 in [mix], or add such cases")
    if wanted["synthetic"] and not source:
        raise InputError("[mix] wants synthetic tumours, and there is no [source]")
    names = [name for name in PATCH_KINDS if wanted[name]]
    odds = np.array([wanted[name] for name in names])
    return names, odds / odds.sum()


def centre_in(case: Prepared, voxels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One of some voxels of a case."""
    return np.array(np.unravel_index(int(voxels[rng.integers(len(voxels))]), case.label.shape))


def in_body(case: Prepared, rng: np.random.Generator) -> np.ndarray:
    """A voxel of a case that is not air, if it can be had."""
    for _ in range(TRIES):
        centre = rng.integers(case.ct.shape)
        if case.ct[tuple(centre)] > BODY_HU:
            break
    return centre


def cut(case: Prepared, centre: np.ndarray, patch: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """A patch around a voxel, float32 HU and label; moved inside the case where it has room, air beyond its edge."""
    size, shape = np.array(patch), np.array(case.label.shape)
    start = np.clip(centre - size // 2, np.minimum(0, shape - size), np.maximum(shape - size, 0))
    low, high = np.maximum(start, 0), np.minimum(start + size, shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    pad = [(int(a - s), int(s + n - b)) for a, b, s, n in zip(low, high, start, size, strict=True)]
    ct = np.pad(case.ct[box].astype(np.float32), pad, constant_values=PADDING_HU)
    return ct, np.pad(case.label[box].astype(np.uint8), pad)


def augmented(
    image: np.ndarray, label: np.ndarray, settings: PatchSettings, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Turned, mirrored and shifted in intensity at random, the label alike."""
    if rng.random() < settings.rotate:
        (one, other), turns = (int(axis) for axis in rng.permutation(3)[:2]), int(rng.integers(1, 4))
        if image.shape[one] == image.shape[other]:
            image, label = (np.rot90(each, turns, (one, other)) for each in (image, label))
    for axis in range(3):
        if settings.flip and rng.random() < settings.flip:
            image, label = np.flip(image, axis), np.flip(label, axis)
    if rng.random() < settings.shift_chance:
        image = image + np.float32(rng.uniform(-settings.shift, settings.shift))
    return np.ascontiguousarray(image, np.float32), np.ascontiguousarray(label)
