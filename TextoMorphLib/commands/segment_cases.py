"""`textomorph segment CASES.jsonl`: a prediction for each case, in a folder as `evaluate` takes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.commands import segment as one
from TextoMorphLib.errors import InputError, doubts_of_many, one_of_many
from TextoMorphLib.io import contents
from TextoMorphLib.io.atomic import making
from TextoMorphLib.version import __version__

if TYPE_CHECKING:
    import numpy as np

    from TextoMorphLib.cases import Case
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.segmentation.model import Segmenter

END = ".nii.gz"
OWN = "the case's own"  # organ, in the report


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
    if not output.resolve().parent.is_dir():
        raise InputError(f"cannot write {output}: the folder {output.parent} does not exist; make it first")
    segmenter = Segmenter.load(model, device)
    _check(chosen, segmenter, case_organ)
    todo = [case for case in chosen if overwrite or not _is_there(case, output, segmenter.sha256, how, case_organ)]
    with making(output), common.progress("segmenting cases") as step, doubts_of_many(len(todo)) as about:
        for done, case in enumerate(todo):
            step(done, len(todo))
            with about(case.id), one_of_many(f"case {case.id}", None):
                volume = Volume.read(case.ct, mapped=True)
                check_ct(volume)
                organ = _organ(case, volume) if case_organ else None
            place = output / f"{case.id}{END}"
            where = OWN if case_organ else None
            found, report = one.looked_at(segmenter, volume, organ, how, case.ct, where, lambda *_: True)
            report["inputs"] = contents.of(_inputs(case, case_organ), output)
            for note in report["notes"]:
                common.warn(f"case {case.id}: {note}")
            one.write(volume, found, report, place, one.probability_path(place) if how.probability else None)
    typer.echo(f"{len(todo)} cases segmented, {len(chosen) - len(todo)} were there already, in {output}")


def _check(cases: list[Case], segmenter: Segmenter, case_organ: bool) -> None:
    """Says what can be said of the cases before any of them is segmented."""
    organ = segmenter.config["organ"]
    for case in cases:
        if case.organ != organ:
            raise InputError(f"case {case.id} is of the {case.organ}, the model of the {organ}")
        masks = (case.label, *case.organ_mask) if case_organ else ()
        if case_organ and not any(masks):
            raise InputError(f"case {case.id}: nothing says where its {case.organ} is; leave --case-organ out")
        if missing := [path for path in (case.ct, *masks) if path and not path.exists()]:
            raise InputError(f"case {case.id}: {missing[0]} does not exist; check the name")


def _organ(case: Case, volume: Volume) -> np.ndarray[Any, Any]:
    organ: np.ndarray[Any, Any] = case.targets(volume) >= 1
    if not organ.any():
        raise InputError(f"nothing says where its {case.organ} is; leave --case-organ out")
    return organ


def _inputs(case: Case, case_organ: bool) -> list[Path]:
    """The files that decide a case's prediction."""
    masks = (case.label, *case.organ_mask) if case_organ else ()
    return [case.ct, *filter(None, masks)]


def _is_there(case: Case, folder: Path, model: str, how: one.How, case_organ: bool) -> bool:
    """Whether a case has a prediction of this model, whole, looked for in the same way in the same scan."""
    from TextoMorphLib.io import outputs

    place = folder / f"{case.id}{END}"
    if not place.exists():
        return False
    try:
        report = json.loads(outputs.report_path(place).read_text(encoding="utf-8"))
        made_by, request = report["model"]["sha256"], {**report["request"], "version": report["version"]}
    except (OSError, ValueError, KeyError, TypeError):
        report, made_by, request = {}, None, {}
    if made_by != model:
        raise InputError(f"{place} is no prediction of this model; choose another folder or add --overwrite")
    wanted = {**one.asked(how, OWN if case_organ else None), "version": __version__}
    other = [key for key, value in wanted.items() if request.get(key) != value]
    if other or (how.probability and not one.probability_path(place).exists()):
        said = f"with another {', '.join(other)}" if other else "without its probabilities"
        raise InputError(f"{place} was made {said}; choose another folder or add --overwrite")
    if changed := contents.changed(report.get("inputs"), contents.of(_inputs(case, case_organ), folder)):
        raise InputError(
            f"{', '.join(changed)} has changed since {place} was made; choose another folder or add --overwrite"
        )
    return outputs.is_whole(place)
