"""What a batch costs: processor seconds over scan size, lesion size and number of jobs, and what many tumours take.

Seconds are those of the processor (all threads of a process together), so that other programs on the machine change
little; wall time is told beside them. The scans are pieces and multiples of the digital phantom.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.batches import journal
from TextoMorphLib.batches.job import Job
from TextoMorphLib.batches.lines import Line
from TextoMorphLib.batches.work import Worker
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.lesion_masks import lesion_mask
from TextoMorphLib.simulation.phantom import phantom

TEXT = "hypoattenuating, ill-defined"
DEPTHS = (28, 56, 112, 224)  # slices of the scans: half the phantom to four of it, one on the other
DIAMETERS_MM = (10.0, 20.0, 40.0, 70.0)  # the last needs a region of 96 mm
NUMBERS = (2, 4, 8)
WORKERS_JOBS = 8  # of a batch by its own command
USUAL_MM = 20.0
# Of the published code, on two cores of another machine, for a tumour in a region of 96 mm (128 to 138 s each).
PUBLISHED_AN_HOUR = (26, 28)
PUBLISHED_SIDE, PUBLISHED_LOOKS = 96, 200  # its region, mm, and how often its denoiser looks
Progress = Callable[[int, int], Any]


@dataclass(frozen=True)
class Cost:
    """What jobs took, a job.

    Attributes:
        cpu: Processor seconds.
        scan_bytes: Of the results as scans.
        delta_bytes: Of the results as deltas.
    """

    cpu: float
    scan_bytes: int
    delta_bytes: int


def run(
    model: str, device: str, preset: str, workers: Sequence[int], ray: str | None, progress: Progress = lambda *_: None
) -> dict[str, Any]:
    """Measures a model's batches on this machine.

    Args:
        model: A model's name or folder.
        device: As for `Synthesizer.load`.
        preset: The model's.
        workers: Numbers of workers to try.
        ray: The address of a Ray cluster to try, too.
        progress: Called with (measurements done, in all).

    Returns:
        `scans`, `lesions` and `jobs` (rows of the cost curves), `workers` (rows), `linear` (how well costs lie on a
        line), `convolution_cpu_ms` to compare machines by (see `benchmark speed`), and `published_cpu_seconds`: what
        the published networks take for a tumour here.
    """
    total = len(DEPTHS) + len(DIAMETERS_MM) + len(NUMBERS) + len(workers) + bool(ray)
    done = iter(range(1, total + 1))

    def measured(row: dict[str, Any]) -> dict[str, Any]:
        progress(next(done), total)
        return row

    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(Path(folder), model, device, preset)
        bench.cost(DEPTHS[1], USUAL_MM, 1)  # imports, and the model's first run
        scans = [measured(bench.row(depth, USUAL_MM, 2)) for depth in DEPTHS]
        lesions = [measured(bench.row(DEPTHS[1], diameter, 2)) for diameter in DIAMETERS_MM]
        numbers = [measured(bench.row(DEPTHS[1], USUAL_MM, number)) for number in NUMBERS]
        spread = [measured(bench.workers(["--workers", str(n)], f"{n} on this machine")) for n in workers]
        spread += [measured(bench.workers(["--ray", ray], f"Ray at {ray}"))] if ray else []
    return {
        "model": model,
        "device": device,
        "preset": preset,
        "cores": os.cpu_count(),
        "scans": scans,
        "lesions": lesions,
        "jobs": numbers,
        "linear": {
            "over_scan_size": _linear([row["megavoxels"] for row in scans], [row["cpu_seconds"] for row in scans]),
            "over_jobs": _linear([row["jobs"] for row in numbers], [row["cpu_seconds_in_all"] for row in numbers]),
        },
        "workers": spread,
        "convolution_cpu_ms": _convolution_cpu_ms(),
        "published_cpu_seconds": _published_cpu_seconds(),
    }


class _Bench:
    """A folder of scans and masks, made as they are needed, and a loaded model."""

    def __init__(self, folder: Path, model: str, device: str, preset: str) -> None:
        self.folder, self.model, self.device, self.preset = folder, model, device, preset
        self.worker = Worker.load(model, device)
        self._runs = 0

    def scan(self, depth: int) -> tuple[Path, int]:
        """A scan of as many slices, and its voxels."""
        path = self.folder / f"ct{depth}.nii.gz"
        ct = phantom()[0]
        if not path.exists():
            data = np.concatenate([ct.data] * -(-depth // ct.shape[2]), axis=2)[:, :, :depth]
            Volume.from_array(np.asfortranarray(data), ct.affine).write(path)
        return path, depth * ct.shape[0] * ct.shape[1]

    def mask(self, depth: int, diameter: float, seed: int) -> Path:
        """A lesion in the liver of the scan's first copy of the phantom."""
        path = self.folder / f"mask{depth}-{diameter:g}-{seed}.nii.gz"
        if not path.exists():
            ct, organs = phantom()
            scan = Volume.read(self.scan(depth)[0])
            liver = np.zeros(scan.shape, bool)
            slices = min(depth, ct.shape[2])
            liver[:, :, :slices] = organs["liver"][:, :, :slices]
            Volume.from_array(lesion_mask(scan, liver, diameter, seed), scan.affine).write(path)
        return path

    @contextmanager
    def jobs(self, depth: int, diameter: float, number: int, store: str = "scan") -> Iterator[list[Job]]:
        """Jobs, each at a place of its own, and a folder for their results that is gone afterwards."""
        self._runs += 1
        masks = [self.mask(depth, diameter, seed) for seed in range(number)]
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            ct = self.scan(depth)[0]
            yield [
                Job(ct, mask, TEXT, Path(out) / f"{n}.nii.gz", seed=n, preset=self.preset, store=store)
                for n, mask in enumerate(masks)
            ]

    def cost(self, depth: int, diameter: float, number: int) -> Cost:
        """What such jobs take each, in this process."""
        sizes = {}
        cpu = 0.0
        for store in ("delta", "scan"):
            with self.jobs(depth, diameter, 1 if store == "delta" else number, store) as jobs:
                start = time.process_time()
                for n, job in enumerate(jobs):
                    outcome = self.worker.do(Line(n, job))
                    if outcome.event != "done":
                        raise InputError(f"a job of the benchmark failed: {outcome.error}")
                cpu = time.process_time() - start
                sizes[store] = int(np.mean([job.stored.stat().st_size for job in jobs]))
        return Cost(cpu / number, sizes["scan"], sizes["delta"])

    def row(self, depth: int, diameter: float, number: int) -> dict[str, Any]:
        """A row of a cost curve."""
        cost = self.cost(depth, diameter, number)
        return {
            "megavoxels": round(self.scan(depth)[1] / 1e6, 2),
            "lesion_mm": diameter,
            "jobs": number,
            "cpu_seconds": round(cost.cpu, 3),
            "cpu_seconds_in_all": round(cost.cpu * number, 3),
            "scan_mb": round(cost.scan_bytes / 1e6, 3),
            "delta_mb": round(cost.delta_bytes / 1e6, 4),
        }

    def workers(self, options: list[str], name: str) -> dict[str, Any]:
        """A row of a batch by its own command: processor seconds a job, without starting up; and wall time with it."""
        with self.jobs(DEPTHS[1], USUAL_MM, WORKERS_JOBS) as jobs:
            file = jobs[0].output.with_name("jobs.jsonl")
            rows = [
                {
                    **{name: str(getattr(job, name)) for name in ("ct", "mask", "text", "output")},
                    **{"seed": job.seed, "preset": job.preset},
                }
                for job in jobs
            ]
            file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            command = [sys.executable, "-m", "TextoMorphLib", "batch", str(file), "--model", self.model]
            start = time.perf_counter()
            done = subprocess.run([*command, "--device", self.device, *options], capture_output=True, text=True)
            wall = time.perf_counter() - start
            if done.returncode:
                raise InputError(f"the batch with {' '.join(options)} failed: {done.stderr.strip().splitlines()[-1]}")
            notes = [note for note in journal.read(file.parent) if note["event"] == "done"]
        cpu = float(np.mean([note["cpu_seconds"] for note in notes]))
        return {"workers": name, "cpu_seconds": round(cpu, 3), "wall_an_hour": round(3600 * WORKERS_JOBS / wall)}


