"""What a training's step, its tumours and a segmentation cost in processor time: the figures of docs/segmentation.md.

    python Testing/experiments/segmentation_costs.py steps
    python Testing/experiments/segmentation_costs.py sources
    python Testing/experiments/segmentation_costs.py segment --slices 100 300 600 [--organ]
    python Testing/experiments/segmentation_costs.py kill HEALTHY.jsonl --times 10

Processor seconds of this process (all its threads), so that others on the machine hardly matter; one thread, but for
`segment`, which runs the command itself, with as many threads as OMP_NUM_THREADS says, and gives wall-clock time, too.
`kill` ends a small training with SIGKILL at moments spread over it, resumes it each time, and compares its weights with
those of a run that nobody touched, bit by bit.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import small_trainings
from TextoMorphLib import paths
from TextoMorphLib.cases import Case
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.segmentation.networks import build
from TextoMorphLib.sources import Insertion, from_settings
from TextoMorphLib.sources.bank import Bank, write_entry
from TextoMorphLib.sources.placement import Placement
from TextoMorphLib.synthesis import Synthesizer
from TextoMorphLib.training.checkpoint_choice import dice_ce
from TextoMorphLib.training.configuration import read_config
from TextoMorphLib.training.patches import Patches, PatchSettings, Prepared

REPEATS, STEPS = 5, 400
ELLIPSOIDS = """
[source]
kind = "ellipsoids"
diameters_mm = [14.0, 22.0]
[validation]
select_on = "last"
"""
KILLED = small_trainings.segmentation(
    ELLIPSOIDS, spacing_mm=4.0, real=0.0, synthetic=1.0, healthy=0.3, steps=STEPS, checkpoint_minutes=0.02
)


def median_cpu(work: Callable[[], Any]) -> tuple[float, float]:
    """Median and least processor seconds of some repeats, after one that does not count."""
    found = []
    for number in range(REPEATS + 1):
        start = time.process_time()
        work()
        if number:
            found.append(time.process_time() - start)
    return float(np.median(found)), min(found)


def told(name: str, work: Callable[[], Any]) -> None:
    """Prints what a piece of work costs."""
    median, least = median_cpu(work)
    print(f"{name}: {median:.3f} s (median of {REPEATS}), {least:.3f} s (least)", flush=True)


def steps() -> None:
    """An optimiser step of the laptop preset's network on a batch."""
    settings = read_config(paths.resources() / "Training" / "segmentation-laptop.toml")
    how = dict(settings["network"])
    patch, count = settings["patches"]["patch"], settings["patches"]["count"]
    network = build(how.pop("name"), 3, patch, **how)
    optimiser, losses = torch.optim.AdamW(network.parameters(), 1e-3), dice_ce()
    batch = {"image": torch.rand(count, 1, *patch), "target": torch.randint(0, 3, (count, 1, *patch))}
    for bf16 in (False, True):

        def step(bf16: bool = bf16) -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = losses(network, batch)["loss"]
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()

        told(f"a step of the laptop preset, {'bfloat16' if bf16 else 'float32'}", step)


def sources() -> None:
    """One tumour of each source in a patch of 60 voxels a side at 2 mm."""
    rng = np.random.default_rng(0)
    ct = (100 + 10 * rng.standard_normal((60,) * 3)).astype(np.float32)
    ct[:8] = -100
    organ = np.ones(ct.shape, bool)
    organ[:12] = False
    for kind, settings in (("words", {"texts": ["hypoattenuating"]}), ("ellipsoids", {}), ("cells", {})):
        source = from_settings({"kind": kind, **settings}, 2.0)
        told(f"a tumour by {kind}", lambda source=source: source.insert(ct, organ, rng))  # type: ignore[misc]
    model, scan = Synthesizer.load("starter", "cpu"), Volume.from_array(ct, np.diag([2.0, 2.0, 2.0, 1.0]))
    mask = Placement(2.0, (20, 20)).masks(organ, rng)
    seeds = iter(range(10**6))
    told("a mask by Synthesizer.patch", lambda: model.patch(ct, mask, "cyst", seed=next(seeds), spacing_mm=2.0))
    told(
        "the same by Synthesizer.synthesize, every time at another place",
        lambda: model.synthesize(replace(scan, slope=1 + next(seeds) * 1e-9), mask, "cyst", preset="preview"),
    )
    with tempfile.TemporaryDirectory() as folder:
        place, label = Path(folder), organ.astype(np.uint8)
        for number in range(8):
            write_entry(place, number, Insertion(ct, label, "cyst"))
        case = Case("made up", place, "liver", healthy=True)
        healthy = Prepared(case, ct.astype(np.int16), label, np.flatnonzero(organ), np.zeros(0, int))
        laptop = PatchSettings((48,) * 3, 2.0, count=2, mix={"synthetic": 1.0}, rotate=0.3, flip=0.3)
        batch = Patches([healthy], laptop, Bank(2.0, folder), bank=True)
        told("two patches from a bank", lambda: batch(rng))


