"""Cases for nnU-Net 2: its raw format, with folds, and a bank of synthetic tumours for the trainer that ships here.

nnU-Net lives in an environment of its own (`pip install nnunetv2`). Its planning, preprocessing and inference stay as
they are; the trainer `nnUNetTrainerTextoMorph`, which it finds through the variable `nnUNet_extTrainer`, shows ready
patches of the bank in place of a share of the training cases.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from TextoMorphLib.cases import ORGAN, Case, tumour_classes
from TextoMorphLib.cases.folds import check_patients
from TextoMorphLib.errors import Cancelled, InputError, doubt
from TextoMorphLib.io.volume import Volume

TRAINERS = Path(__file__).with_name("nnunet_trainer")
ENDING = ".nii.gz"


def export(
    cases: Sequence[Case],
    raw: Path,
    number: int,
    progress: Callable[[int, int], Any] | None = None,
) -> Path:
    """Writes a data set as nnU-Net wants it.

    Labels are 0 background, 1 organ, 2 and above the tumour classes. Folds become `splits_final.json`, to be copied
    beside the preprocessed data; cases without one are trained on in all of them.

    Args:
        cases: With a label map, or healthy with an organ mask.
        raw: nnU-Net's folder `nnUNet_raw`.
        number: Of the data set, 1 to 999.
        progress: Called with (cases done, cases in all); may return False to cancel.

    Returns:
        The data set's folder.

    Raises:
        InputError: It exists, a case cannot be used, there are several organs, or a patient is in two folds.
        Cancelled: `progress` returned False; nothing is left.
    """
    usable = _usable(cases, number)
    classes, organ = tumour_classes(usable), usable[0].organ
    folder = raw / f"Dataset{number:03d}_{''.join(filter(str.isalnum, organ)).capitalize()}Tumours"
    if folder.exists():
        raise InputError(f"{folder} exists already; choose another number")
    beside, made_raw = raw / f".{os.getpid()}-{folder.name}", not raw.exists()
    try:
        for part in ("imagesTr", "labelsTr"):
            (beside / part).mkdir(parents=True)
        for done, case in enumerate(usable):
            if progress is not None and progress(done, len(usable)) is False:
                raise Cancelled("cancelled")
            _write(case, classes, beside)
        told = {
            "channel_names": {"0": "CT"},
            "labels": {"background": 0, ORGAN: 1, **{name: 2 + at for at, name in enumerate(classes)}},
            "numTraining": len(usable),
            "file_ending": ENDING,
        }
        (beside / "dataset.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        if splits := _splits(usable):
            (beside / "splits_final.json").write_text(json.dumps(splits, indent=2) + "\n", encoding="utf-8")
        os.replace(beside, folder)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if made_raw and not folder.exists():
            with suppress(OSError):  # another export may be there by now
                raw.rmdir()
    return folder


def _usable(cases: Sequence[Case], number: int) -> list[Case]:
    """The cases of which a data set can be made."""
    usable = [case for case in cases if case.annotated and (case.label or case.organ_mask)]
    if not usable:
        raise InputError("no case says where organ and tumours are")
    if not 1 <= number <= 999:
        raise InputError(f"{number} is no number of a data set; use 1 to 999")
    check_patients(usable)
    if len(organs := sorted({case.organ for case in usable})) > 1:
        raise InputError(f"the cases are of several organs ({', '.join(organs)}); export a data set of each")
    if left := len(cases) - len(usable):
        doubt(f"{left} of {len(cases)} cases are left out: nothing says where their organ and tumours are")
    return usable


def _write(case: Case, classes: Sequence[str], folder: Path) -> None:
    try:
        volume = Volume.read(case.ct)
        labels = case.targets(volume, classes)
    except InputError as error:
        raise InputError(f"case {case.id}: {error}") from error
    image = folder / "imagesTr" / f"{case.id}_0000{ENDING}"
    if case.ct.name.endswith(ENDING):
        shutil.copyfile(case.ct, image)
    else:
        volume.write(image)
    Volume.from_array(labels, volume.affine).write(folder / "labelsTr" / f"{case.id}{ENDING}")


def _splits(cases: Sequence[Case]) -> list[dict[str, list[str]]]:
    folds = sorted({case.fold for case in cases if case.fold is not None})
    return [
        {
            "train": sorted(case.id for case in cases if case.fold != fold),
            "val": sorted(case.id for case in cases if case.fold == fold),
        }
        for fold in folds
    ]