def forecast(found: dict[str, Any], count: int, cores: int) -> dict[str, float]:
    """What many tumours take by what was measured: the usual lesion in the phantom's scan, one process a core.

    Args:
        found: What `run` returned.
        count: How many tumours.
        cores: How many cores work on them.

    Returns:
        `core_hours`, `days` on the cores, and `scans_tb` and `deltas_tb` of results.
    """
    row = next(each for each in found["lesions"] if each["lesion_mm"] == USUAL_MM)
    hours = count * row["cpu_seconds"] / 3600
    return {
        "core_hours": round(hours),
        "days": round(hours / cores / 24, 2),
        "scans_tb": round(count * row["scan_mb"] / 1e6, 3),
        "deltas_tb": round(count * row["delta_mb"] / 1e6, 4),
    }


def table(found: dict[str, Any], count: int, cores: int) -> str:
    """All of it as Markdown."""
    columns = ("megavoxels", "lesion_mm", "jobs", "cpu_seconds", "scan_mb", "delta_mb")
    rows = ["| scan, million voxels | lesion, mm | jobs | CPU s a job | scan, MB | delta, MB |", "|" + "---|" * 6]
    for kind in ("scans", "lesions", "jobs"):
        rows += ["| " + " | ".join(f"{row[name]:g}" for name in columns) + " |" for row in found[kind]]
    fits = {name: f"{line['r2']:.3f}" for name, line in found["linear"].items()}
    rows += [
        "",
        f"Share of the variance of CPU seconds that a line explains: {fits['over_scan_size']} over scan size, "
        f"{fits['over_jobs']} over jobs.",
        "",
        "| workers | CPU s a job | an hour on one core | wall, an hour, with starting up |",
        "|---|---|---|---|",
    ]
    for row in found["workers"]:
        cpu = row["cpu_seconds"]
        rows.append(f"| {row['workers']} | {cpu:g} | {3600 / cpu:.0f} | {row['wall_an_hour']} |")
    return "\n".join([*rows, "", _against_published(found), "", _in_words(found, count, cores)])


