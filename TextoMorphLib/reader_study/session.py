"""One reader's reading, whatever shows it: a browser, Slicer or a script.

```python
with Session("study", "anna") as session:
    while not session.done:
        view = session.show()                    # view.ct and view.mask are files; view.text, view.terms
        session.answer("synthetic", confidence=4, terms=["hypoattenuating"])   # on the disk when this returns
```
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.reader_study.answers import Answer, AnswerFile, check_answer
from TextoMorphLib.reader_study.study import Study, case_paths

TERM_KEYS = "ADFGHJKLQWTYUIP"  # a letter for each term, in the browser and in Slicer; the others have a meaning there


@dataclass(frozen=True)
class View:
    """What a reader sees of a case.

    Attributes:
        number: 1 for the first case.
        total: How many cases there are to read.
        organ: liver, pancreas or kidney.
        text: The lesion's description.
        terms: Its terms, to be said of each whether it fits.
        ct: The scan's file.
        mask: The file of the lesion's mask.
        window: Level and width to open with, HU.
        earlier: The answer given before, when the reader has gone back.
        can_go_back: Whether the case before can still be answered again.
    """

    number: int
    total: int
    organ: str
    text: str
    terms: tuple[str, ...]
    ct: Path
    mask: Path
    window: tuple[float, float]
    earlier: Answer | None
    can_go_back: bool


class Session:
    """A reader's way through a study; goes on where it was left. Only one can be open for a reader."""

    def __init__(self, study: Study | str | Path, reader: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Open a reader's answers.

        Args:
            study: The study or its folder.
            reader: Who reads.
            clock: Seconds.

        Raises:
            InputError: No such study or reader, the reader reads elsewhere, or the answers are damaged.
        """
        self.study = study if isinstance(study, Study) else Study.read(study)
        self.reader = self.study.reader(reader)
        self.order = self.study.readers[self.reader]
        self._file = AnswerFile(self.study, self.reader)
        self.answers: list[Answer] = list(self._file.answers)
        self._again = False  # the reader has gone back to the last answered case
        self._clock = clock
        self._shown: float | None = None  # when the running look began
        self._spent = 0.0  # seconds of looks before it
        self._left = 0.0  # seconds already spent on the case that the reader has left to go back
        self._checked: tuple[object, ...] = ()  # the case whose files were held against their checksums

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others open this reader's answers. Nothing needs saving."""
        self._file.close()

    @property
    def position(self) -> int:
        """The case to read now, from 0; the number of cases when all are read."""
        return len(self.answers) - self._again

    @property
    def done(self) -> bool:
        """Whether every case is answered."""
        return self.position == len(self.order)

    @property
    def can_go_back(self) -> bool:
        """Whether the case before can be answered again: only the last one, until the next is answered."""
        return bool(self.answers) and not self._again

    def show(self) -> View:
        """The case to read now; its clock starts, or goes on. A program that takes its time to draw calls `view` first.

        Raises:
            InputError: All cases are read, or a file is missing or has changed.
        """
        view = self.view()
        if self._shown is None:
            self._shown = self._clock()
        return view

    def view(self) -> View:
        """The case to read now, to be brought onto the screen; its clock does not start before `show`.

        Raises:
            InputError: All cases are read, or a file is missing or has changed.
        """
        if self.done:
            raise InputError("every case is answered")
        name = self.order[self.position]
        ct, mask = self._files(name)
        case = self.study.cases[name]
        return View(
            number=self.position + 1,
            total=len(self.order),
            organ=case.organ,
            text=case.text,
            terms=case.terms,
            ct=ct,
            mask=mask,
            window=self.study.window,
            earlier=self.answers[-1] if self._again else None,
            can_go_back=self.can_go_back,
        )

    def _files(self, name: str) -> tuple[Path, Path]:
        """A case's files, checked when it is first shown and whenever they have been written since."""
        paths = case_paths(self.study.folder, name)
        try:
            stats = [path.stat() for path in paths]
        except OSError:
            return self.study.files(name)  # says what is missing
        now = (name, *((stat.st_size, stat.st_mtime_ns, stat.st_ino) for stat in stats))
        if now != self._checked:
            self.study.files(name)
            self._checked = now
        return paths

    def answer(self, call: str, confidence: int, terms: Sequence[str] = (), comment: str = "") -> Answer:
        """Answer the case that is shown; when this returns, the answer is on the disk.

        Args:
            call: "real" or "synthetic".
            confidence: 1 (a guess) to 5 (certain).
            terms: Those of the description's terms that fit.
            comment: Free text.

        Raises:
            InputError: No case is shown, it is no answer, or the disk refuses; nothing has changed then.
        """
        if self._shown is None or self.done:
            raise InputError("no case is shown")
        name = self.order[self.position]
        check_answer(call, confidence, terms, comment, self.study.cases[name].terms)
        before = self._spent + (self.answers[-1].seconds if self._again else 0.0)
        answer = Answer(
            position=self.position,
            case=name,
            call=call,
            confidence=confidence,
            terms=tuple(terms),
            comment=comment,
            seconds=round(before + self._clock() - self._shown, 2),
            time=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            revised=self._again,
        )
        self._file.append(answer)
        if self._again:
            self.answers.pop()
        self.answers.append(answer)
        self._again, self._shown, self._spent, self._left = False, None, self._left, 0.0
        return answer

    def back(self) -> None:
        """Go back to the case before, to answer it again.

        Raises:
            InputError: There is none, or it can no longer be changed.
        """
        if not self.can_go_back:
            raise InputError("only the case right before this one can be answered again")
        self.pause()
        self._again, self._spent, self._left = True, 0.0, self._spent

    def took_before(self, seconds: Any) -> None:
        """Count what a page says it showed this case before this session began; what is counted here goes first.

        Args:
            seconds: What the page says; no number of seconds of a day is not counted.
        """
        known = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 < seconds < 86_400
        if known and self._shown is None and not self._spent:
            self._spent = float(seconds)

    def pause(self) -> None:
        """Stop the clock until the case is shown again: the reader looks away."""
        if self._shown is not None:
            self._spent += self._clock() - self._shown
            self._shown = None
