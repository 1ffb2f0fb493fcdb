"""A whole study without patients: the digital phantom, stand-ins for real tumours, and readers made of chance.

It shows how a study goes, and says nothing about how real the tumours look: the "real" ones are the model's own, made
with other seeds, and the readers are random numbers.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.errors import Cancelled
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.reader_study.create import Plan, create
from TextoMorphLib.reader_study.package import Frame
from TextoMorphLib.reader_study.session import Session
from TextoMorphLib.reader_study.study import Study
from TextoMorphLib.simulation.lesion_masks import lesion_mask
from TextoMorphLib.simulation.phantom import phantom

READERS = {"simulated-1": 0.3, "simulated-2": 0.8, "simulated-3": 1.3}  # how far apart real and synthetic look to each
SITES = (("liver", 12.0), ("kidney", 14.0), ("liver", 26.0), ("pancreas", 12.0), ("kidney", 22.0), ("liver", 52.0))
TEXTS = {
    "liver": ("hypoattenuating, ill-defined metastasis", "well-defined cyst with a thin wall", "heterogeneous mass"),
    "kidney": ("cystic, well-defined lesion", "hyperattenuating, heterogeneous mass"),
    "pancreas": ("hypoattenuating, ill-defined mass", "cystic lesion without calcification"),
}


def demo(
    folder: Path, pairs: int, model: str, device: str, progress: Callable[[int, int], object] | None = None
) -> tuple[Study, dict[str, Any]]:
    """Make a study from the phantom and let simulated readers read it.

    Args:
        folder: New folder for the stand-ins, the study and its key.
        pairs: Stand-ins, each with a synthetic twin.
        model: Makes both.
        device: To make them on.
        progress: Called with (tumours made, tumours in all); returns False to cancel.

    Returns:
        The study, read by all of its readers, and its key.
    """
    whole = 3 * pairs  # the stand-ins, then both cases of each pair
    told = progress or (lambda done, total: True)
    table = _stand_ins(folder / "stand-ins", pairs, model, device, lambda done: told(done, whole))
    plan = Plan(
        readers=tuple(READERS),
        title="Demonstration: stand-ins and simulated readers",
        apart=min(10, pairs),
        repeats=pairs // 5,
        seed=0,
        frame=Frame((160.0, 160.0, 100.0), (0.9, 0.9, 2.5)),
        model=model,
        device=device,
        steps=2,
    )
    study = create(table, folder / "study", None, plan, lambda done, _: told(pairs + done, whole))
    key = study.read_key()
    for number, (reader, apart) in enumerate(READERS.items()):
        read_by_chance(study, key, reader, apart, seed=number)
    return study, key


def read_by_chance(study: Study, key: dict[str, Any], reader: str, apart: float, seed: int) -> None:
    """Let a simulated reader answer whatever is not answered yet.

    Args:
        study: What to read.
        key: Tells which answer is right.
        reader: For whom.
        apart: How far apart, in standard deviations, real and synthetic tumours look to this reader; 0 guesses.
        seed: Of what is left to chance; how odd a case looks is the same to every reader.
    """
    rng, odd = np.random.default_rng(seed), np.random.default_rng(12345)
    oddness = {case: odd.normal(0, 0.6) for case in sorted(study.cases)}
    now = 0.0
    with Session(study, reader, clock=lambda: now) as session:
        while not session.done:
            view = session.show()
            case = session.order[session.position]
            entry = key["cases"][case]
            look = apart * (0.5 if entry["synthetic"] else -0.5) + oddness[case] + rng.normal(0, 0.8)
            now += float(rng.lognormal(3.0, 0.4))
            fitting = [term for term in view.terms if rng.random() < 0.8]
            confidence = int(np.clip(1 + abs(look) * 2.5, 1, 5))
            session.answer("synthetic" if look > 0 else "real", confidence, fitting)


def _stand_ins(folder: Path, pairs: int, model: str, device: str, progress: Callable[[int], object]) -> Path:
    """Phantoms with a tumour each, made by the model, and the table that calls them real."""
    from TextoMorphLib.synthesis import Synthesizer

    folder.mkdir(parents=True)
    synthesizer = Synthesizer.load(model, device)
    healthy, organs = phantom()
    rows = []
    for number in range(pairs):
        if progress(number) is False:
            raise Cancelled("cancelled")
        organ, diameter = SITES[number % len(SITES)]
        text = TEXTS[organ][number // len(SITES) % len(TEXTS[organ])]
        mask = lesion_mask(healthy, organs[organ], diameter, seed=number)
        made = synthesizer.synthesize(healthy, mask, text, organ=organ, seed=1_000_000 + number, steps=2)
        ct, where = f"stand-in-{number + 1:02d}.nii.gz", f"stand-in-{number + 1:02d}-mask.nii.gz"
        made.volume.write(folder / ct, note="synthetic: a stand-in for a real tumour")
        Volume.from_array(mask, healthy.affine).write(folder / where)
        rows.append([ct, where, organ, text])
    table = folder / "table.csv"
    with open(table, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["ct", "mask", "organ", "text"], *rows])
    return table