# The peak is read inside: what a parent had in memory counts for its children's resource usage.
MEASURED = """
import sys
from TextoMorphLib.cli import main
status = main(sys.argv[1:])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(status)
"""


def segment(slices: list[int], organ: bool) -> None:
    """Made-up scans of 512 x 512 voxels through the command, with the bundle that comes with TextoMorph."""
    with tempfile.TemporaryDirectory() as folder:
        place, affine = Path(folder), np.diag([0.7, 0.7, 0.74, 1.0])
        for count in slices:
            data, inner = made_up(count)
            Volume.from_array(data, affine).write(place / "ct.nii.gz")
            given = [str(place / "ct.nii.gz"), "--model", "liver-small", "--output", str(place / "labels.nii.gz")]
            if organ:
                Volume.from_array(inner, affine).write(place / "organ.nii.gz")
                given += ["--organ-mask", str(place / "organ.nii.gz")]
            command = [sys.executable, "-c", MEASURED, "segment", *given, "--overwrite", "--device", "cpu"]
            start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            told = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
            peak = int(told.stdout.split()[-2]) / 2**20
            print(
                f"{count} slices ({data.nbytes / 2**20:.0f} MiB): {cpu:.0f} s of CPU, "
                f"{time.perf_counter() - start:.0f} s, {peak:.2f} GiB at its peak",
                flush=True,
            )


def made_up(slices: int) -> tuple[np.ndarray, np.ndarray]:
    """A body with noise, int16, and an organ in it that fills three quarters of its length."""
    noise = np.random.default_rng(0).normal(0, 15, (512, 512, 16)).astype(np.int16)
    i, j = np.ogrid[-1:1:512j, -1:1:512j]
    body = (i / 0.85) ** 2 + (j / 0.75) ** 2 < 1
    organ = ((i - 0.3) / 0.4) ** 2 + (j / 0.5) ** 2 < 1
    plane = np.where(body, np.where(organ, 110, 50), -1000).astype(np.int16)[..., None] + noise
    inner = np.repeat(organ[..., None], slices, axis=2)
    inner[..., : slices // 8] = inner[..., -(slices // 8) :] = False
    return np.concatenate([plane] * -(-slices // 16), axis=2)[..., :slices], inner


def kill(cases: Path, times: int) -> None:
    """SIGKILL at several moments, resumed each time: the same weights in the end?"""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "tiny.toml").write_text(KILLED, encoding="utf-8")
        command = [sys.executable, "-m", "TextoMorphLib", "train", "segmentation", str(place / "tiny.toml")]
        command += ["--cases", str(cases), "--output"]
        subprocess.run([*command, str(place / "whole")], check=True, stdout=subprocess.DEVNULL)
        for number in range(times):
            killed_at((number + 0.5) * STEPS / times, [*command, str(place / "broken"), "--resume"])
        subprocess.run([*command, str(place / "broken"), "--resume"], check=True, stdout=subprocess.DEVNULL)
        files = [next((place / run / "whole" / "model").glob("*.safetensors")) for run in ("whole", "broken")]
        same = files[0].read_bytes() == files[1].read_bytes()
        print(f"killed {times} times: {'the same weights, bit by bit' if same else 'OTHER WEIGHTS'}")


def killed_at(step: float, command: list[str]) -> None:
    """Ends a training with SIGKILL, somewhat after it has told that it reached a step."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{") and json.loads(line)["step"] >= step:
            time.sleep(float(np.random.default_rng(int(step)).uniform(0, 1)))
            break
    os.killpg(process.pid, signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        raise SystemExit(f"the training ended before step {step:.0f}: {command}")


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("steps", "sources", "segment", "kill"))
    parser.add_argument("cases", nargs="?", type=Path)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--slices", type=int, nargs="+", default=[300])
    parser.add_argument("--organ", action="store_true", help="segment: with the organ's mask, which bounds the work")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.what == "kill":
        if given.cases is None:
            parser.error("kill needs a cases.jsonl with healthy scans")
        kill(given.cases, given.times)
    elif given.what == "segment":
        segment(given.slices, given.organ)
    else:
        {"steps": steps, "sources": sources}[given.what]()


if __name__ == "__main__":
    main()
