"""The Visual Turing Test in Slicer: making a study, reading it, scoring it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import background
from TextoMorphModule.Actions.background import Progress
from TextoMorphModule.Actions.packages import ensured
from TextoMorphModule.Actions.room import ReadingRoom


class Reading:
    """Studies of real and synthetic tumours.

    Attributes:
        reading: The reading that goes on, or None. No tumour is made meanwhile: it would come onto the screen.
    """

    reading: ReadingRoom | None = None
    _making = False  # a study
    _running: bool  # a generation: see Generating

    def createStudy(
        self,
        table: str | Path,
        folder: str | Path,
        readers: Sequence[str],
        twins: Sequence[str] = ("text",),
        repeats: int = 0,
        apart: int = 10,
        model: str = "starter",
        device: str = "auto",
        progress: Progress | None = None,
        title: str = "Visual Turing Test",
        field: str = "200,200,120",
        spacing: str = "0.8,0.8,2",
        seed: int | None = None,
        key: str | Path = "",
        questions: Sequence[str] = ("terms", "comment"),
    ) -> Any:
        """Makes a study from a table of real tumours, with a synthetic twin of each. Slicer stays alive meanwhile.

        Args:
            table: CSV; a tumour a line: ct, mask, organ, text.
            folder: The study's new folder.
            readers: Their names.
            twins: What to synthesise of each: "text" (same mask and text), "mask" (same mask, no text), both, or
                nothing where the table has synthetic tumours.
            repeats: Cases that each reader sees twice.
            apart: Twins come at least this many cases apart.
            model: A model's name or folder.
            device: auto, cpu, cuda, cuda:N or mps.
            progress: Called about twenty times a second with (cases done, cases in all); returns False to cancel.
            title: What the readers see above the cases.
            field: What is shown around each tumour: mm to the left, back and head.
            spacing: Of the voxels that every case is brought to, likewise.
            seed: Decides the orders; drawn anew if None.
            key: Where the key goes, beside the folder if empty. Keep it from the readers.
            questions: What is asked besides call and confidence: "terms", "comment", both or none.

        Returns:
            The library's `Study`.

        Raises:
            InputError: What is wrong with the table, a scan, the readers or the folder.
            RuntimeError: Somebody reads.
            Cancelled: `progress` returned False.

        Example:
            >>> study = logic.createStudy("/data/tumours.csv", "/data/study", ["anna", "ben"])
            >>> short = logic.createStudy("/data/tumours.csv", "/data/short", ["anna"], questions=[], seed=7)
        """
        from TextoMorphLib.reader_study.create import Plan
        from TextoMorphLib.reader_study.package import Frame

        if self.reading:
            raise RuntimeError(_("Somebody reads; end the reading first."))
        whole = Plan(tuple(readers), tuple(twins), apart, repeats, seed, title, tuple(questions))
        plan = replace(whole, frame=Frame.parse(field, spacing), model=model, device=device)
        return self._create(table, folder, key, plan, progress)

    def _create(
        self, table: str | Path, folder: str | Path, key: str | Path, plan: Any, progress: Progress | None
    ) -> Any:
        """Makes the study; nobody can start to read meanwhile."""
        from TextoMorphLib.reader_study.create import create

        keyPath = Path(key) if key else None
        self._making = True
        try:
            return background.run(lambda onStep: create(Path(table), Path(folder), keyPath, plan, onStep), progress)
        finally:
            self._making = False

    def canRead(self) -> bool:
        """Whether the packages for studies are there; if not, Slicer asks whether to install them.

        Example:
            >>> logic.canRead()
            True
        """
        return ensured("reading")

    def readersOf(self, folder: str | Path) -> list[str]:
        """The readers of a study; none if the folder holds no study.

        Example:
            >>> logic.readersOf("/data/study")
            ['anna', 'ben']
        """
        from TextoMorphLib.errors import InputError
        from TextoMorphLib.reader_study.study import Study

        try:
            return list(Study.read(Path(folder)).readers)
        except InputError:
            return []

    def startReading(self, folder: str | Path, reader: str) -> ReadingRoom:
        """Opens a study for a reader where they left it, and shows the case to read now, alone on the screen.

        Raises:
            InputError: No such study or reader, the reader reads elsewhere, or a file is missing or has changed.
            RuntimeError: A tumour or a study is being made.

        Example:
            >>> room = logic.startReading("/data/study", "anna")
            >>> room.view.text
            'hypoattenuating, ill-defined'
            >>> room.answer("synthetic", confidence=4)
            >>> room.show()
            >>> logic.endReading()
        """
        self.endReading()
        if self._making or self._running:
            raise RuntimeError(_("A tumour or a study is being made; wait for it or cancel it."))
        self.reading = ReadingRoom(folder, reader)
        self._running = True
        try:
            self.reading.show()
        except BaseException:
            self.endReading()
            raise
        return self.reading

    def endReading(self) -> None:
        """Ends the reading, if one goes on, and brings back the screen. Answers are on the disk already.

        Example:
            >>> logic.endReading()
        """
        room, self.reading = self.reading, None
        if room:
            self._running = False
            room.end()

    def scoreStudy(self, folder: str | Path, key: str | Path = "") -> dict[str, Any]:
        """The results so far.

        Args:
            folder: The study.
            key: Its key; the one beside the study if empty.

        Raises:
            InputError: No study, no key, or not this study's.

        Example:
            >>> logic.scoreTables(logic.scoreStudy("/data/study"))[0]
            (['error rate, %', ...], [['starter', ...]])
        """
        from TextoMorphLib.reader_study.score import score

        found: dict[str, Any] = background.run(lambda onStep: score(Path(folder), Path(key) if key else None))
        return found

    def scoreTables(self, scores: dict[str, Any]) -> list[Any]:
        """The scores as tables of words: headings and rows of each.

        Example:
            >>> for headings, rows in logic.scoreTables(scores): print(headings, rows)
        """
        from TextoMorphLib.reader_study.report import tables

        return list(tables(scores))

    def exportScores(self, scores: dict[str, Any], folder: str | Path) -> tuple[list[Path], str]:
        """Writes readings.csv, scores.json, report.html and, where a browser is there to print it, report.pdf.

        Returns:
            The files, and why there is no PDF; empty if there is one.

        Raises:
            InputError: The folder cannot be written.

        Example:
            >>> files, why_no_pdf = logic.exportScores(logic.scoreStudy("/data/study"), "/data/report")
        """
        from TextoMorphLib.reader_study.report import export

        environment = slicer.util.startupEnvironment()  # Slicer's own libraries are none of the browser's
        found: tuple[list[Path], str] = background.run(lambda onStep: export(scores, Path(folder), environment))
        return found
