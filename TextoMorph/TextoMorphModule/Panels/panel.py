"""What all panels share: their widgets, the parameter node they are bound to, and errors in plain words."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from TextoMorphModule.Actions.lesion_table import rowsOf
from TextoMorphModule.Panels.plain_text import PlainText
from TextoMorphModule.Panels.run_log import tell
from TextoMorphModule.Panels.time_left import TimeLeft

WARNING = "#b26a00"
QUICK_S = 0.3  # what is done within this needs no bar, which would only flash


class Panel(VTKObservationMixin):
    """A part of the module's panel.

    Attributes:
        name: Of the `.ui` file.
        order: Its place, from the top; those of the module go in tens.
        widget: The root widget.
        ui: The named widgets.
        logic: The module's logic, which does the work.
        parameters: The parameter node, or None while the scene is closed or another module is shown.
        atOnce: Whether it is seen as soon as the module opens; the others are built a moment later.
        ready: Whether it can be used.
        pinned: Whether it stays at the foot, below what scrolls.
        whileReading: Whether it is shown while somebody reads a Turing test, or all the rest of the time.
    """

    name = ""
    order = 0
    atOnce = False
    ready = True
    pinned = False
    whileReading = False

    def __init__(self, logic: Any, resourcePath: Callable[[str], str]) -> None:
        VTKObservationMixin.__init__(self)
        self.logic = logic
        self.parameters: Any = None
        self._guiTag: Any = None
        self.widget = slicer.util.loadUI(resourcePath(f"UI/{self.name}.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.widget.setMRMLScene(slicer.mrmlScene)
        self.setup()

    def setup(self) -> None:
        """Connects the widgets; called once."""

    def refresh(self) -> None:
        """Shows the parameters as they are now; called at each change."""

    def setParameterNode(self, parameters: Any) -> None:
        """Binds the widgets to a parameter node, or to none."""
        if self.parameters:
            self.parameters.disconnectGui(self._guiTag)
        self.parameters = parameters
        if parameters:
            self._guiTag = parameters.connectParametersToGui(self._bound())
        self.refresh()

    def stop(self) -> None:
        """Called when the user closes Slicer: a run that goes on is cancelled."""

    def cleanup(self) -> None:
        """Called when the application ends."""
        self.removeObservers()

    def _bound(self) -> dict[str, Any]:
        """The widgets that show a parameter each, by its name."""
        named = {widget.property("SlicerParameterName"): widget for widget in vars(self.ui).values()}
        return {
            name: PlainText(widget) if PlainText.canRepresent(widget, str) else widget
            for name, widget in named.items()
            if name
        }


class RunPanel(Panel):
    """A panel whose button starts a run and, while it goes on, cancels it; it has a progressBar and a statusLabel."""

    def setup(self) -> None:
        """Connects the widgets."""
        self._running = self._cancelled = False
        self._began = 0.0
        self._doing = ""
        self._time = TimeLeft()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self._onSceneClose)

    def stop(self) -> None:
        """Called when the user closes Slicer: a run that goes on is cancelled."""
        self._cancelled = True

    def cleanup(self) -> None:
        """Called when the application ends."""
        self.stop()
        super().cleanup()

    def cancels(self) -> bool:
        """Cancels the run that goes on; whether there is one."""
        if self._running:
            self._cancelled = True
            self.ui.statusLabel.text = _("Stopping…")
            self.refresh()
        return self._running

    @contextmanager
    def run(self, doing: str, failed: str, first: str = "") -> Iterator[None]:
        """While a run goes on: shows how far it is, and what goes wrong in a message box.

        Args:
            doing: What is said from the first step on.
            failed: What is said if it could not be done.
            first: What is said before; that the model is loaded, if empty.
        """
        self._running, self._cancelled, self._doing = True, False, doing
        self.ui.statusLabel.text = first or _("Loading the model…")
        self.ui.progressBar.setRange(0, 0)  # busy until the first step is done
        self._began = time.monotonic()
        self._time = TimeLeft()
        self.refresh()
        try:
            with plainErrors(failed):
                yield
        finally:
            self._running = False
            said = _("{doing} cancelled after {seconds:.1f} s") if self._cancelled else _("{doing} {seconds:.1f} s")
            tell(said.format(doing=doing, seconds=time.monotonic() - self._began))
            self.ui.progressBar.visible = False

    def onStep(self, done: int, total: int) -> bool:
        """Called about twenty times a second while a run goes on."""
        if time.monotonic() > self._began + QUICK_S:
            self.ui.progressBar.visible = True
        if total and not self._cancelled:
            self.ui.progressBar.setRange(0, total)
            self.ui.progressBar.value = done
            self.ui.statusLabel.text = self._doing + self._time.said(done, total)
        return not self._cancelled

    def _onSceneClose(self, caller: Any, event: Any) -> None:
        self._cancelled = True


@contextmanager
def plainErrors(what: str) -> Iterator[None]:
    """Shows what goes wrong in a message box: bad input by its one sentence, all else with its details.

    Args:
        what: What could not be done.
    """
    try:
        yield
    except (ValueError, RuntimeError, OSError, ImportError) as error:
        if type(error).__name__ not in ("InputError", "RuntimeError"):
            logging.exception(what)
        said = str(error)
        if isinstance(error, ImportError):
            said = _("A Python package is missing: install it under Setup. ({error})").format(error=error)
        tell(f"{what} {said}", logging.WARNING)
        slicer.util.errorDisplay(f"{what}\n\n{said[:1].upper()}{said[1:]}", windowTitle=_("TextoMorph"))


def hasMask(wanted: Any) -> bool:
    """Whether a mask is chosen, and still there."""
    segmentation = wanted.segmentation.GetSegmentation() if wanted.segmentation else None
    return segmentation is not None and segmentation.GetSegment(wanted.segmentId) is not None


def whatIsMissing(wanted: Any) -> str:
    """What has to be done before Generate can make the mask's tumour, or the table's; empty if nothing."""
    if not wanted or not wanted.ct:
        return _("Choose a CT first.")
    if wanted.lesionsTogether and (rows := rowsOf(wanted)):
        without = [number for number, row in enumerate(rows, start=1) if not row.text.strip()]
        return _("Describe lesion {number} first.").format(number=without[0]) if without else ""
    if not hasMask(wanted):
        return _("Paint a mask or place a lesion first.")
    if not wanted.text.strip():
        return _("Describe the tumour first.")
    return ""


def withNotes(said: str, notes: Iterable[str]) -> str:
    """A sentence, and what the reports note about short memory and words; each note once, as a sentence."""
    sentences = (f"{note[:1].upper()}{note[1:].removesuffix('.')}." for note in dict.fromkeys(notes))
    return " ".join([said, *sentences]).strip()


def inColour(doubts: Iterable[str], between: str = "<br>") -> str:
    """What is doubtful, in a label's rich text, in the colour of warnings."""
    said = [escape(f"{each[:1].upper()}{each[1:]}") for each in doubts]
    return f'<span style="color:{WARNING}">{between.join(said)}</span>' if said else ""


def linesOf(text: str) -> list[str]:
    """What is written, a line each; empty ones do not count."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def listsRows(table: Any, columns: Sequence[str], widest: int) -> None:
    """Makes a table a list whose rows are chosen one at a time; the widest column takes the room that is left."""
    table.setColumnCount(len(columns))
    table.setHorizontalHeaderLabels([_(name) for name in columns])
    header = table.horizontalHeader()
    header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
    header.setSectionResizeMode(widest, qt.QHeaderView.Stretch)
    table.verticalHeader().setVisible(False)
    table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
    table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
    table.setSelectionMode(qt.QAbstractItemView.SingleSelection)


def later(milliseconds: int, function: Callable[[], None]) -> Any:
    """A timer that calls a function once, some time after its last `start()`."""
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.connect("timeout()", function)
    return timer
