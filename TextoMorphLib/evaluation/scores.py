"""What a prediction is worth on one case: read, matched, scored; plain numbers and names, ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.cases import ORGAN, Case, tumour_classes
from TextoMorphLib.errors import NAMED, Cancelled, InputError
from TextoMorphLib.evaluation.lesions import TOLERANCE_MM, Matching, dice, match, surface_dice
from TextoMorphLib.io import outputs
from TextoMorphLib.io.textfile import from_json
from TextoMorphLib.io.volume import Volume

# Of the FROC curve: fine at both ends, where segmenters that are too sure, or not at all, have what tells them apart.
THRESHOLDS = (0.01, 0.02, 0.03, 0.05, 0.075, *(n / 20 for n in range(2, 20)), 0.97, 0.98, 0.99)
PROBABILITY = "_probability"


@dataclass(frozen=True)
class CaseScore:
    """A case's scores.

    Attributes:
        id: The case's.
        patient: Whose it is.
        organ: In which the tumours are.
        fold: In which it was tested.
        age: In years.
        sex: As written.
        healthy: Whether the reference has no tumour.
        called: Whether any tumour is predicted.
        dsc: Of all tumour voxels.
        nsd: Of all tumour voxels' surfaces; not a number where it is left out.
        lesions: Number, class, diameter_mm, voxels, small, found, found_iou, iou, and the class predicted for it (None
            where it is missed).
        components: Number, class, diameter_mm, voxels, false, overlap in voxels, and the numbers of the lesions that it
            touches.
        by_class: DSC and NSD of each class, where there are several.
        froc: At each threshold of the probability: whether each of `lesions` is found (`found`, `found_iou`), and how
            many false positives there are (`false`); empty without a probability map.
        only_organ: Whether the prediction holds values, and all of them mean the organ.
        swapped: Whether what is called organ lies where the tumours are, and what is called tumour does not.
    """

    id: str
    patient: str
    organ: str
    fold: int | None
    age: float | None
    sex: str | None
    healthy: bool
    called: bool
    dsc: float
    nsd: float
    lesions: list[dict[str, Any]]
    components: list[dict[str, Any]]
    by_class: dict[str, dict[str, float]]
    froc: list[dict[str, Any]]
    only_organ: bool = False
    swapped: bool = False

    @property
    def counted(self) -> list[dict[str, Any]]:
        """The reference's lesions without the small ones."""
        return [lesion for lesion in self.lesions if not lesion["small"]]

    def at(self, threshold: int) -> CaseScore:
        """With the lesions that are found at a threshold of the probability, given by its number in `THRESHOLDS`."""
        point = self.froc[threshold]
        flags = zip(self.lesions, point["found"], point["found_iou"], strict=True)
        return replace(self, lesions=[{**lesion, "found": one, "found_iou": two} for lesion, one, two in flags])

    @property
    def false_positives(self) -> int:
        """Predicted components that touch no lesion."""
        return sum(component["false"] for component in self.components)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {name: value for name, value in asdict(self).items() if name not in ("froc", "only_organ", "swapped")}


def prediction_of(case: Case, folder: Path, ending: str = "") -> Path | None:
    """Where the prediction of a case lies in a folder: `ID.nii.gz` or another format; None if nowhere.

    Raises:
        InputError: There are several.
    """
    paths = [folder / f"{case.id}{ending}{suffix}" for suffix in outputs.IMAGE_SUFFIXES]
    found = [path for path in paths if path.is_file()]
    if len(found) > 1:
        raise InputError(f"{found[0]} and {found[1].name} are both of {case.id}; keep the one that counts")
    return found[0] if found else None


