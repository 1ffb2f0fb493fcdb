"""`textomorph benchmark speed`: seconds and memory for one tumour, and the machine's own speed beside them."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.phantom import phantom
from TextoMorphLib.spatial.region import regions
from TextoMorphLib.synthesis import Synthesizer

TEXT = "hypoattenuating, ill-defined"
CALIBRATION_GRID = (2, 32, 24, 24, 24)


def run(
    name: str, device: str, steps: int | None, guidance: float | None, preset: str, repeats: int = 5
) -> dict[str, Any]:
    """Measures a model on this machine.

    Args:
        name: A model.
        device: As for `Synthesizer.load`.
        steps: Sampling steps; the preset's if None.
        guidance: Guidance scale; the preset's if None.
        preset: The model's preset, which the cold command uses, too.
        repeats: Warm runs; the median counts.

    Returns:
        Warm seconds for one 96 mm region (total and per stage; another text at the same place), cold seconds of the
        command, peak memory in MB, and the milliseconds of one fp32 32-to-32-channel 3x3x3 convolution on 2x32x24^3,
        to compare machines by.
    """
    ct, mask = _subject()
    side = max(max(place.ct.shape) for place in regions(ct, mask))
    start = time.perf_counter()
    model = Synthesizer.load(name, device)
    loading = time.perf_counter() - start

    def timed(scan: Volume) -> tuple[float, dict[str, Any]]:
        start = time.perf_counter()
        made = model.synthesize(scan, mask, TEXT, steps=steps, guidance=guidance, preset=preset)
        return time.perf_counter() - start, made.report

    timed(ct)
    again = sorted(timed(ct)[0] for _ in range(repeats))[repeats // 2]
    # A copy is another scan to the model, of which it knows nothing yet.
    warm, report = sorted((timed(copy(ct)) for _ in range(repeats)), key=lambda run: run[0])[repeats // 2]
    return {
        "region_mm": side,
        "steps": report["steps"],
        "guidance": report["guidance"],
        "warm_seconds": round(warm, 2),
        "same_place_seconds": round(again, 2),
        "stages": report["seconds"],
        "loading_seconds": round(loading, 2),
        "cold_command_seconds": round(_cold_command(ct, mask, name, device, preset), 2),
        "peak_memory_mb": round(_peak_mb()),
        "convolution_ms": round(convolution_ms(), 2),
        "threads": torch.get_num_threads(),
        "device": report["device"],
    }


def _subject() -> tuple[Volume, np.ndarray]:
    """The phantom, and a ball in its liver that needs a region of 96 mm."""
    ct, organs = phantom()
    centre = np.argwhere(organs["liver"]).mean(0)
    away = (np.indices(ct.shape).T - centre).T * ct.spacing[:, None, None, None]
    return ct, np.linalg.norm(away, axis=0) < 35.0


def _cold_command(ct: Volume, mask: np.ndarray, name: str, device: str, preset: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        scan, where, out = (Path(folder) / f"{part}.nii.gz" for part in ("ct", "mask", "out"))
        ct.write(scan)
        Volume.from_array(mask.astype(np.uint8), ct.affine).write(where)
        command = [sys.executable, "-m", "TextoMorphLib", "generate", str(scan), "--mask", str(where)]
        command += ["--text", TEXT, "--output", str(out), "--model", name, "--device", device, "--preset", preset]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start


def _peak_mb() -> float:
    """The larger peak of this process and of the command it started."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    users = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(user).ru_maxrss for user in users) * unit / 1e6


@torch.inference_mode()
def convolution_ms(clock: Callable[[], float] = time.perf_counter) -> float:
    """Milliseconds of a fixed convolution, to compare machines by.

    Args:
        clock: Which seconds count: `time.process_time` for those of the processor.
    """
    layer, grid = torch.nn.Conv3d(32, 32, 3, padding=1), torch.randn(CALIBRATION_GRID)
    layer(grid)
    start = clock()
    for _ in range(10):
        layer(grid)
    return (clock() - start) * 100
