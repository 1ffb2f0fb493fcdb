"""What a segmenter calls liver in whole scans when no mask is given: the table of docs/segmentation.md.

    python Testing/experiments/whole_scans.py liver-small pictures --cases liver.jsonl --scans data/*_ct.nii.gz

Of the digital phantom, of a list of healthy cases with masks, and of scans without: how much is called liver, its Dice
with the mask, and the tumours called, in all and in the mask. A picture of each, to look at: the organ green, tumours
red, the mask blue.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from TextoMorphLib.cases import read_cases
from TextoMorphLib.evaluation.lesions import components
from TextoMorphLib.io import outputs
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.segmentation.model import Segmenter
from TextoMorphLib.segmentation.predict import OVERLAP, segment
from TextoMorphLib.simulation.phantom import phantom
from TextoMorphLib.synthesis.pictures import as_png, new_figure

Scan = tuple[str, Volume, np.ndarray | None]


def scans(cases: Path | None, others: Sequence[Path]) -> Iterator[Scan]:
    """Each scan by its name, with its mask where there is one."""
    ct, masks = phantom()
    yield "phantom", ct, masks["liver"]
    for case in read_cases(cases) if cases else ():
        ct = Volume.read(case.ct)
        yield case.id, ct, case.targets(ct, ("tumour",)) > 0
    for path in others:
        yield path.name.removesuffix(".nii.gz"), Volume.read(path), None


def told(labels: np.ndarray, ct: Volume, mask: np.ndarray | None) -> str:
    """What was called, in words."""
    ml = float(np.prod(ct.spacing)) / 1000
    called = labels > 0
    tumours, count = components(np.where(labels > 1, labels, 0))
    text = f"liver {called.sum() * ml:.0f} ml, tumours {count}"
    if mask is not None:
        dice = 2 * (called & mask).sum() / (called.sum() + mask.sum())
        inside = len(np.unique(tumours[mask & (tumours > 0)]))
        text += f", {inside} of them in the mask of {mask.sum() * ml:.0f} ml, Dice {dice:.2f}"
    return text


def show(labels: np.ndarray, ct: Volume, mask: np.ndarray | None, title: str) -> bytes:
    """Six slices along each of the scan's last two axes."""
    hu, figure = ct.hu(), new_figure(18.0, 8.0, title, "")
    for row, axis in zip(figure.subplots(2, 6), (2, 1), strict=True):
        sides = [mm for at, mm in enumerate(ct.spacing) if at != axis]
        for axes, at in zip(row, np.linspace(0, labels.shape[axis] - 1, 8).astype(int)[1:-1], strict=True):
            axes.imshow(hu.take(at, axis).T, cmap="gray", vmin=-150, vmax=250, aspect=sides[1] / sides[0])
            for what, colour in ((labels > 0, "lime"), (labels > 1, "red"), (mask, "deepskyblue")):
                if what is not None and (seen := what.take(at, axis)).any():
                    axes.contour(seen.T, [0.5], colors=colour, linewidths=0.7)
            axes.axis("off")
            if axis == 1:
                axes.invert_yaxis()
    return as_png(figure, "")


def main() -> None:
    """Segments each scan, prints a line and draws a picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--cases", type=Path, help="cases.jsonl of healthy scans with masks")
    parser.add_argument("--scans", type=Path, nargs="*", default=[])
    parser.add_argument("--overlap", type=float, default=OVERLAP, help="of windows; 0.5 takes an eighth of the time")
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = Segmenter.load(given.model, "cpu")
    given.pictures.mkdir(parents=True, exist_ok=True)
    for name, ct, mask in scans(given.cases, given.scans):
        labels = np.asarray(segment(model, ct, overlap=given.overlap).labels)
        line = f"{name}: {told(labels, ct, mask)}"
        print(line, flush=True)
        outputs.write_bytes(given.pictures / f"{name}.png", show(labels, ct, mask, line))


if __name__ == "__main__":
    main()
