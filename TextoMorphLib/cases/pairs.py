"""Files of a folder: which mask is which CT's, told by their names; what a planned batch is found by."""

from __future__ import annotations

from pathlib import Path

from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs

JOBS = "jobs.jsonl"  # in a batch's folder: its jobs, one a line
MASKS = "masks"  # there, too: masks of lesions that were placed for it


def pairs(cts: Path, masks: Path) -> list[tuple[Path, Path]]:
    """Each CT of a folder with its masks: those with the longest name in common.

    Args:
        cts: Folder of the CTs: files, or a folder for each DICOM series; or the folder of one DICOM series.
        masks: Folder of their masks, named as the CT is: `case1.nii.gz` or `case1_mask.nii.gz` for `case1.nii.gz`
            or `case1_ct.nii.gz` or a DICOM series in `case1`. May be the CTs' own.

    Raises:
        InputError: A folder is missing or empty, or a CT has no mask.
    """
    scans, painted = _images(cts, series=True), _images(masks)
    if cts.resolve() == masks.resolve():  # what is named after another file is its mask
        scans = [scan for scan in scans if not any(_belongs(scan, other) for other in scans if other != scan)]
    owners: dict[Path, list[Path]] = {scan: [] for scan in scans}
    for mask in painted:
        fitting = [scan for scan in scans if _belongs(mask, scan) and mask.resolve() != scan.resolve()]
        if fitting:
            owners[max(fitting, key=lambda scan: len(_base(scan)))].append(mask)
    without = [scan for scan, found in owners.items() if not found]
    if without:
        more = f" and {len(without) - 1} more" if len(without) > 1 else ""
        raise InputError(
            f"no mask for {without[0].name}{more} in {masks}; "
            f"name it {_base(without[0])}_mask.nii.gz, or take out the CT"
        )
    return [(scan.resolve(), mask.resolve()) for scan, found in owners.items() for mask in found]


def _images(folder: Path, series: bool = False) -> list[Path]:
    """The image files in a folder; with `series`, the DICOM series in it, or the folder itself if it is one, too."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; choose the folder with the images")
    inside = sorted(folder.iterdir())
    found = [path for path in inside if path.is_file() and path.name.lower().endswith(outputs.IMAGE_SUFFIXES)]
    if series:
        found += [path for path in inside if _is_series(path)]
        found = found or ([folder] if _is_series(folder) else [])
    if not found:
        or_series = ", or are folders of DICOM series" if series else ""
        raise InputError(f"{folder} holds no images; they end in {', '.join(outputs.IMAGE_SUFFIXES)}{or_series}")
    return found


def _is_series(folder: Path) -> bool:
    from pydicom.misc import is_dicom

    return folder.is_dir() and any(path.is_file() and is_dicom(path) for path in folder.iterdir())


def _base(scan: Path) -> str:
    """A CT's name without its ending: `case1` for `case1_ct.nii.gz`."""
    return _stem(scan).removesuffix("_ct").removesuffix("-ct")


def _stem(path: Path) -> str:
    return path.name if path.is_dir() else path.name[: -len(outputs.suffix(path))]


def _belongs(mask: Path, scan: Path) -> bool:
    stem, base = _stem(mask), _base(scan)
    return stem == base or stem.startswith((f"{base}_", f"{base}-"))
