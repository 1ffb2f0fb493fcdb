"""A case: a scan, what is known of it, and a file with one case a line (cases.jsonl).

Paths in the file are relative to it. Example lines:

    {"id": "liver_12", "ct": "ct/liver_12.nii.gz", "organ": "liver", "label": "label/liver_12.nii.gz",
     "values": {"organ": [1], "tumour": [2]}, "patient": "12", "texts": ["..."], "fold": 0, "age": 61, "sex": "F"}
    {"id": "h7", "ct": "h7/ct.nii.gz", "organ": "kidney", "organ_mask": ["h7/left.nii.gz", "h7/right.nii.gz"],
     "healthy": true}
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from TextoMorphLib.errors import OF_CASE, InputError
from TextoMorphLib.io import contents, outputs
from TextoMorphLib.io.textfile import from_json, read_text

if TYPE_CHECKING:
    import numpy as np

    from TextoMorphLib.io.volume import Volume

ORGAN, TUMOUR = "organ", "tumour"
OLDEST = 130  # years
LONGEST_ID = 200  # bytes; what is written of a case is called ID and more, and a file's name has 255 at most
KNOWN = (
    "id",
    "ct",
    "organ",
    "patient",
    "label",
    "values",
    "organ_mask",
    "healthy",
    "texts",
    "lesion_texts",
    "report",
    "fold",
    "age",
    "sex",
)


@dataclass(frozen=True)
class Case:
    """One scan.

    Attributes:
        id: Its name, unique in its file; what is predicted for it is called `ID.nii.gz`.
        ct: The scan, in any format that `Volume.read` takes.
        organ: The organ that matters, such as liver.
        patient: Whose scan it is; folds never part the scans of one patient.
        label: A label map on the scan's grid.
        values: What the label map's numbers mean: "organ", and "tumour" or the names of several tumour classes.
        organ_mask: Masks of the organ, for scans without a label map that holds it.
        healthy: Known to be without a tumour.
        texts: Descriptions of the case's tumour.
        lesion_texts: Descriptions by lesion: number of the 26-connected component (from 1, in the order in which the
            label map meets them) to texts.
        report: A file with the radiology report.
        fold: Number of the fold in which it is tested.
        age: In years.
        sex: "F", "M", or what else is written.
    """

    id: str
    ct: Path
    organ: str
    patient: str = ""
    label: Path | None = None
    values: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    organ_mask: tuple[Path, ...] = ()
    healthy: bool = False
    texts: tuple[str, ...] = ()
    lesion_texts: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    report: Path | None = None
    fold: int | None = None
    age: float | None = None
    sex: str | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the tumour classes that its label map knows."""
        return tuple(name for name in self.values if name != ORGAN)

    @property
    def annotated(self) -> bool:
        """Whether it is known where tumours are: from a label map, or because there are none."""
        return self.healthy or bool(self.label and self.classes)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that belongs to it."""
        return tuple(path for path in (self.ct, self.label, *self.organ_mask, self.report) if path)

    def looks(self) -> list[list[Any]]:
        """Name, size and time of each of its files, so that what was made of it is made again where one has changed.

        Raises:
            InputError: One of them is not there.
        """
        if missing := [path for path in self.files if not path.exists()]:
            raise InputError(f"case {self.id}: {missing[0]} does not exist")
        return contents.looks(self.files)

    def with_fold(self, fold: int) -> Case:
        """The same case in a fold."""
        return replace(self, fold=fold)

    def targets(self, ct: Volume, classes: Sequence[str] = ()) -> np.ndarray[Any, Any]:
        """What is where, in the numbers that networks and evaluation use.

        Args:
            ct: The case's scan, which has been read.
            classes: The tumour classes in order; the case's own if empty.

        Returns:
            uint8, the scan's shape: 0 elsewhere, 1 organ, 2 the first tumour class, 3 the second, and so on.

        Raises:
            InputError: A file is missing or on another grid, the label map holds a number that `values` does not
                explain, or a class that is not among `classes`.
        """
        import numpy as np

        from TextoMorphLib.io.masks import read_labels, read_mask

        classes = classes or self.classes or (TUMOUR,)
        found = np.zeros(ct.shape, np.uint8)
        for mask in self.organ_mask:
            found[read_mask(mask, ct, choose=OF_CASE)] = 1
        if self.label:
            labels = read_labels(self.label, ct)
            self._check_numbers(labels)
            for name, numbers in self.values.items():
                if name != ORGAN and name not in classes:
                    raise InputError(f"case {self.id} has tumours of class '{name}'; known are {', '.join(classes)}")
                found[np.isin(labels, numbers)] = 1 if name == ORGAN else 2 + classes.index(name)
        if self.healthy and (found > 1).any():
            raise InputError(f"case {self.id} is called healthy, and its label map holds a tumour")
        return found

    def _check_numbers(self, labels: np.ndarray[Any, Any]) -> None:
        import numpy as np

        known = {0, *(number for numbers in self.values.values() for number in numbers)}
        if unknown := sorted(set(np.unique(labels).tolist()) - known):
            raise InputError(
                f"{self.label} holds the value{'s' if len(unknown) > 1 else ''} {', '.join(map(str, unknown))}, "
                'which "values" does not explain; add what it means'
            )

    @classmethod
    def parse(cls, given: Any, folder: Path = Path()) -> Case:
        """The case that an object of the file describes.

        Args:
            given: What the line's JSON says.
            folder: Where its relative paths start.

        Raises:
            InputError: What is wrong with it.
        """
        if not isinstance(given, Mapping):
            raise InputError('not a JSON object; write {"id": ..., "ct": ..., "organ": ...}')
        if missing := [name for name in ("id", "ct", "organ") if not given.get(name)]:
            raise InputError(f"{', '.join(missing)} left out")
        if unknown := [name for name in given if name not in KNOWN]:
            raise InputError(f"unknown {', '.join(unknown)}; known are {', '.join(KNOWN)}")
        for name in ("id", "ct", "organ", "label", "report", "sex"):
            if not isinstance(given.get(name), str | None):
                raise InputError(f"{name} must be a string, not {json.dumps(given[name])}")
        _check_id(given["id"])
        if not given["organ"].strip():
            raise InputError("organ is blank")
        if not isinstance(given.get("patient"), str | int | None) or isinstance(given.get("patient"), bool):
            raise InputError(f"patient must be a string, not {json.dumps(given['patient'])}")
        case = cls(
            id=given["id"],
            ct=folder / given["ct"],
            organ=given["organ"],
            patient=_patient(given.get("patient")) or given["id"],
            label=folder / given["label"] if given.get("label") else None,
            values=_values(given.get("values") or {}),
            organ_mask=tuple(folder / mask for mask in _strings("organ_mask", given.get("organ_mask"))),
            healthy=_flag("healthy", given.get("healthy", False)),
            texts=_strings("texts", given.get("texts")),
            lesion_texts=_lesion_texts(given.get("lesion_texts") or {}),
            report=folder / given["report"] if given.get("report") else None,
            fold=_number("fold", given.get("fold"), whole=True),
            age=_number("age", given.get("age"), most=OLDEST),
            sex=given.get("sex"),
        )
        if case.label and not case.values:
            raise InputError('label without "values"; say what its numbers mean, such as {"organ": [1], "tumour": [2]}')
        return case

    def line(self, folder: Path) -> dict[str, Any]:
        """What stands in a file in `folder`; what is not known is left out."""

        def relative(path: Path | None) -> str | None:
            return None if path is None else Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()

        every = {
            "id": self.id,
            "ct": relative(self.ct),
            "organ": self.organ,
            "patient": self.patient,
            "label": relative(self.label),
            "values": {name: list(numbers) for name, numbers in self.values.items()},
            "organ_mask": [relative(mask) for mask in self.organ_mask],
            "healthy": self.healthy,
            "texts": list(self.texts),
            "lesion_texts": {str(number): list(texts) for number, texts in self.lesion_texts.items()},
            "report": relative(self.report),
            "fold": self.fold,
            "age": self.age,
            "sex": self.sex,
        }
        return {name: value for name, value in every.items() if value is not False and value not in (None, [], {})}


def read_cases(path: Path) -> list[Case]:
    """The cases of a cases.jsonl; their scans are not looked at.

    Raises:
        InputError: The first line that is wrong, with its number; nothing in the file; an id that stands twice.
    """
    cases: dict[str, Case] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            case = Case.parse(from_json(line), path.parent)
            if case.id in cases:
                raise InputError(f"the id '{case.id}' stands there twice")
        except json.JSONDecodeError as error:
            raise InputError(f"{path} line {number}: not JSON: {error.msg} at column {error.colno}") from error
        except InputError as error:
            raise InputError(f"{path} line {number}: {error}") from error
        cases[case.id] = case
    if not cases:
        raise InputError(f"{path} holds no case; write one a line, or make it with textomorph cases import")
    return list(cases.values())


def write_cases(cases: Iterable[Case], path: Path) -> None:
    """Writes a cases.jsonl, whole or not at all; paths become relative to it.

    Raises:
        InputError: A case says what no line of the file may, such as an age in words.
    """
    lines = [case.line(path.parent) for case in cases]
    for line in lines:
        try:
            Case.parse(line)
        except InputError as error:  # of what came from somebody's data set: else nobody could read the file
            raise InputError(f"case {line['id']}: {error}") from error
    outputs.write_bytes(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())


def tumour_classes(cases: Iterable[Case]) -> tuple[str, ...]:
    """The names of the tumour classes of all cases, in the order of their first appearance; "tumour" for none."""
    return tuple(dict.fromkeys(name for case in cases for name in case.classes)) or (TUMOUR,)


def _check_id(name: str) -> None:
    """Refuses an id that no file can be named after."""
    if set(name) & set("/\\") or name.startswith("."):
        raise InputError(f"the id '{name}' holds a slash, or starts with a dot; files are named after it")
    if not name.isprintable() or name != name.strip():
        raise InputError(f"the id {name!r} holds a line break, or a blank at an end; files are named after it")
    if len(os.fsencode(name)) > LONGEST_ID:
        raise InputError(f"the id {name[:40]}... is longer than {LONGEST_ID} bytes; files are named after it")


def _patient(given: str | int | None) -> str:
    """Whose scan it is, number 0 and blanks around it no matter; empty where that is not said."""
    return "" if given is None else str(given).strip()


def _values(given: Any) -> dict[str, tuple[int, ...]]:
    if not isinstance(given, Mapping):
        raise InputError('"values" must be an object such as {"organ": [1], "tumour": [2]}')
    found = {str(name): tuple(numbers if isinstance(numbers, list) else [numbers]) for name, numbers in given.items()}
    every = [number for numbers in found.values() for number in numbers]
    if not all(isinstance(number, int) and not isinstance(number, bool) and number > 0 for number in every):
        raise InputError('the numbers in "values" must be whole and above 0; 0 is the background')
    if len(every) != len(set(every)):
        raise InputError('a number stands twice in "values"; each means one thing')
    return found


def _strings(name: str, given: Any) -> tuple[str, ...]:
    listed = [given] if isinstance(given, str) else (given or [])
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise InputError(f"{name} must be a string or a list of strings")
    return tuple(text for text in listed if text.strip())


def _lesion_texts(given: Any) -> dict[int, tuple[str, ...]]:
    if isinstance(given, list):
        given = dict(enumerate(given, start=1))
    if not isinstance(given, Mapping) or not all(str(number).isdecimal() and int(number) for number in given):
        raise InputError('lesion_texts must be an object such as {"1": ["hypoattenuating"]}, by number of component')
    return {int(number): _strings("lesion_texts", texts) for number, texts in given.items()}


def _flag(name: str, given: Any) -> bool:
    if not isinstance(given, bool):
        raise InputError(f"{name} must be true or false, not {json.dumps(given)}")
    return given


def _number(name: str, given: Any, whole: bool = False, most: int = 999_999) -> Any:
    if given is None:
        return None
    kind = int if whole else (int, float)
    if isinstance(given, bool) or not isinstance(given, kind) or not 0 <= given <= most:
        raise InputError(f"{name} must be a {'whole ' * whole}number from 0 to {most}, not {json.dumps(given)}")
    return given
