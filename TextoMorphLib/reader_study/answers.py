"""One reader's answers on disk: a line each, appended and forced to the disk before anything goes on.

The last line can be torn by a crash; it is set aside then and never counted. Everything before it holds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from TextoMorphLib.errors import InputError

if TYPE_CHECKING:
    from TextoMorphLib.reader_study.study import Study

ANSWERS_FORMAT = "textomorph-vtt-answers/1"
CALLS = ("real", "synthetic")
CONFIDENCES = (1, 2, 3, 4, 5)
LONGEST_COMMENT = 2000


@dataclass(frozen=True)
class Answer:
    """What a reader said of a case.

    Attributes:
        position: The case's place in the reader's order, from 0.
        case: Its id.
        call: "real" or "synthetic".
        confidence: 1 (a guess) to 5 (certain).
        terms: The terms of the description that fit.
        comment: Free text.
        seconds: From when the case was shown to the answer; over all looks when it was answered again.
        time: When, UTC.
        revised: Whether it takes the place of an earlier answer.
    """

    position: int
    case: str
    call: str
    confidence: int
    terms: tuple[str, ...]
    comment: str
    seconds: float
    time: str
    revised: bool = False


@dataclass(frozen=True)
class Found:
    """What an answer file holds.

    Attributes:
        answers: The latest answer to each case, by position.
        good: How many bytes of the file are whole lines.
        torn: What comes after them: what a crash left of a line.
    """

    answers: tuple[Answer, ...]
    good: int
    torn: bytes


def answer_path(study: Study, reader: str) -> Path:
    """Where a reader's answers lie."""
    return study.folder / "answers" / f"{reader}.jsonl"


def read_answers(study: Study, reader: str) -> Found:
    """Read a reader's answers without changing anything; none if there is no file yet.

    Raises:
        InputError: They belong to another study or reader, or the file is damaged before its last line.
    """
    path = answer_path(study, reader)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Found((), 0, b"")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    lines = content.split(b"\n")
    torn = lines.pop()
    parsed = [_parse(line) for line in lines]
    if not torn and parsed and parsed[-1] is None:
        parsed.pop()
        torn = lines.pop() + b"\n"
    if None in parsed:
        line = parsed.index(None) + 1
        raise InputError(
            f"{path} is damaged in line {line}; mend or take out that line, or bring back a copy of the file"
        )
    if parsed:
        _check_header(path, parsed[0] or {}, study, reader)
    answers: list[Answer] = []
    for number, entry in enumerate(parsed[1:], start=2):
        answer = _answer(path, number, entry or {}, study.readers[reader])
        if answer.position == len(answers):
            answers.append(answer)
        elif answer.position == len(answers) - 1:
            answers[-1] = answer  # only the last one may be answered again
        else:
            raise InputError(f"{path} line {number}: an answer to case {answer.position + 1} is out of order")
    return Found(tuple(answers), len(content) - len(torn), torn)


