"""Scans with a mask for each organ, as AbdomenAtlas and TotalSegmentator keep them: a folder a case.

CASE/ct.nii.gz and CASE/segmentations/NAME.nii.gz; names of both data sets are known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from TextoMorphLib.errors import InputError
from TextoMorphLib.text.organs import ORGANS

CT, MASKS, END = "ct.nii.gz", "segmentations", ".nii.gz"
SIDES = ("", "s", "_left", "_right")
# What is no healthy organ: lesions by AbdomenAtlas, cysts by TotalSegmentator.
LESIONS = re.compile(r"lesion|tumou?r|cyst|metasta|pdac|pnet")
VESSELS = re.compile(r"aorta|vena|vein|vessel|artery|postcava|celiac|mesenteric")


@dataclass(frozen=True)
class OrganScan:
    """A case.

    Attributes:
        name: Its folder's.
        ct: The scan.
        masks: All masks, by name.
    """

    name: str
    ct: Path
    masks: dict[str, Path]

    def organ(self, organ: str) -> list[Path]:
        """The masks that make up an organ: both kidneys."""
        return [self.masks[organ + side] for side in SIDES if organ + side in self.masks]

    def lesions(self) -> list[Path]:
        """The masks of what is no healthy tissue."""
        return [path for name, path in self.masks.items() if LESIONS.search(name)]

    def others(self, organ: str, which: str) -> list[Path]:
        """The masks of what lesions are kept away from.

        Args:
            organ: The organ that they go in.
            which: "all" that is not the organ; or "vessels".
        """
        own = set(self.organ(organ))
        return [
            path
            for name, path in self.masks.items()
            if path not in own
            and not LESIONS.search(name)
            and not name.startswith(f"{organ}_")  # a part of it, such as pancreas_head or a liver segment
            and (which == "all" or VESSELS.search(name))
        ]


def scans(folder: Path, organs: tuple[str, ...]) -> list[OrganScan]:
    """The cases of a folder that have one of the organs.

    Raises:
        InputError: There are none; why.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give the one that holds a folder for each case")
    if unknown := [organ for organ in organs if organ not in ORGANS]:
        raise InputError(f"unknown organ '{unknown[0]}'; use some of: {', '.join(ORGANS)}")
    found = [_scan(path) for path in sorted(folder.iterdir()) if (path / CT).is_file()]
    with_organ = [scan for scan in found if any(scan.organ(organ) for organ in organs)]
    if not with_organ:
        seen = f"{len(found)} with a {CT}, none with {MASKS}/{organs[0]}{END}" if found else f"none with a {CT}"
        raise InputError(f"{folder} holds no case of that kind ({seen}); a case is a folder with both")
    return with_organ


def _scan(folder: Path) -> OrganScan:
    masks = sorted((folder / MASKS).glob(f"*{END}"))
    return OrganScan(folder.name, folder / CT, {path.name[: -len(END)]: path for path in masks})
