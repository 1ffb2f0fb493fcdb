"""Mutated inputs of every kind: each is taken or refused in words; nothing else may happen.

    python Testing/fuzz/fuzz.py [--count 300] [--seed 0]

Takes minutes, so that it is no part of the test suite. What it found is in `Testing/unit/io/test_fuzzed.py`. A mutation
is drawn from the seed and its number alone: `--only N` repeats one.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.masks import check_mask, read_mask
from TextoMorphLib.io.volume import Volume, check_ct

Target = Callable[[random.Random, Path], None]
SHAPE = (20, 18, 12)
WORDS = [*("no", "without", "with", "thin wall", "ill-defined", "cyst", "hypoattenuating", "3 x 4 cm"), *";,.()-?"]
REPORT = {
    **{"text": "cyst", "seed": 1, "steps": 2, "guidance": 1.0, "organ": "liver"},
    **{"model": {"name": "fuzz", "sha256": "0" * 64}, "versions": {"textomorph": "1"}},
}


def scan() -> Volume:
    """A body in air, and around it fat."""
    hu = np.full(SHAPE, -1000.0)
    hu[2:-2, 2:-2] = -100
    hu[4:-4, 4:-4] = 60
    hu += np.random.default_rng(0).normal(0, 12, SHAPE)
    return Volume.from_array(hu.astype(np.int16), np.diag([-0.8, -0.8, 2.5, 1.0]))


def lesion() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[8:13, 7:12, 4:8] = True
    return mask


def mutated(rng: random.Random, content: bytes, first: int | None = None) -> bytes:
    """Some bytes changed, put in, taken out or cut off; in the first so many if told."""
    found = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4, 12])):
        at = rng.randrange(min(len(found), first or len(found)) or 1)
        kind = rng.randrange(6)
        if kind == 0:
            found[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            width = rng.choice([1, 2, 4, 8])
            found[at : at + width] = rng.choice([b"\xff", b"\x00", b"\x7f", b"\x80"]) * width
        elif kind == 2:
            found[at:at] = rng.randbytes(rng.choice([1, 2, 4, 8]))
        elif kind == 3:
            del found[at : at + rng.choice([1, 2, 4, 8])]
        elif kind == 4:
            found[at : at + 4] = np.float32(rng.choice([np.nan, np.inf, -1, 0, 1e30, -1e-30])).tobytes()
        elif rng.random() < 0.2:
            del found[at:]
    return bytes(found)


def nifti(rng: random.Random, folder: Path) -> None:
    path = folder / "ct.nii"
    scan().write(path)
    path.write_bytes(mutated(rng, path.read_bytes(), 352))
    use(path)


def packed(rng: random.Random, folder: Path) -> None:
    path = folder / "ct.nii.gz"
    scan().write(path)
    if rng.random() < 0.5:
        path.write_bytes(mutated(rng, path.read_bytes()))
    else:
        path.write_bytes(gzip.compress(mutated(rng, gzip.decompress(path.read_bytes()), 352)))
    use(path)


def itk(rng: random.Random, folder: Path) -> None:
    path = folder / rng.choice(["ct.nrrd", "ct.mha"])
    scan().write(path)
    path.write_bytes(mutated(rng, path.read_bytes(), 500))
    use(path)


def mask(rng: random.Random, folder: Path) -> None:
    path = folder / rng.choice(["mask.nii", "mask.nrrd", "mask.seg.nrrd"])
    Volume.from_array(lesion(), scan().affine).write(path)
    path.write_bytes(mutated(rng, path.read_bytes(), 400))
    for resample in (False, True):
        check_mask(read_mask(path, scan(), resample, label=rng.choice([None, 1, "1", "x"])), scan())


def series(rng: random.Random, folder: Path) -> None:
    from TextoMorphLib.io import dicom_export

    dicom_export.write(scan(), REPORT, folder / "series")
    for path in rng.sample(sorted((folder / "series").glob("*.dcm")), rng.choice([1, 1, 3])):
        path.write_bytes(mutated(rng, path.read_bytes(), 2500))
    use(folder / "series")


def segmentation(rng: random.Random, folder: Path) -> None:
    from TextoMorphLib.io import dicom_export

    dicom_export.write(scan(), REPORT, folder / "series", mask=lesion())
    path = folder / "series" / dicom_export.SEGMENTATION
    moved = path.rename(folder / "mask.dcm")
    moved.write_bytes(mutated(rng, moved.read_bytes()))
    check_mask(read_mask(moved, scan(), label=rng.choice([None, 1, "tumour"])), scan())


def job_line(rng: random.Random, folder: Path) -> None:
    from TextoMorphLib.batches.job_lines import parse

    line = {"ct": "ct.nii.gz", "mask": "m.nii.gz", "text": "ill-defined cyst", "output": "o.nii.gz", "seed": 3}
    line |= {"label": 2, "replace": True, "guidance": 1.5, "steps": 4, "preset": "final", "organ": "kidney"}
    odd = [None, -1, 2**70, 1e308, float("nan"), "", "\0", "\udcff", "x" * 5000, [], {}, True, "../../..", "/"]
    for _ in range(rng.choice([0, 1, 2])):
        line[rng.choice([*line, "new"])] = rng.choice(odd)
    text = json.dumps(line)
    if rng.random() < 0.5:
        text = mutated(rng, text.encode()).decode(errors="surrogateescape")
    job = parse(text, folder)
    job.check()
    job.request()
    job.is_done("0")


def text(rng: random.Random, folder: Path) -> None:
    from TextoMorphLib.synthesis.request import check_request
    from TextoMorphLib.text.understanding import understand

    made = " ".join(rng.choices(WORDS, k=rng.choice([1, 5, 30, 300])))
    if rng.random() < 0.7:
        made = mutated(rng, made.encode()).decode(errors=rng.choice(["ignore", "replace", "surrogateescape"]))
    check_request(made, rng.choice(["liver", "kidney", "pancreas"]), 0, None, None)
    understand(made, "liver").lines()


def bundle_config(rng: random.Random, folder: Path) -> None:
    from TextoMorphLib.models import bundle

    found = folder / "model"
    found.mkdir()
    starter = bundle.find("starter")
    for path in starter.iterdir():
        if path.suffix == ".safetensors":
            (found / path.name).symlink_to(path)
    config = json.loads((starter / "config.json").read_text())
    for _ in range(rng.choice([1, 1, 3])):
        where = config
        while True:
            name = rng.choice(list(where))
            if isinstance(where[name], dict) and where[name] and rng.random() < 0.8:
                where = where[name]
                continue
            break
        how = rng.randrange(3)
        if how == 0 and len(where) > 1:
            del where[name]
        elif how == 1:
            where[name] = rng.choice([None, -1, 0, 1, 3, "x", [], {}, [1, 2], 0.5, True, {"a": 1}])
        else:
            where["new"] = 1
    (found / "config.json").write_text(json.dumps(config))
    bundle.seal(found)
    if rng.random() < 0.2:
        manifest = found / "manifest.json"
        manifest.write_bytes(mutated(rng, manifest.read_bytes()))
    from TextoMorphLib.synthesis import Synthesizer

    Synthesizer.load(str(found), "cpu")


def use(path: Path) -> None:
    """What is done with a scan before a model sees it, and its way back to the disk."""
    volume = Volume.read(path)
    check_ct(volume)
    if volume.data.size < 1e7:
        volume.write(path.parent / "again.nii.gz")


TARGETS: tuple[Target, ...] = (
    nifti,
    packed,
    itk,
    mask,
    series,
    segmentation,
    job_line,
    text,
    bundle_config,
)


def attempt(number: int, seed: int) -> tuple[str, str]:
    """What became of one mutation: "taken", "refused", or the traceback."""
    rng = random.Random(f"{seed}/{number}")
    target = TARGETS[number % len(TARGETS)]
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
        try:
            target(rng, Path(folder))
        except InputError as error:
            return target.__name__, "refused" if "\n" not in str(error) else f"several lines: {error!r}"
        except Exception:
            return target.__name__, traceback.format_exc()
    return target.__name__, "taken"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--count", type=int, default=300)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", type=int)
    given = options.parse_args()
    warnings.simplefilter("ignore")
    numbers = range(given.count) if given.only is None else [given.only]
    counted: Counter[tuple[str, str]] = Counter()
    for number in numbers:
        name, end = attempt(number, given.seed)
        kind = end if end in ("taken", "refused") else "FAILED"
        counted[name, kind] += 1
        if kind == "FAILED":
            print(f"--- {name}, --seed {given.seed} --only {number}\n{end}", flush=True)
    for target in TARGETS:
        ends = ", ".join(f"{counted[target.__name__, kind]} {kind}" for kind in ("taken", "refused", "FAILED"))
        print(f"{target.__name__:15s} {ends}")
    return int(any(kind == "FAILED" for _, kind in counted))


if __name__ == "__main__":
    sys.exit(main())
