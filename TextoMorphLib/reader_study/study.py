"""A study: a folder with cases that say nothing of being real or synthetic, and one readable file that lists them.

```
STUDY/study.json              what is read, by whom, in which order
STUDY/cases/ID.nii            a scan's part around a lesion; int16 HU
STUDY/cases/ID-mask.nii       where the lesion is; uint8
STUDY/answers/READER.jsonl    what a reader answered
```

The key, which tells real from synthetic, lies elsewhere; its SHA-256 stands in study.json before anybody reads.
Nothing here needs more than Python's standard library, so that a reading starts at once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError

STUDY_FORMAT = "textomorph-vtt/1"
KEY_FORMAT = "textomorph-vtt-key/1"
FILE = "study.json"
SIZES = ("<20", "20-50", ">=50")  # mm, as in the paper
# What readers are asked, in the words that they see; terms and comment may be left out of a study.
QUESTIONS = {
    "call": "Is the outlined tumour real or synthetic?",
    "confidence": "How sure are you? 1 is a guess, 5 is certain.",
    "terms": "Which words fit what you see?",
    "comment": "Comment (optional)",
}
ALWAYS_ASKED = ("call", "confidence")
READER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_CASE_ID = re.compile(r"c[0-9a-f]{8}")


@dataclass(frozen=True)
class Case:
    """What a reader may know of a case.

    Attributes:
        id: Its name, which means nothing.
        organ: liver, pancreas or kidney.
        text: The description that real and synthetic tumours share.
        terms: Those of the description that the reader is asked about; "no " stands before a denied one.
        ct_sha256: Of its scan's file.
        mask_sha256: Of its mask's file.
    """

    id: str
    organ: str
    text: str
    terms: tuple[str, ...]
    ct_sha256: str
    mask_sha256: str


@dataclass(frozen=True)
class Study:
    """A study as it lies on disk.

    Attributes:
        folder: Where it lies.
        sha256: Of study.json, so that answers to another version of it are noticed.
        id: What its key and answers are recognised by.
        title: For people.
        window: Level and width of the window that a case opens with, HU.
        questions: What is asked, in the words that the readers see: `QUESTIONS`, or fewer of them.
        key_sha256: Of the key, told before the first answer.
        cases: By their ids.
        readers: The ids in the order in which each reader sees them; an id that comes twice is a repeat.
    """

    folder: Path
    sha256: str
    id: str
    title: str
    window: tuple[float, float]
    questions: Mapping[str, str]
    key_sha256: str
    cases: Mapping[str, Case] = field(repr=False)
    readers: Mapping[str, tuple[str, ...]] = field(repr=False)

    @classmethod
    def read(cls, folder: str | Path) -> Study:
        """Read and check `study.json`; `check_files` checks the rest.

        Raises:
            InputError: No study, or what is wrong with it.
        """
        folder = Path(folder)
        path = folder / FILE
        content, data = read_json(path, f"{folder} is no study")
        if data.get("format") != STUDY_FORMAT:
            raise InputError(f"{path} is no study of this version: its format must be '{STUDY_FORMAT}'")
        words = _get(path, data, "questions", dict)
        questions = {name: _get(path, words, name, str) for name in asked(words, path)}
        asks = "terms" in questions
        cases = {name: _case(path, name, entry, asks) for name, entry in _get(path, data, "cases", dict).items()}
        readers: dict[str, tuple[str, ...]] = {}
        for name, entry in _get(path, data, "readers", dict).items():
            check_reader_name(name)
            if any(name.lower() == other.lower() for other in readers):  # their files would be one on some systems
                raise InputError(f"{path}: two readers are called '{name}'; give each a name of their own")
            order = tuple(_get(path, _mapping(path, entry), "order", list))
            if unknown := [case for case in order if case not in cases]:
                raise InputError(f"{path}: reader {name} is to read {unknown[0]}, which is no case of the study")
            readers[name] = order
        if not cases or not readers:
            raise InputError(f"{path} has no cases or no readers")
        window = _get(path, data, "window", dict)
        return cls(
            folder,
            sha256(content),
            _get(path, data, "id", str),
            _get(path, data, "title", str),
            (float(_get(path, window, "level", (int, float))), float(_get(path, window, "width", (int, float)))),
            questions,
            _get(path, data, "key_sha256", str),
            cases,
            readers,
        )

    def reader(self, name: str) -> str:
        """A reader's name as the study spells it.

        Raises:
            InputError: No such reader.
        """
        for known in self.readers:
            if known.lower() == name.lower():
                return known
        raise InputError(f"the study has no reader '{name}'; its readers are {', '.join(self.readers)}")

    def files(self, case: str) -> tuple[Path, Path]:
        """A case's scan and mask, after a look at both: they are there, and nobody has changed them.

        Raises:
            InputError: One is missing or changed.
        """
        paths = case_paths(self.folder, case)
        for path, wanted in zip(paths, (self.cases[case].ct_sha256, self.cases[case].mask_sha256), strict=True):
            try:
                found = sha256(path.read_bytes())
            except OSError as error:
                raise InputError(f"{path} is missing or cannot be read; copy the study again, whole") from error
            if found != wanted:
                raise InputError(f"{path} has changed since the study was made; copy the study again, whole")
        return paths

    def check_files(self) -> None:
        """Hold every case's files against their checksums.

        Raises:
            InputError: The first that is missing or changed.
        """
        for case in self.cases:
            self.files(case)

    def read_key(self, path: Path | None = None) -> dict[str, Any]:
        """The key, after a look that it is the one that the study committed to.

        Args:
            path: Where it lies; beside the study's folder if None.

        Raises:
            InputError: No key, another study's, or a changed one.
        """
        path = path or key_path(self.folder)
        content, key = read_json(path, "the key is needed to score; give it with --key")
        if key.get("format") != KEY_FORMAT or key.get("study") != self.id:
            raise InputError(f"{path} is not the key of this study")
        if sha256(content) != self.key_sha256:
            raise InputError(f"{path} has changed since the study was made: its SHA-256 is not the one in {FILE}")
        return key


def key_path(folder: Path) -> Path:
    """Where `create` puts the key unless told otherwise: beside the study, never in it."""
    folder = folder.resolve()
    return folder.with_name(folder.name + "-key.json")


def case_paths(folder: Path, case: str) -> tuple[Path, Path]:
    """Where a case's scan and mask lie."""
    return folder / "cases" / f"{case}.nii", folder / "cases" / f"{case}-mask.nii"


