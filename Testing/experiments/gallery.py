"""The pictures of docs/gallery.md: every term in a liver, a kidney and a pancreas, each by `textomorph preview`.

    python Testing/experiments/gallery.py HCC_048.nii.gz OUTPUT_FOLDER [liver kidney pancreas]

HCC_048 is the portal venous CT of that name in TCIA HCC-TACE-Seg (CC BY 4.0).
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np

from TextoMorphLib.cli import main
from TextoMorphLib.io import outputs
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.lesion_masks import lesion_at

PLACES = {  # centre (RAS, mm), diameter in mm and window of the terms', and of the words that rules draw
    "liver": ((52.0, 3.0, -264.0), (38.0, "100,250"), (34.0, "100,250")),
    "kidney": ((81.0, -22.0, -342.0), (24.0, "160,350"), (26.0, "140,350")),
    "pancreas": ((21.0, 44.0, -308.0), (20.0, "90,250"), (20.0, "90,300")),
}
SEED, SHAPE = 3, 4
WIDTH = {"gallery": 860, "gallery-words": 1188}  # pixels at most, of what is shown in the docs
TERMS = (
    "lesion",
    "hypoattenuating",
    "mildly hypoattenuating",
    "markedly hypoattenuating",
    "hyperattenuating",
    "isoattenuating",
    "arterial enhancement",
    "washout, with a capsule",
    "heterogeneous",
    "homogeneous",
    "solid",
    "cystic",
    "septated, cystic",
    "necrotic",
    "haemorrhagic",
    "walled",
    "hypoattenuating, with a bright rim",
    "thin-walled",
    "thick-walled",
    "cystic, thick-walled",
    "well-defined",
    "ill-defined",
    "calcification",
    "punctate calcification",
    "coarse calcification",
    "vessels passing through",
    "vessels displaced",
)
WORDS = (
    "fat-containing",
    "thick-walled cyst with gas bubbles",
    "cyst with an air-fluid level",
    "cyst with a fluid-fluid level",
    "cyst with a mural nodule",
    "multilocular cyst",
    "microcystic",
    "peripheral nodular enhancement",
    "target appearance",
    "arterial enhancement, central scar",
    "lobulated, hypoattenuating",
    "spiculated, hypoattenuating",
)


def draw(ct: Path, folder: Path, organ: str) -> None:
    """Draws an organ's two pictures."""
    scan = Volume.read(ct)
    centre, *kinds = PLACES[organ]
    for (mm, window), texts, preset, name in zip(
        kinds, (TERMS, WORDS), ("final", "preview"), ("gallery", "gallery-words"), strict=True
    ):
        mask, lines, picture = (folder / f"{name}-{organ}.{end}" for end in ("nii.gz", "txt", "png"))
        shape = lesion_at(scan, np.array(centre), mm, np.random.default_rng(SHAPE))
        Volume.from_array(shape.astype(np.uint8), scan.affine).write(mask)
        lines.write_text("\n".join(texts))
        asked = ["--mask", mask, "--texts", lines, "--output", picture, "--organ", organ, "--window", window]
        if status := main(["preview", str(ct), *map(str, asked), "--seed", str(SEED), "--preset", preset]):
            raise SystemExit(status)
        outputs.write_all({picture.with_suffix(".webp"): _smaller(picture, WIDTH[name])})


def _smaller(picture: Path, width: int) -> bytes:
    from PIL import Image

    image = Image.open(picture).convert("RGB")
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    target = io.BytesIO()
    image.save(target, "webp", quality=80, method=6)
    return target.getvalue()


if __name__ == "__main__":
    ct_path, to, *organs = sys.argv[1:]
    Path(to).mkdir(parents=True, exist_ok=True)
    for each in organs or PLACES:
        draw(Path(ct_path), Path(to), each)
