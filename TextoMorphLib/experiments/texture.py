"""What the texture network has of real tumours: how its samples follow them over steps, and whether it copies any.

    python -m TextoMorphLib.experiments.texture steps MSD_PANCREAS
    python -m TextoMorphLib.experiments.texture copying MSD_PANCREAS

Both print a table in Markdown. Patients are kept apart as in the training (`[data] validate`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage, stats

from TextoMorphLib.models import bundle
from TextoMorphLib.models.texture import CLIPPED, PIXEL_MM, TextureNetwork, flow
from TextoMorphLib.paths import resources
from TextoMorphLib.training.configuration import read_config
from TextoMorphLib.training.texture_examples import RealLesion, window
from TextoMorphLib.training.train_texture import held_out, real_lesions

SIDE, SLICES = 36, 9  # pixels and slices that are looked at
STEPS = (1, 2, 4, 6, 8, 20, 50)
BANDS_MM = (1.5, 2.5, 4.0, 6.5)
EVERY = 3  # which of the training's lesions are drawn for the table of steps
PATCH = 14  # pixels: 21 mm
FULL, STRIDE = 0.9, 2  # share of a patch in the lesion; pixels from one patch to the next
LEAST_PIXELS = 150

Window = dict[str, np.ndarray]


def main(what: str, data: Path) -> str:
    """One of the tables.

    Args:
        what: "steps" or "copying".
        data: Folder with the scans and labels of the training.
    """
    settings = read_config(resources() / "Training" / "starter-texture.toml")["data"]
    lesions = real_lesions(settings, data)
    learned = [lesion for name, lesion in lesions if not held_out(name, settings)]
    kept = [lesion for name, lesion in lesions if held_out(name, settings)]
    network = bundle.load("starter").texture
    assert network is not None
    return by_steps(network, learned[::EVERY]) if what == "steps" else copying(network, learned, kept)


def by_steps(network: TextureNetwork, lesions: Sequence[RealLesion]) -> str:
    """Spread in bands, kurtosis and likeness of slices, of real tumours and of samples at their places, by steps."""
    places = [place for place in (window(lesion, None, SIDE, SLICES) for lesion in lesions) if _inside(place).any()]
    places = [place for place in places if _inside(place).sum() >= LEAST_PIXELS]
    rows = [("real", [_numbers(place["field"], _inside(place)) for place in places])]
    for steps in STEPS:
        drawn = [sampled(network, place, steps, seed) for seed, place in enumerate(places)]
        rows.append((str(steps), [_numbers(one, _inside(place)) for one, place in zip(drawn, places, strict=True)]))
    names = [*(f"SD under {mm:g} mm" for mm in BANDS_MM), "SD above", "kurtosis", "next slice"]
    lines = [f"| steps | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(f'{value:.2f}' for value in np.nanmedian(found, 0))} |" for name, found in rows]
    return "\n".join(lines)


def copying(network: TextureNetwork, learned: Sequence[RealLesion], kept: Sequence[RealLesion]) -> str:
    """How near the nearest patch of any tumour of the training comes to what is drawn, and to tumours kept out."""
    steps = int(bundle.load("starter").config["texture"]["steps"])
    real = [window(lesion, None, SIDE, SLICES) for lesion in learned]
    known = np.concatenate([_turned(_patches(place["field"], place)) for place in real])
    others = [window(lesion, None, SIDE, SLICES) for lesion in kept]
    asked = {
        "drawn at places of the training": [(sampled(network, place, steps, n), place) for n, place in enumerate(real)],
        "drawn at places kept out": [(sampled(network, place, steps, n), place) for n, place in enumerate(others)],
        "real, kept out": [(place["field"], place) for place in others],
    }
    lines = ["| patches of 21 mm | number | median | 95% | most |", "|---|---|---|---|---|"]
    for name, fields in asked.items():
        nearest = np.concatenate(
            [(_patches(field, place) @ known.T).max(axis=1, initial=-1) for field, place in fields]
        )
        quantiles = " | ".join(f"{value:.2f}" for value in np.quantile(nearest, (0.5, 0.95, 1)))
        lines.append(f"| {name} | {len(nearest)} | {quantiles} |")
    return "\n".join(lines)


@torch.inference_mode()
def sampled(network: TextureNetwork, place: Window, steps: int, seed: int) -> np.ndarray:
    """A field at a place, [slices, side, side]."""
    where, told = torch.from_numpy(place["place"])[None], torch.from_numpy(place["numbers"])[None]
    inside = where[:, 0]
    white = torch.randn(inside.shape, generator=torch.Generator().manual_seed(seed)) * inside
    drawn = flow(lambda noisy, now: network(noisy, now, where, told).float() * inside, white, steps)
    return drawn[0].clamp(-CLIPPED, CLIPPED).numpy()


def _inside(place: Window) -> np.ndarray:
    return np.asarray((place["place"][0] > 0) & (place["place"][3] > 0))


def _numbers(field: np.ndarray, inside: np.ndarray) -> list[float]:
    """Spreads between Gaussians in the plane, kurtosis of what is between the first and the third, slices' likeness."""
    share = inside.astype(np.float32)
    smooth = [field * share]
    for mm in BANDS_MM:
        sigma = (0, mm / PIXEL_MM, mm / PIXEL_MM)
        over = np.maximum(ndimage.gaussian_filter(share, sigma), 1e-3)
        smooth.append(np.where(inside, ndimage.gaussian_filter(field * share, sigma) / over, 0))
    bands = [fine - coarse for fine, coarse in pairwise(smooth)] + [smooth[-1]]
    both = inside[1:] & inside[:-1]
    alike = float(np.corrcoef(field[1:][both], field[:-1][both])[0, 1]) if both.sum() >= LEAST_PIXELS else float("nan")
    return [*(float(band[inside].std()) for band in bands), float(stats.kurtosis((bands[0] + bands[1])[inside])), alike]


def _patches(field: np.ndarray, place: Window) -> np.ndarray:
    """[number, PATCH^2] of mean 0 and length 1: all that lie in the lesion, `STRIDE` pixels apart."""
    windows = np.lib.stride_tricks.sliding_window_view
    inside = windows(_inside(place).astype(np.float32), (PATCH, PATCH), (1, 2))[:, ::STRIDE, ::STRIDE]
    found = windows(field * _inside(place), (PATCH, PATCH), (1, 2))[:, ::STRIDE, ::STRIDE]
    chosen = found[inside.mean(axis=(3, 4)) >= FULL].reshape(-1, PATCH * PATCH)
    chosen = chosen - chosen.mean(axis=1, keepdims=True)
    return np.asarray(chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-6), np.float32)


def _turned(patches: np.ndarray) -> np.ndarray:
    """Patches in all eight orientations."""
    square = patches.reshape(-1, PATCH, PATCH)
    both = (square, square.transpose(0, 2, 1))
    turned = [np.rot90(one, quarter, (1, 2)) for one in both for quarter in range(4)]
    return np.concatenate([one.reshape(-1, PATCH * PATCH) for one in turned])


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2])))