class AnswerFile:
    """A reader's answer file, open for writing; one process at a time has it."""

    def __init__(self, study: Study, reader: str) -> None:
        """Open or start the file; set a torn last line aside.

        Raises:
            InputError: Somebody else has it open, it is damaged, or the disk refuses.
        """
        self.path = answer_path(study, reader)
        try:
            self.path.parent.mkdir(exist_ok=True)
            busy = f"reader '{reader}' is reading in another window or program; close it first"
            self._lock = lock(self.path.with_suffix(".lock"), busy)
        except OSError as error:
            raise InputError(f"cannot write in {self.path.parent}: {error.strerror or error}") from error
        try:
            found = read_answers(study, reader)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
            try:
                if found.torn:
                    self._set_aside(found)
                if not found.good:
                    header = {
                        "format": ANSWERS_FORMAT,
                        "study": study.id,
                        "study_sha256": study.sha256,
                        "reader": reader,
                    }
                    self._append(header)
                    _sync_folder(self.path.parent)
            except BaseException:
                os.close(self._file)
                raise
        except OSError as error:
            self._lock.release()
            raise InputError(f"cannot write {self.path}: {error.strerror or error}") from error
        except BaseException:
            self._lock.release()
            raise
        self.answers: Sequence[Answer] = found.answers

    def append(self, answer: Answer) -> None:
        """Add an answer; when this returns, it is on the disk.

        Raises:
            InputError: The disk refuses; the file is then as before.
        """
        self._append({**asdict(answer), "terms": list(answer.terms)})

    def close(self) -> None:
        """Let others write."""
        os.close(self._file)
        self._lock.release()

    def _append(self, entry: dict[str, Any]) -> None:
        line = (json.dumps(entry, ensure_ascii=False) + "\n").encode()
        before = os.fstat(self._file).st_size
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, before)
            raise InputError(
                f"the answer could not be written to {self.path} ({error.strerror}); make room and answer again"
            ) from error

    def _set_aside(self, found: Found) -> None:
        number = 1
        while (aside := self.path.with_name(f"{self.path.stem}.damaged-{number}.txt")).exists():
            number += 1
        with open(aside, "xb") as file:
            file.write(found.torn)
            file.flush()
            os.fsync(file.fileno())
        os.ftruncate(self._file, found.good)
        os.fsync(self._file)


def lock(path: Path, busy: str) -> Any:
    """A lock that the system lets go of when the process ends, however it ends.

    Raises:
        InputError: `busy`, when another has it.
    """
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise InputError("reading needs filelock; install it with: pip install filelock") from error

    taken = FileLock(path, thread_local=False)  # a server's threads share it
    try:
        taken.acquire(timeout=0)
    except Timeout as error:
        raise InputError(busy) from error
    return taken


def check_answer(call: str, confidence: int, terms: Sequence[str], comment: str, asked: Sequence[str]) -> None:
    """Refuse what is no answer.

    Raises:
        InputError: What is wrong.
    """
    if call not in CALLS:
        raise InputError(f"'{call}' is no answer; say real or synthetic")
    if type(confidence) is not int or confidence not in CONFIDENCES:  # neither True nor 3.0
        raise InputError(f"confidence {confidence!r}: use 1 (a guess) to 5 (certain), a whole number")
    if strange := [term for term in terms if term not in asked]:
        raise InputError(f"'{strange[0]}' is no term of this case's description")
    if len(terms) != len(set(terms)):
        raise InputError("a term is named twice")
    if not isinstance(comment, str) or len(comment) > LONGEST_COMMENT:
        raise InputError(f"the comment is too long; use at most {LONGEST_COMMENT} characters")
    if any("\ud800" <= character <= "\udfff" for character in comment):
        raise InputError("the comment holds half a character (a lone surrogate), which no file can keep")


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _check_header(path: Path, header: dict[str, Any], study: Study, reader: str) -> None:
    if header.get("format") != ANSWERS_FORMAT or header.get("study") != study.id:
        raise InputError(f"{path} holds answers to another study; move it away")
    if header.get("reader") != reader:
        raise InputError(f"{path} holds the answers of reader '{header.get('reader')}'; move it away")
    if header.get("study_sha256") != study.sha256:
        raise InputError(f"{path} was begun with another version of study.json; bring back the one from before")


def _answer(path: Path, number: int, entry: dict[str, Any], order: Sequence[str]) -> Answer:
    try:
        answer = Answer(**{**entry, "terms": tuple(entry["terms"])})
        right = order[answer.position] == answer.case and answer.position >= 0
        right = right and isinstance(entry["terms"], list) and all(isinstance(term, str) for term in answer.terms)
        right = right and isinstance(answer.time, str) and 0 <= answer.seconds < float("inf")
        check_answer(answer.call, answer.confidence, (), answer.comment, ())
    except (KeyError, TypeError, IndexError, InputError):
        right = False
    if not right:
        raise InputError(f"{path} line {number} is no answer to this study; mend or take out that line")
    return answer


def _sync_folder(folder: Path) -> None:
    """Make the new file's name last, too; only some systems can."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
