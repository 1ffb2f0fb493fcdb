"""Real lesions as latents on disk: prepared once, a file a case, and read a view at a time while the denoiser trains.

Files are written whole or not at all and named by all that they are made from, so that an interrupted preparation goes
on where it was, and a changed case or setting is prepared anew.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from TextoMorphLib.cases import Case
from TextoMorphLib.errors import InputError, doubt, doubts_kept, doubts_of_many, one_of_many
from TextoMorphLib.io import contents
from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.models.autoencoder import Autoencoder
from TextoMorphLib.models.denoiser import depth_channels
from TextoMorphLib.models.device import autocast
from TextoMorphLib.parallel import given, in_order
from TextoMorphLib.training import triple_texts, triples
from TextoMorphLib.training.triple_texts import TextSettings

FORMAT = 3  # of the files; another number where what is prepared changes
TENSORS = ("filled", "lesion", "depth", "deepest", "counts", "voxel_mm", "left")


@dataclass(frozen=True)
class TripleSettings:
    """How real lesions are prepared.

    Attributes:
        sizes: Sides of the cubes that regions are cut to, mm, multiples of 16, from the smallest on.
        views: How often each lesion is prepared: as it is, and turned, mirrored, with its mask's border moved.
        workers: Processes that prepare.
        seed: With a case's name it decides the views and the wordings.
    """

    sizes: tuple[int, ...] = (48, 64, 96, 144)
    views: int = 4
    workers: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        if not self.sizes or any(size % 16 or not 48 <= size <= 256 for size in self.sizes):
            raise InputError("[triples] sizes must be multiples of 16, from 48 to 256 mm")
        if list(self.sizes) != sorted(set(self.sizes)) or not 1 <= self.views <= 100 or self.workers < 1:
            raise InputError("[triples] sizes must rise, views be 1 to 100, and workers 1 or more")


@dataclass(frozen=True)
class RealLesion:
    """A prepared lesion.

    Attributes:
        path: Its case's file.
        number: Which of the file's it is.
        patient: Whose it is.
        organ: In which it is.
        size: Side of its region, mm.
        views: How many there are.
        texts: Its own text, then other wordings.
        source: Where its own text is from: texts, report or measured.
        diameter_mm: Its diameter.
        noise_hu: Its scan's noise, and
        left_hu: what of that is left in what is learnt.
    """

    path: Path
    number: int
    patient: str
    organ: str
    size: int
    views: int
    texts: tuple[str, ...]
    source: str
    diameter_mm: float
    noise_hu: float
    left_hu: float

    @property
    def told(self) -> str:
        """What a training learns of it, but for its voxels: with others it would be another training."""
        of = (self.path.name.rpartition("-")[0], self.number, self.patient, self.organ, self.size, self.views)
        return json.dumps([*of, self.texts, self.source, self.diameter_mm, self.noise_hu, self.left_hu])

    def view(self, number: int) -> dict[str, Tensor]:
        """One of its views, float32.

        Returns:
            filled and lesion [C, x, y, z], depth [4, x, y, z], counts [1, x, y, z], deepest [], voxel_mm [3], and left
            [C], the root mean square of the latent's noise.
        """
        with safe_open(self.path, "pt") as file:
            return {name: file.get_slice(f"{self.number}.{name}")[number].float() for name in TENSORS}


@dataclass(frozen=True)
class _Job:
    case: Case
    path: Path
    settings: TripleSettings
    texts: TextSettings


def prepare(
    cases: Sequence[Case],
    autoencoder: Autoencoder,
    settings: TripleSettings,
    texts: TextSettings,
    folder: Path,
) -> tuple[list[RealLesion], list[str]]:
    """Prepares the lesions of cases; what an earlier run did is taken from the folder.

    Args:
        cases: Healthy ones are left out.
        autoencoder: Makes the latents.
        settings: How.
        texts: How lesions get their words.
        folder: Where the files go.

    Returns:
        The lesions, and what is doubtful about some, in words.

    Raises:
        InputError: A case that cannot be used, by its name, or no lesion at all.
    """
    ill = [case for case in cases if not case.healthy]
    if not ill:
        raise InputError("no case has a tumour; real triples are a scan, a label map with a tumour, and words")
    folder.mkdir(parents=True, exist_ok=True)
    weights = digest(autoencoder)
    jobs = []
    for case in ill:
        name = f"{case.id}-{_key(case, weights, settings, texts)}.safetensors"
        jobs.append(_Job(case, folder / name, settings, texts))
    missing = [job for job in jobs if not job.path.exists()]
    made = in_order(_make, missing, partial(given, autoencoder), settings.workers)
    for _ in track(made, "preparing cases", len(missing), disable=not missing):
        pass
    found: list[RealLesion] = []
    notes: list[str] = []
    with doubts_of_many(len(jobs)) as about:
        for job in jobs:
            with safe_open(job.path, "pt") as file:
                told = {name: json.loads(value) for name, value in file.metadata().items()}
            notes += told["notes"]
            with about(job.case.id):
                for each in told["doubts"]:
                    doubt(each)
            found += [
                RealLesion(job.path, at, job.case.patient, job.case.organ, **{**each, "texts": tuple(each["texts"])})
                for at, each in enumerate(told["lesions"])
            ]
    if not found:
        raise InputError(f"none of the {len(jobs)} cases holds a lesion that can be learnt from: {notes[0]}")
    return found, notes


def _make(autoencoder: Autoencoder, job: _Job) -> None:
    """Prepares a case and writes its file."""
    case, settings = job.case, job.settings
    rng = np.random.default_rng([settings.seed, zlib.crc32(case.id.encode())])
    with doubts_kept() as doubts, one_of_many(f"case {case.id}", None):
        scan = triples.read(case)
    sizes_mm = [lesion.diameter_mm for lesion in scan.lesions]
    texts = triple_texts.given_texts(case, [lesion.components for lesion in scan.lesions], sizes_mm, job.texts)
    tensors: dict[str, Tensor] = {}
    lesions: list[dict[str, Any]] = []
    notes = []
    for lesion, (own, source) in zip(scan.lesions, texts, strict=True):
        of = f"case {case.id}, lesion of {lesion.diameter_mm:.0f} mm"
        if lesion.diameter_mm < triples.LEAST_MM:
            notes.append(f"{of}: smaller than {triples.LEAST_MM:g} mm, left out")
            continue
        place = triples.site(scan, lesion, settings.sizes)
        if place is None:
            notes.append(f"{of}: larger than [triples] sizes hold, left out")
            continue
        words = triple_texts.told(own, source, case.organ, triples.measured(scan, lesion, case.organ), job.texts, rng)
        if words.note:
            notes.append(f"{of}: {words.note}")
        views = [triples.view(place, rng if number else None) for number in range(settings.views)]
        made = [_latents(view, autoencoder) for view in views]
        tensors |= {f"{len(lesions)}.{name}": torch.stack([each[name] for each in made]) for name in TENSORS}
        inside = views[0].depth > 0
        lesions.append(
            {
                "size": len(place.depth),
                "views": settings.views,
                "texts": words.texts,
                "source": words.source,
                "diameter_mm": round(lesion.diameter_mm, 1),
                "noise_hu": round(place.noise_hu, 1),
                "left_hu": round(float(np.std(views[0].left[inside])), 1),
            }
        )
    told = {"lesions": lesions, "notes": notes, "doubts": doubts}
    with replacing(job.path) as (partial,):
        save_file(tensors, partial, {name: json.dumps(value) for name, value in told.items()})


@torch.inference_mode()
def _latents(view: triples.View, autoencoder: Autoencoder) -> dict[str, Tensor]:
    """A view as the denoiser sees it."""
    with_lesion = view.filled + view.change
    images = np.stack([view.filled, with_lesion, with_lesion + view.left])
    with autocast(torch.device("cpu")):
        latents = autoencoder.encode(torch.from_numpy(images)[:, None]).float()
    filled, lesion, noisy = latents
    depth = depth_channels(torch.from_numpy(view.depth)[None, None])[0]
    counts = torch.nn.functional.avg_pool3d(torch.from_numpy(view.counts)[None], 4)
    near = depth[1] > 0
    near = near if near.any() else depth[1] == depth[1].max()
    return {
        "filled": filled.half(),
        "lesion": (lesion - filled).half(),
        "depth": depth.half(),
        "deepest": torch.tensor(float(view.depth.max())),
        "counts": counts.half(),
        "voxel_mm": torch.from_numpy(view.voxel_mm.astype(np.float32)),
        "left": (noisy - lesion)[:, near].square().mean(1).sqrt(),
    }


def _key(case: Case, weights: str, settings: TripleSettings, texts: TextSettings) -> str:
    """Of all that a case's file is made from."""
    how = {**asdict(settings), "workers": 0, "variants": texts.variants, "silent": texts.silent}
    made_from = [FORMAT, contents.program(), case.line(Path("/")), case.looks(), weights, how]
    told = json.dumps(made_from, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def digest(network: Autoencoder) -> str:
    """A fingerprint of what makes the latents."""
    found = hashlib.sha256(repr((network.window_hu, network.clip_hu)).encode())
    for name, value in sorted(network.state_dict().items()):
        found.update(name.encode() + value.detach().cpu().numpy().tobytes())
    return found.hexdigest()
