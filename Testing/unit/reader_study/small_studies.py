"""Small studies for the tests of the reading: real code on small scans, without a model."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.reader_study.create import Plan, create
from TextoMorphLib.reader_study.package import Frame
from TextoMorphLib.reader_study.serve import Server
from TextoMorphLib.reader_study.study import Study

FRAME = Frame((48.0, 48.0, 45.0), (2.0, 2.0, 2.5))
TEXT = "hypoattenuating, ill-defined lesion without calcification"
SPACING = np.diag([-1.5, -1.5, 2.5, 1.0])


def scan(number: int, lesion_hu: float | None = None) -> tuple[Volume, Volume]:
    """A soft-tissue block with fat on one side, and a ball's mask; the lesion is painted when it has HU."""
    rng = np.random.default_rng(number)
    hu = rng.normal(100, 12, (36, 36, 20))
    hu[:4] -= 200
    at = np.indices(hu.shape) - np.array([20, 18, 10]).reshape(3, 1, 1, 1)
    distance = np.sqrt(np.square(at * np.array([1.5, 1.5, 2.5]).reshape(3, 1, 1, 1)).sum(0))
    mask = distance < 6 + number % 3 * 3  # 12, 18 and 24 mm
    if lesion_hu is not None:
        hu[mask] += lesion_hu
    return Volume.from_array(np.rint(hu).astype(np.int16), SPACING), Volume.from_array(mask, SPACING)


def write_table(folder: Path, pairs: int, methods: tuple[str, ...] = ("ours",)) -> Path:
    """Real tumours, each with a twin by each method, and the table that lists them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [["ct", "mask", "organ", "text", "source", "pair"]]
    for number in range(pairs):
        organ = ("liver", "kidney")[number % 2]
        scan(number)[1].write(folder / f"mask{number}.nii.gz")
        for place, source in enumerate(("real", *methods)):
            scan(number, -40.0 + 5 * place)[0].write(folder / f"{source}{number}.nii.gz")
            rows.append([f"{source}{number}.nii.gz", f"mask{number}.nii.gz", organ, TEXT, source, f"pair {number}"])
    table = folder / "table.csv"
    with open(table, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return table


def small_study(folder: Path, pairs: int = 4, readers: tuple[str, ...] = ("anna",), **plan: Any) -> Study:
    """A study in `folder/study`, its key beside it; two cases a pair unless `methods` says otherwise."""
    table = write_table(folder / "scans", pairs, plan.pop("methods", ("ours",)))
    settings = {"twins": (), "apart": 2, "seed": 1, "frame": FRAME, **plan}
    return create(table, folder / "study", None, Plan(readers=readers, **settings))


@contextmanager
def serving(study: Study) -> Iterator[Server]:
    """A server of the study, at work in a thread."""
    with Server(study.folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:  # else the thread would keep an interrupted test run from ending
            server.shutdown()
            thread.join()
