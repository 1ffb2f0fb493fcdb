"""`textomorph measure`: what a synthetic lesion is like, in HU and mm."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import ORGAN_ALONE, InputError, doubt
from TextoMorphLib.io import outputs

if TYPE_CHECKING:
    import numpy as np

    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.spatial.region import Region

UNCHANGED_HU = 15.0  # smoothed by 1 mm: what noise alone does not change
BESIDE_MM, ELSEWHERE = 8.0, 0.02  # what is drawn ends nearer than so; share of voxels that compressing may change
UNITS = {"hu": "HU", "mm": "mm", "ml": "ml", "fraction": ""}
MEANINGS = {
    "parenchyma_hu": "healthy parenchyma around",
    "mean_hu": "mean",
    "contrast_hu": "contrast to the parenchyma",
    "texture_hu": "inner texture (SD, noise removed)",
    "margin_mm": "margin width (10-90% of the change)",
    "rim_hu": "rim minus core",
    "rim_seen_hu": "rim above body, parenchyma and noise",
    "wall_mm": "wall's thickness",
    "septa_hu": "septa above body",
    "core_hu": "centre minus middle",
    "living_hu": "middle minus parenchyma",
    "bright_fraction": "bright (calcified) fraction",
    "calcium_mm": "largest calcification",
    "diameter_mm": "diameter",
    "volume_ml": "volume",
    "noise_inside_hu": "noise inside",
    "noise_outside_hu": "noise outside",
    "fat_fraction": "fat's share of the inside",
    "gas_fraction": "gas' share",
    "level_hu": "posterior quarter minus anterior",
    "nodule_hu": "brightest nodule minus median",
    "globules_hu": "periphery more varied than centre by",
    "target_hu": "brightest ring minus both sides",
    "scar_hu": "centre minus what is around it",
    "fluid_hu": "darkest fifth (a cyst's fluid)",
    "lobulation_mm": "outline's coarse lobes (SD)",
    "spiculation_mm": "outline's fine spicules (SD)",
}


def measure(
    healthy: Annotated[Path, typer.Argument(metavar="HEALTHY", help="The scan before.")],
    synthetic: Annotated[Path, typer.Argument(metavar="SYNTHETIC", help="The scan with the lesion.")],
    mask: Annotated[Path, typer.Option("--mask", metavar="FILE", help="Where the lesion is.")],
    resample_mask: common.ResampleMask = False,
    replace: common.Replace = False,
    label: common.Label = None,
    organ_mask: common.OrganMask = None,
    assume_hu: common.AssumeHu = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure a lesion against the healthy scan.

    Contrast, texture, margin, rim, calcification, size and noise, in HU and mm, of each lesion of the mask. With
    --replace, HEALTHY may hold the lesion (both may be one scan): what was there before is then judged around it.
    """
    lesions = measured(healthy, synthetic, mask, resample_mask, replace, label, assume_hu, organ_mask)
    if as_json:
        typer.echo(outputs.to_json({"lesions": lesions}))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for index in range(1, len(lesions) + 1):
        table.add_column(f"lesion {index}" if len(lesions) > 1 else "lesion", justify="right", no_wrap=True)
    table.add_column("unit")
    for name in lesions[0]:
        values = [lesion[name] for lesion in lesions]
        cells = ["-" if value is None or value != value else number(value) for value in values]
        table.add_row(MEANINGS[name], *cells, UNITS.get(name.rpartition("_")[2], ""))
    Console().print(table)


def measured(
    healthy: Path,
    synthetic: Path,
    mask: Path,
    resample_mask: bool = False,
    replace: bool = False,
    label: str | int | None = None,
    assume_hu: bool = False,
    organ_mask: Path | None = None,
) -> list[dict[str, Any]]:
    """The attributes of each lesion of a mask.

    Raises:
        InputError: A scan or the mask is bad, or the scans lie on different grids.
    """
    import numpy as np

    from TextoMorphLib.io.masks import read_mask
    from TextoMorphLib.io.volume import Volume, check_ct
    from TextoMorphLib.measurement.attributes import measure_in
    from TextoMorphLib.measurement.surroundings import Surroundings
    from TextoMorphLib.spatial import healing, lying
    from TextoMorphLib.spatial.own_range import own_range
    from TextoMorphLib.spatial.region import regions, resampled
    from TextoMorphLib.spatial.scan_edges import going_on

    before, where = common.read_scan(healthy, mask, resample_mask, label, assume_hu, replace=replace)
    after = before
    if not synthetic.exists() or not synthetic.samefile(healthy):
        after = Volume.read(synthetic)
        check_ct(after, assume_hu)
    if before.shape != after.shape or not np.allclose(before.affine, after.affine, atol=1e-3):
        differs = f"{after.shape} voxels, not {before.shape}" if before.shape != after.shape else "it lies elsewhere"
        raise InputError(f"{synthetic} is not on the grid of {healthy}: {differs}")
    organ = None
    if organ_mask is not None:
        organ = read_mask(organ_mask, before, resample=resample_mask, choose=ORGAN_ALONE)
    if not replace:
        _doubt_pair(before, after, where)
    if replace:
        before = healing.healed(before, where, within=organ)
    limits = own_range(before)
    return [
        dataclasses.asdict(measure_in(Surroundings.of(place), now, _kept(place, now)))
        for found in regions(lying.known(before), where, within=organ)
        for place in (dataclasses.replace(going_on(before, found), limits=limits),)
        for now in (resampled(after, place),)
    ]


def _doubt_pair(before: Volume, after: Volume, where: np.ndarray[Any, Any]) -> None:
    """Tells of two scans of which one does not seem to be the other with a lesion in the mask."""
    import numpy as np

    from TextoMorphLib.spatial.geometry import grow, tight_box
    from TextoMorphLib.spatial.tissue import UNKNOWN_HU

    everywhere = (slice(None),) * 3
    first, second = before.hu(everywhere), after.hu(everywhere)
    changed = (np.abs(second - first) > 0) & (first > UNKNOWN_HU) & (second > UNKNOWN_HU)
    away = np.ones(before.shape, bool)
    away[grow(tight_box(where), np.ceil(BESIDE_MM / before.spacing), before.shape)] = False
    if not changed[where].any():
        doubt("nothing differs between the two scans inside the mask: for a lesion that both hold, use --replace")
    elif away.any() and (share := float(changed[away].mean())) > ELSEWHERE:
        doubt(
            f"the two scans differ in {share:.0%} of what lies outside the mask, too: "
            "is the second the first with a lesion, and not another scan?"
        )


def _kept(place: Region, now: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Fat, gas and bone under a mask in which nothing was drawn: each voxel's share."""
    from scipy import ndimage

    from TextoMorphLib.spatial.borders import beyond_organ

    unchanged = abs(ndimage.gaussian_filter(now - place.ct, 1.0)) < UNCHANGED_HU
    return beyond_organ(place) * unchanged


def number(value: float) -> str:
    """A measured value with as many decimals as mean something."""
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"
