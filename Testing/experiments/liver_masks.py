"""Masks of the liver in scans without one, grown from a seed: good enough to put lesions in, no segmentation.

    python Testing/experiments/liver_masks.py ../shared/data healthy.jsonl

Smoothed tissue within a band around the seed's HU, opened so that it lets go of stomach, heart and muscle, the part
that holds the seed. Writes the masks beside the list of cases, and a picture of each to look at.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy import ndimage

from TextoMorphLib.cases import Case, write_cases
from TextoMorphLib.io import outputs
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial.grids import isotropic_grid, sampled_hu, sampled_labels
from TextoMorphLib.synthesis.pictures import as_png, new_figure

GRID_MM, SMOOTH_MM, BAND_HU = 2.0, 3.0, 28.0
SEEDS = {  # voxel, and the radius in mm of the opening
    "cptac_pda_c3l00189": ((120, 180, 17), 9.0),
    "crlm1004_pv": ((150, 250, 24), 9.0),
    "hcc048_pv": ((170, 260, 50), 9.0),
    "acrin_flt001_abdomen": ((130, 170, 83), 11.0),
}
KEPT_SLICES = {"hcc048_pv": 52}  # above, it holds what may be tumours that nobody annotated
LABELLED = {  # scans with labels of their own: file, and the liver's value
    "cctha01_abdomen": ("cctha01_abdomen_liver.nii.gz", 1),
    "totalsegmentator_ct_small": ("totalsegmentator_ct_small_organs.nii.gz", 5),
}


def grown(ct: Volume, seed: tuple[int, int, int], opening_mm: float) -> np.ndarray:
    """The organ around a seed, on the scan's grid."""
    box = tuple(slice(0, size) for size in ct.shape)
    affine, shape = isotropic_grid(ct, box, GRID_MM)  # type: ignore[arg-type]
    smooth = ndimage.gaussian_filter(sampled_hu(ct, affine, shape), SMOOTH_MM / GRID_MM)
    at = np.linalg.solve(affine, ct.affine @ np.array([*seed, 1.0]))[:3].round().astype(int)
    around = smooth[tuple(slice(n - 4, n + 5) for n in at)]
    tissue = np.abs(smooth - np.median(around)) < BAND_HU
    off = ndimage.distance_transform_edt(tissue) * GRID_MM > opening_mm
    numbers, _ = ndimage.label(off)
    core = numbers == numbers[tuple(at)] if numbers[tuple(at)] else off & False
    mask = ndimage.distance_transform_edt(~core) * GRID_MM <= opening_mm
    mask = ndimage.binary_closing(mask & tissue, iterations=2)
    return sampled_labels(np.asarray(mask, np.uint8), affine, ct.affine, ct.shape) > 0


def show(ct: Volume, mask: np.ndarray, name: str) -> bytes:
    """Six slices with the outline."""
    figure = new_figure(18.0, 3.4, name, "")
    slices = np.flatnonzero(mask.any((0, 1)))
    for axes, at in zip(figure.subplots(1, 6), slices[np.linspace(1, len(slices) - 2, 6).astype(int)], strict=True):
        axes.imshow(ct.hu()[:, :, at].T, cmap="gray", vmin=-100, vmax=220)
        axes.contour(mask[:, :, at].T, [0.5], colors="lime", linewidths=0.7)
        axes.axis("off")
    return as_png(figure, "")


def main(data: Path, output: Path) -> None:
    """Writes the masks and the list of healthy cases."""
    folder = output.parent / "liver_masks"
    folder.mkdir(exist_ok=True, parents=True)
    cases = []
    for name in (*SEEDS, *LABELLED):
        path = data / (f"{name}.nii.gz" if name.endswith("small") else f"{name}_ct.nii.gz")
        ct = Volume.read(path)
        if name in SEEDS:
            mask = grown(ct, *SEEDS[name])
        else:
            file, value = LABELLED[name]
            mask = Volume.read(data / file).data == value
        if name in KEPT_SLICES:
            ct, mask = Volume.from_array(ct.data[..., : KEPT_SLICES[name]], ct.affine), mask[..., : KEPT_SLICES[name]]
            path = folder / f"{name}_ct.nii.gz"
            ct.write(path)
        Volume.from_array(mask, ct.affine).write(folder / f"{name}.nii.gz")
        outputs.write_bytes(folder / f"{name}.png", show(ct, mask, name))
        print(f"{name}: {mask.sum() * np.prod(ct.spacing) / 1000:.0f} ml, median {np.median(ct.hu()[mask]):.0f} HU")
        cases.append(Case(name, path.resolve(), "liver", name, organ_mask=(folder / f"{name}.nii.gz",), healthy=True))
    write_cases(cases, output)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