def size_class(diameter_mm: float) -> str:
    """The paper's size classes: under 20 mm, 20 to under 50 mm, 50 mm and over."""
    return SIZES[0] if diameter_mm < 20 else SIZES[1] if diameter_mm < 50 else SIZES[2]


def asked(chosen: Iterable[str], source: str | Path = "--questions") -> dict[str, str]:
    """The questions of a study that has chosen these, in the words that readers see; call and confidence always.

    Args:
        chosen: Their names.
        source: Where they were chosen.

    Raises:
        InputError: One of them is no question.
    """
    chosen = set(chosen)
    if unknown := sorted(chosen - set(QUESTIONS)):
        raise InputError(f"{source}: unknown question '{unknown[0]}'; known are {', '.join(QUESTIONS)}")
    return {name: words for name, words in QUESTIONS.items() if name in ALWAYS_ASKED or name in chosen}


def check_reader_name(name: str) -> None:
    """Refuse names that are no good as file names.

    Raises:
        InputError: What names may look like.
    """
    if not isinstance(name, str) or not READER_NAME.fullmatch(name):
        raise InputError(f"reader name '{name}': use 1 to 40 letters, digits, - and _, such as reader-1")


def sha256(content: bytes) -> str:
    """The checksum used throughout."""
    return hashlib.sha256(content).hexdigest()


def read_json(path: Path, missing: str) -> tuple[bytes, dict[str, Any]]:
    """A JSON object and the bytes that it was read from.

    Raises:
        InputError: `missing` and why, or that it is damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{missing}: cannot read {path} ({error.strerror})") from error
    try:
        data = json.loads(content, object_pairs_hook=_no_name_twice)
    except _TwiceError as error:
        raise InputError(f"{path} is damaged: '{error}' stands in it twice") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: it is not JSON") from error
    return content, _mapping(path, data)


class _TwiceError(ValueError):
    """A name comes twice in one JSON object; Python would take the last one without a word."""


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _TwiceError(name)
        found[name] = value
    return found


def _case(path: Path, name: str, entry: Any, asks_terms: bool) -> Case:
    if not _CASE_ID.fullmatch(name):  # it becomes a file name
        raise InputError(f"{path}: '{name}' is no case id")
    entry = _mapping(path, entry)
    texts = {key: _get(path, entry, key, str) for key in ("organ", "text", "ct_sha256", "mask_sha256")}
    terms = tuple(_get(path, entry, "terms", list))
    return Case(id=name, terms=terms if asks_terms else (), **texts)


def _mapping(path: Path, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{path} is damaged: an entry is no JSON object")
    return value


def _get(path: Path, data: Mapping[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(data.get(name), kind):
        raise InputError(f"{path} is damaged: '{name}' is missing or of the wrong type")
    return data[name]