def _against_published(found: dict[str, Any]) -> str:
    largest, (low, high) = found["lesions"][-1], PUBLISHED_AN_HOUR
    ours, theirs = largest["cpu_seconds"], found["published_cpu_seconds"]
    return (
        f"{largest['lesion_mm']:g} mm (a region of 96 mm): {ours:g} CPU s, {2 * 3600 / ours:.0f} an hour on two cores "
        f"by CPU seconds. The published networks take {theirs:g} CPU s for theirs on this machine (one look timed, "
        f"times {PUBLISHED_LOOKS}, and one encoding and decoding): {theirs / ours:.0f} times as much. Elsewhere the "
        f"published code made {low} to {high} an hour on two cores. One convolution: "
        f"{found['convolution_cpu_ms']:g} ms of CPU here."
    )


def _in_words(found: dict[str, Any], count: int, cores: int) -> str:
    many = forecast(found, count, cores)
    return (
        f"{count:,} tumours of {USUAL_MM:g} mm in such scans: {many['core_hours']:,} core hours, {many['days']:g} days "
        f"on {cores} cores; {many['scans_tb']:g} TB as scans, {many['deltas_tb']:g} TB as deltas."
    )


def _linear(x: Sequence[float], y: Sequence[float]) -> dict[str, float]:
    """The line through points: slope, where it starts, and the share of the variance that it explains."""
    slope, start = np.polyfit(x, y, 1)
    left = np.square(np.asarray(y) - slope * np.asarray(x) - start).sum()
    around = np.square(np.asarray(y) - np.mean(y)).sum()
    return {"slope": round(float(slope), 4), "start": round(float(start), 4), "r2": round(float(1 - left / around), 4)}


def _convolution_cpu_ms() -> float:
    """Processor milliseconds of the convolution that `benchmark speed` compares machines by."""
    from TextoMorphLib.evaluation.speed import convolution_ms

    return round(convolution_ms(time.process_time), 2)


def _published_cpu_seconds() -> float:
    """Processor seconds of the published networks for one tumour: without their weights, which change no time."""
    import torch

    from TextoMorphLib.models.published_networks import LATENT_CHANNELS, VQGAN, VideoUNet

    unet, vqgan = VideoUNet().eval(), VQGAN().eval()
    side = PUBLISHED_SIDE // 4
    condition = torch.zeros(1, LATENT_CHANNELS + 1 + unet.text_channels, side, side, side)
    latent, when = torch.zeros(1, LATENT_CHANNELS, side, side, side), torch.tensor([PUBLISHED_LOOKS - 1])
    with torch.inference_mode():
        unet(latent, when, condition)  # the first takes longer
        start = time.process_time()
        unet(latent, when, condition)
        look = time.process_time() - start
        vqgan.encode(torch.zeros(1, 1, *[PUBLISHED_SIDE] * 3))
        vqgan.decode(latent)
        rest = time.process_time() - start - look
    return round(PUBLISHED_LOOKS * look + rest, 1)