def to_score(cases: Sequence[Case], folders: Sequence[Path], fold: int | None = None, maps: bool = False) -> list[Case]:
    """The cases that can be scored.

    Args:
        cases: Of one file.
        folders: Of predictions; each must hold one for every case.
        fold: Only the cases of this fold.
        maps: Whether each folder must hold the tumour's probability of every case, too.

    Raises:
        InputError: A folder, a prediction or a probability is missing, a folder is named twice, or nothing is left.
    """
    wanted = [case for case in cases if case.annotated and (fold is None or case.fold == fold)]
    if fold is not None and all(case.fold != fold for case in cases):
        folds = ", ".join(map(str, sorted({case.fold for case in cases if case.fold is not None})))
        raise InputError(
            f"no case is of fold {fold}; " + (f"there are {folds}" if folds else "the cases have no folds")
        )
    if not wanted:
        raise InputError("no case is left to score: none says where its tumours are")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError(
            f"{folders[-1]} would be compared with itself; name the folder of another method's predictions"
        )
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"no such folder of predictions: {folder}")
        if missing := [case.id for case in wanted if prediction_of(case, folder) is None]:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise InputError(
                f"no prediction of {missing[0]}{more} in {folder}; it would be called {missing[0]}.nii.gz"
                + ("" if fold is not None else ", or score one fold alone with --fold")
            )
        if maps and (lacking := [case.id for case in wanted if prediction_of(case, folder, PROBABILITY) is None]):
            raise InputError(
                f"--false-alarms needs probabilities, and {folder} has none of {lacking[0]}; segment with --probability"
            )
    return wanted


