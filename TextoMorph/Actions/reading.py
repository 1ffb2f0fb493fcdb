"""The Visual Turing Test in Slicer: making a study, reading it, scoring it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import slicer

from TextoMorph.Actions import background, nodes, views
from TextoMorph.Actions.background import Progress
from TextoMorph.Actions.installing import ensured

LAYOUT_ID = 7402  # any number that Slicer and other extensions do not use
PLANES = {"TextoMorphAxial": "Axial", "TextoMorphCoronal": "Coronal", "TextoMorphSagittal": "Sagittal"}
OUTLINE = (1.0, 0.85, 0.2)


class ReadingRoom:
    """A reader at work: the views show the case in three planes and nothing else. `end()` brings back what was there.

    The scene never knows more than the reader: nodes have neutral names, come from no file and are not saved.

    Attributes:
        session: The library's `Session`: who reads, and how far.
        view: The case that is shown; None when all are read.
    """

    def __init__(self, folder: str | Path, reader: str) -> None:
        from TextoMorphLib.reading.session import Session

        self.session = Session(Path(folder), reader)
        self.view: Any = None
        self._case: Any = None
        self._outline: Any = None
        self._before = slicer.app.layoutManager().layoutLogic().GetLayoutNode().GetViewArrangement()
        self._hidden = [node for node in slicer.util.getNodesByClass("vtkMRMLDisplayNode") if _isOnScreen(node)]
        for node in self._hidden:
            node.SetVisibility(False)
        views.useLayout(LAYOUT_ID, _layout())

    def show(self) -> Any:
        """Shows the case to read now; its clock starts. Returns the library's `View`, None when all are read.

        Raises:
            InputError: A file of the study is missing or has changed.
        """
        from TextoMorphLib.masks import read_mask
        from TextoMorphLib.volume import Volume

        self.view = None
        self._clear()
        if self.session.done:
            return None
        view = self.session.show()
        ct = Volume.read(view.ct)
        self._fill(ct, read_mask(view.mask, ct), view.window)
        self.view = view
        return view

    def answer(self, call: str, confidence: int, terms: Sequence[str] = (), comment: str = "") -> None:
        """Answers the case that is shown: it is on the disk when this returns. `show` goes on."""
        self.session.answer(call, confidence, terms, comment)

    def back(self) -> None:
        """Goes back to the case before. `show` shows it."""
        self.session.back()

    def outline(self, visible: bool) -> None:
        """Shows or hides the lesion's outline."""
        if nodes.inScene(self._outline):
            self._outline.GetDisplayNode().SetVisibility(visible)

    def end(self) -> None:
        """Ends the reading; the next one goes on at the case that is not answered yet."""
        self.session.close()
        self._clear()
        for node in self._hidden:
            if nodes.inScene(node):
                node.SetVisibility(True)
        self._hidden = []
        slicer.app.layoutManager().setLayout(self._before)

    def _clear(self) -> None:
        for node in (self._outline, self._case):
            if nodes.inScene(node):
                slicer.mrmlScene.RemoveNode(node)
        self._outline = self._case = None

    def _fill(self, ct: Any, mask: Any, window: tuple[float, float]) -> None:
        import numpy as np

        self._case = nodes.addVolume(ct.hu(), ct.affine, "Case", *window)
        self._outline = nodes.addSegmentation("Outline", self._case)
        segment = self._outline.GetSegmentation().AddEmptySegment("", "Lesion", OUTLINE)
        nodes.paint(mask, self._outline, segment, self._case)
        self._outline.GetDisplayNode().SetVisibility2DFill(False)
        for node in (self._case, self._outline):
            node.SetSaveWithScene(False)
        middle = ct.affine @ [*np.argwhere(mask).mean(0), 1.0]
        for tag, plane in PLANES.items():
            logic = views.show(tag, plane, self._case)
            logic.FitSliceToBackground()
            logic.GetSliceNode().JumpSliceByCentering(*middle[:3].tolist())


class Reading:
    """Studies of real and synthetic tumours."""

    def createStudy(
        self,
        table: str | Path,
        folder: str | Path,
        readers: list[str],
        twins: tuple[str, ...] = ("text",),
        repeats: int = 0,
        apart: int = 10,
        model: str = "starter",
        device: str = "auto",
        progress: Progress | None = None,
    ) -> Any:
        """Makes a study from a table of real tumours, with a synthetic twin of each. Slicer stays alive meanwhile.

        Args:
            table: CSV; a tumour a line: ct, mask, organ, text.
            folder: The study's new folder; the key is written beside it. Keep the key from the readers.
            readers: Their names.
            twins: What to synthesise of each: "text" (same mask and text), "mask" (same mask, no text), or both.
            repeats: Cases that each reader sees twice.
            apart: Twins come at least this many cases apart.
            model: A model's name or folder.
            device: auto, cpu, cuda, cuda:N or mps.
            progress: Called about twenty times a second with (cases done, cases in all); returns False to cancel.

        Returns:
            The library's `Study`.

        Raises:
            InputError: What is wrong with the table, a scan, the readers or the folder.
            Cancelled: `progress` returned False.

        Example:
            >>> study = logic.createStudy("/data/tumours.csv", "/data/study", ["anna", "ben"])
        """
        from TextoMorphLib.reading.create import Plan, create

        plan = Plan(readers=tuple(readers), twins=twins, repeats=repeats, apart=apart, model=model, device=device)
        return background.run(lambda onStep: create(Path(table), Path(folder), None, plan, onStep), progress)

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
        from TextoMorphLib.reading.study import Study

        try:
            return list(Study.read(Path(folder)).readers)
        except InputError:
            return []

    def startReading(self, folder: str | Path, reader: str) -> ReadingRoom:
        """Opens a study for a reader, where they left it.

        Raises:
            InputError: No such study or reader, or the reader reads elsewhere.

        Example:
            >>> room = logic.startReading("/data/study", "anna")
            >>> room.show().text
            'hypoattenuating, ill-defined'
            >>> room.answer("synthetic", confidence=4)
            >>> room.end()
        """
        return ReadingRoom(folder, reader)

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
        from TextoMorphLib.reading.score import score

        found: dict[str, Any] = background.run(lambda onStep: score(Path(folder), Path(key) if key else None))
        return found

    def scoreTables(self, scores: dict[str, Any]) -> list[Any]:
        """The scores as tables of words: headings and rows of each.

        Example:
            >>> for headings, rows in logic.scoreTables(scores): print(headings, rows)
        """
        from TextoMorphLib.reading.report import tables

        return list(tables(scores))

    def exportScores(self, scores: dict[str, Any], folder: str | Path) -> list[Path]:
        """Writes readings.csv, scores.json and report.html.

        Example:
            >>> logic.exportScores(logic.scoreStudy("/data/study"), "/data/report")
        """
        from TextoMorphLib.reading.report import export

        return list(export(scores, Path(folder)))


def _isOnScreen(displayNode: Any) -> bool:
    """Whether a node's display could cover or hint at something in the slice views: segments, points, surfaces."""
    return bool(displayNode.GetVisibility()) and not displayNode.IsA("vtkMRMLVolumeDisplayNode")


def _layout() -> str:
    (axial, first), *others = ((tag, (plane, plane, "#808080")) for tag, plane in PLANES.items())
    side = "".join(views.view(tag, *looks, 500) for tag, looks in others)
    return (
        f'<layout type="horizontal" split="true">{views.view(axial, *first, 640)}'
        f'<item splitSize="360"><layout type="vertical" split="true">{side}</layout></item></layout>'
    )
