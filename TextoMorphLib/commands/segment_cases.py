"""`textomorph segment CASES.jsonl`: a prediction for each case, in a folder as `evaluate` takes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.commands import segment as one
from TextoMorphLib.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from TextoMorphLib.cases import Case
    from TextoMorphLib.io.volume import Volume

END = ".nii.gz"


def segment_cases(
    cases: Path,
    model: str,
    output: Path,
    how: one.How,
    fold: int | None,
    case_organ: bool,
    device: str,
    overwrite: bool,
) -> None:
    """Segments the cases that have no prediction yet.

    Args:
        cases: The cases.jsonl.
        model: A model of kind segmentation.
        output: Folder of the predictions; made if it is not there.
        how: How each scan is looked at.
        fold: Only the cases of this fold.
        case_organ: Keep to the organ that each case's own label map or masks show.
        device: Where the network runs.
        overwrite: Make predictions anew that are there.

    Raises:
        InputError: What is wrong with a case, or predictions of another model lie in the folder.
    """
    from TextoMorphLib.cases import read_cases
    from TextoMorphLib.io.volume import Volume, check_ct
    from TextoMorphLib.segmentation.model import Segmenter

    chosen = [case for case in read_cases(cases) if fold is None or case.fold == fold]
    if not chosen:
        raise InputError(f"{cases} has no case" + ("" if fold is None else f" of fold {fold}"))
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is no folder; name a folder for the predictions")
    segmenter = Segmenter.load(model, device)
    todo = [case for case in chosen if overwrite or not _is_there(case, output, segmenter.sha256)]
    output.mkdir(parents=True, exist_ok=True)
    with common.progress("segmenting cases") as step:
        for done, case in enumerate(todo):
            step(done, len(todo))
            volume = Volume.read(case.ct, mapped=True)
            try:
                check_ct(volume)
                organ = _organ(case, volume) if case_organ else None
            except InputError as error:
                raise InputError(f"case {case.id}: {error}") from None
            place = output / f"{case.id}{END}"
            where = "the case's own" if case_organ else None
            found, report = one.looked_at(segmenter, volume, organ, how, case.ct, where, lambda *_: True)
            one.write(volume, found, report, place, one.probability_path(place) if how.probability else None)
    typer.echo(f"{len(todo)} cases segmented, {len(chosen) - len(todo)} were there already, in {output}")


def _organ(case: Case, volume: Volume) -> np.ndarray[Any, Any]:
    organ: np.ndarray[Any, Any] = case.targets(volume) >= 1
    if not organ.any():
        raise InputError(f"nothing says where its {case.organ} is; leave --case-organ out")
    return organ


def _is_there(case: Case, folder: Path, model: str) -> bool:
    """Whether a case has a prediction of this model, whole."""
    from TextoMorphLib.io import outputs

    place = folder / f"{case.id}{END}"
    if not place.exists():
        return False
    try:
        made_by = json.loads(outputs.report_path(place).read_text(encoding="utf-8"))["model"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        made_by = None
    if made_by != model:
        raise InputError(f"{place} is no prediction of this model; choose another folder or add --overwrite")
    return outputs.is_whole(place)
