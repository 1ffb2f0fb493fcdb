"""The main job on real CTs of many makes: the tumour is where the mask is, and nothing else has changed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.cli import main
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.simulation.lesion_masks import lesion_at
from TextoMorphLib.spatial.geometry import grow, tight_box

# Points in the organs of public scans, RAS mm, found by looking.
SITES: dict[str, dict[str, tuple[float, float, float]]] = {
    "acrin_flt001_abdomen_ct": {"liver": (115, -20, -532), "kidney": (62, -78, -597), "pancreas": (5, 0, -532)},
    "cctha01_abdomen_ct": {"liver": (90, -10, 421), "kidney": (62, -58, 376), "pancreas": (5, 5, 376)},
    "cptac_pda_c3l00189_ct": {"liver": (95, 0, -93), "kidney": (-58, -65, -118), "pancreas": (5, 10, -118)},
    "totalsegmentator_aorta_ct": {"liver": (85, 130, 552)},
    "totalsegmentator_ct": {"liver": (98, 161, 403), "kidney": (65, 125, 345), "pancreas": (20, 180, 345)},
    "totalsegmentator_ct_small": {"liver": (90, 200, 160), "kidney": (60, 125, 139), "pancreas": (0, 190, 148)},
}


def _generate(ct: Path, mask: Path, out: Path, organ: str, model: Path) -> bytes:
    arguments = ["generate", str(ct), "--mask", str(mask), "--text", "hypoattenuating, necrotic", "--output", str(out)]
    assert main([*arguments, "--organ", organ, "--model", str(model), "--seed", "3", "--steps", "1"]) == 0
    return out.read_bytes()


@pytest.mark.parametrize("name", SITES)
def test_generate_in_each_organ(name: str, real_cts: list[Path], tiny_bundle: Path, tmp_path: Path) -> None:
    ct = next((path for path in real_cts if path.name.startswith(f"{name}.")), None)
    if ct is None:
        pytest.skip(f"{name} is not at hand")
    scan = Volume.read(ct)
    sites = SITES[name]
    for organ, centre in sites.items():
        mask = lesion_at(scan, np.array(centre), 20.0, np.random.default_rng(1))
        where, out = tmp_path / "mask.nii", tmp_path / f"{organ}.nii"
        Volume.from_array(mask, scan.affine).write(where)
        content = _generate(ct, where, out, organ, tiny_bundle)

        made = Volume.read(out)
        changed = made.data != scan.data
        box = grow(tight_box(mask), np.ceil(6.0 / scan.spacing), scan.shape)
        far = np.ones_like(mask)
        far[box] = ndimage.distance_transform_edt(~mask[box], sampling=scan.spacing) > 4.0
        assert made.data.dtype == scan.data.dtype
        np.testing.assert_array_equal(made.affine, scan.affine)
        assert changed[mask].mean() > 0.5
        assert not changed[far].any()
        report = json.loads(out.with_name(f"{organ}.json").read_text())
        assert report["synthetic"] is True
        assert report["organ"] == organ
        assert [lesion["diameter_mm"] for lesion in report["lesions"]] == [pytest.approx(20, abs=4)]
    assert content == _generate(ct, where, tmp_path / "again.nii", organ, tiny_bundle)