def score(
    cases: Sequence[Case],
    folder: Path,
    tolerance_mm: float | None = TOLERANCE_MM,
    values: Mapping[str, tuple[int, ...]] | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Iterator[CaseScore]:
    """Scores predictions.

    Args:
        cases: As `to_score` returns them.
        folder: Holds `ID.nii.gz` for each, and `ID_probability.nii.gz` where there is to be a FROC curve.
        tolerance_mm: Of the NSD; None leaves it out, which takes most of the time.
        values: What the numbers of the predictions mean; else what `ID.json` says, or the case's own values.
        progress: Called with (cases done, cases in all); may return False to cancel.

    Raises:
        InputError: A file cannot be read, is on another grid, or holds numbers without a meaning.
        Cancelled: `progress` returned False.
    """
    classes = tumour_classes(cases)
    usual = usual_values(cases)
    for number, case in enumerate(cases):
        if progress is not None and progress(number, len(cases)) is False:
            raise Cancelled("cancelled")
        yield _score(case, folder, classes, tolerance_mm, values, usual)


def usual_values(cases: Sequence[Case]) -> Mapping[str, tuple[int, ...]]:
    """What numbers mean in predictions that do not say: as in the first case with a label map, or 1 organ, 2 tumour."""
    known = next((case.values for case in cases if case.values), None)
    return known or {ORGAN: (1,), **{name: (2 + at,) for at, name in enumerate(tumour_classes(cases))}}


def read_both(
    case: Case,
    folder: Path,
    classes: tuple[str, ...],
    values: Mapping[str, tuple[int, ...]] | None = None,
    usual: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[Volume, np.ndarray, np.ndarray, tuple[bool, bool]]:
    """A case's scan, and its tumours as they are and as they were predicted: 0, or the class's place from 1.

    Args:
        case: With a prediction in the folder.
        folder: Of predictions.
        classes: The tumour classes of all cases.
        values: What the prediction's numbers mean; else what `ID.json` says, the case's own values, or the usual ones.
        usual: See `values`.

    Returns:
        The scan, uint8 arrays of its shape, and `only_organ` and `swapped` of `CaseScore`.
    """
    path = prediction_of(case, folder)
    assert path is not None
    ct = Volume.read(case.ct)
    answer = Case(case.id, path, case.organ, label=path, values=meaning(case, path, values, usual))
    reference, predicted = case.targets(ct, classes), answer.targets(ct, classes)
    only_organ = bool((predicted == 1).any() and not (predicted > 1).any())
    tumours = reference > 1
    swapped = bool(tumours.any() and dice(predicted == 1, tumours) > max(0.5, dice(predicted > 1, tumours)))
    reference, predicted = (np.where(each > 1, each - 1, 0).astype(np.uint8) for each in (reference, predicted))
    return ct, reference, predicted, (only_organ, swapped)


def meaning(
    case: Case,
    prediction: Path,
    values: Mapping[str, tuple[int, ...]] | None,
    usual: Mapping[str, tuple[int, ...]] | None,
) -> Mapping[str, tuple[int, ...]]:
    """What the numbers of a case's prediction mean; see `read_both`."""
    return values or _told(prediction) or case.values or usual or {}


def _score(
    case: Case,
    folder: Path,
    classes: tuple[str, ...],
    tolerance_mm: float | None,
    values: Mapping[str, tuple[int, ...]] | None,
    usual: Mapping[str, tuple[int, ...]],
) -> CaseScore:
    ct, reference, predicted, (only_organ, swapped) = read_both(case, folder, classes, values, usual)
    found = match(reference, predicted, ct.spacing)
    return CaseScore(
        **{name: getattr(case, name) for name in ("id", "patient", "organ", "fold", "age", "sex")},
        healthy=not reference.any(),
        called=bool(predicted.any()),
        dsc=dice(reference > 0, predicted > 0),
        nsd=_nsd(reference > 0, predicted > 0, ct, tolerance_mm),
        lesions=_lesions(found, classes),
        components=[
            {
                "number": each.number,
                "class": classes[each.value - 1],
                "diameter_mm": each.diameter_mm,
                "voxels": each.voxels,
                "overlap": each.overlap,
                "lesions": list(each.lesions),
                "false": each.false,
            }
            for each in found.components
        ],
        by_class=_by_class(reference, predicted, classes, ct, tolerance_mm) if len(classes) > 1 else {},
        froc=_froc(case, folder, reference, ct),
        only_organ=only_organ,
        swapped=swapped,
    )


def told_of_swapped(ids: Sequence[str], count: int, folder: Path) -> str:
    """What to say where `ids` of `count` cases' predictions seem to name organ and tumour the other way round."""
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return (
        f"{', '.join(ids[:NAMED])}{more} ({len(ids)} of {count}) in {folder}: what is called organ lies where the "
        "tumours are; if the numbers mean other things there, say so, such as --values organ=2,tumour=1"
    )


def _told(prediction: Path) -> dict[str, tuple[int, ...]]:
    """What the report beside a prediction says of its numbers; nothing where none of ours lies there."""
    path = outputs.report_path(prediction)
    try:
        report = from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(report, dict) or "values" not in report:
        return {}
    try:
        return {str(name): tuple(int(number) for number in numbers) for name, numbers in report["values"].items()}
    except (ValueError, TypeError, AttributeError):
        raise InputError(f'{path}: its "values" do not say what the numbers of {prediction.name} mean') from None


def _lesions(found: Matching, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    of = {component.number: component for component in found.components}
    rows = []
    for lesion in found.lesions:
        # Where several components touch it, the largest says what it is.
        largest = max((of[number] for number in lesion.components), key=lambda each: each.voxels, default=None)
        rows.append(
            {
                "number": lesion.number,
                "class": classes[lesion.value - 1],
                "diameter_mm": lesion.diameter_mm,
                "voxels": lesion.voxels,
                "small": lesion.small,
                "found": lesion.found,
                "found_iou": lesion.found_iou,
                "iou": lesion.iou,
                "predicted_class": classes[largest.value - 1] if largest else None,
            }
        )
    return rows


def _by_class(
    reference: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...], ct: Volume, tolerance_mm: float | None
) -> dict[str, dict[str, float]]:
    scores = {}
    for value, name in enumerate(classes, start=1):
        one, other = reference == value, predicted == value
        scores[name] = {"dsc": dice(one, other), "nsd": _nsd(one, other, ct, tolerance_mm)}
    return scores


def _nsd(reference: np.ndarray, predicted: np.ndarray, ct: Volume, tolerance_mm: float | None) -> float:
    return np.nan if tolerance_mm is None else surface_dice(reference, predicted, ct.spacing, tolerance_mm)


def _froc(case: Case, folder: Path, reference: np.ndarray, ct: Volume) -> list[dict[str, Any]]:
    """Lesions found and false positives at each threshold."""
    path = prediction_of(case, folder, PROBABILITY)
    if path is None:
        return []
    volume = Volume.read(path)
    if volume.shape != ct.shape or not np.allclose(volume.affine, ct.affine, atol=1e-3):
        raise InputError(f"{path} is on another grid than {case.ct}")
    probability = volume.hu()
    if not (probability.min() >= 0 and probability.max() <= 1.001):  # so NaN is none, either
        raise InputError(f"{path} holds values from {probability.min():g} to {probability.max():g}, not 0 to 1")
    points = []
    for threshold in THRESHOLDS:
        found = match(reference, probability >= threshold, ct.spacing)
        flags = {rule: [getattr(lesion, rule) for lesion in found.lesions] for rule in ("found", "found_iou")}
        points.append({**flags, "false": len(found.false_positives)})
    return points
