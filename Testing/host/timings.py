"""Measures what a user feels, on this machine, with the starter model: `python Testing/host/timings.py [CT R A S]`.

Goes the main path by clicks, counts the actions, and prints a table: how long what follows takes, how long the window
is deaf meanwhile, and how long Cancel takes, on the wall and of the processor. Without a CT (and a place in it, RAS mm)
the digital phantom is taken.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing"), str(ROOT / "Testing" / "unit" / "reader_study")]

from host import application, mainpath, problems  # noqa: E402

TICK_MS = 20
# Of the main path's actions, those whose time is told.
MEASURED = {
    "open the module": "Open the module",
    "'Place a lesion'": "Place a lesion",
    "'Generate'": "Generate, cold (first in the process)",
}


class Clock(NamedTuple):
    """Seconds: on the wall, of the processor in Slicer's own thread, and of the processor in all threads.

    Where others use the machine, the wall tells of them, too. A machine that is free is as fast as the processor's
    time: what Slicer's own thread does takes at least its seconds, and no more than those of all threads.
    """

    wall: float
    own: float
    all: float

    @classmethod
    def now(cls) -> Clock:
        """As they stand."""
        return cls(time.perf_counter(), time.thread_time(), time.process_time())

    def since(self, before: Clock) -> Clock:
        """How far they went."""
        return Clock(*(a - b for a, b in zip(self, before, strict=True)))


class Ear:
    """Notices how long Qt's events were not handled.

    Attributes:
        longest: The longest gap since `listening` began, by each clock.
    """

    def __init__(self) -> None:
        from PySide6 import QtCore

        self.begin()
        self._timer = QtCore.QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._hear)

    def begin(self) -> None:
        """Forgets what was heard before."""
        self.longest, self.started = Clock(0.0, 0.0, 0.0), Clock.now()
        self._last = self.started

    def _hear(self) -> None:
        now = Clock.now()
        self.longest = Clock(*map(max, self.longest, now.since(self._last)))
        self._last = now

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While it listens."""
        self.begin()
        self._timer.start()
        yield
        self._hear()
        self._timer.stop()


def main(ct: str, site: tuple[float, float, float], first_cancel: bool = False) -> None:
    """Measures and prints.

    Args:
        ct: The scan's file; the phantom if empty.
        site: The lesion's place, RAS mm.
        first_cancel: Cancel the first Generate at once, and print how long that takes and the longest gap alone.
    """
    host = application.start()
    host.load(ROOT / "TextoMorph" / "TextoMorph.py")
    ear, rows, actions = Ear(), [], []
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        file = Path(ct) if ct else _phantom(folder)
        panels: dict[str, Any] = {}
        path = mainpath.walk(host, file, folder / "tumour.nii.gz", site)
        while True:
            with ear.listening():
                action, panels = next(path, ("", panels))
            if not action:
                break
            actions.append(action)
            if first_cancel and "the term" in action:
                took, gap = _cancel(panels["Generate"].ui, "generateButton", ear, early=True)
                print(*took, *gap)
                return
            for what, said in MEASURED.items():
                if what in action:
                    rows.append((said, Clock.now().since(ear.started), ear.longest))
        assert (folder / "tumour.nii.gz").is_file()
        for what, again in (("the same place", False), ("a new place", True)):
            if again:
                mainpath.click(panels["Scan"].ui.placeButton)
            with ear.listening():
                mainpath.click(panels["Generate"].ui.generateButton)
            rows.append((f"Generate, warm, {what}", Clock.now().since(ear.started), ear.longest))
        rows += _looked(panels, ear)
        print(f"{len(actions)} actions: {'; '.join(actions)}.\n")
        heads = ("", "seconds", "of the processor", "longest gap", "of the processor: Slicer's thread", "all threads")
        print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        for what, took, gap in (*rows, *_cancelled(host, panels, folder, ear)):
            print(f"| {what} | {took.wall:.2f} | {took.all:.2f} | {gap.wall:.2f} | {gap.own:.2f} | {gap.all:.2f} |")
        _finish(panels)
    print(f"\nThe process took {_most_gib():.1f} GiB of memory at most.")
    for problem in [*host.messages, *problems.taken()]:
        print(problem, file=sys.stderr)


def _looked(panels: dict[str, Any], ear: Ear) -> Iterator[tuple[str, Clock, Clock]]:
    """What is done with a result, and with a table of lesions."""
    import slicer

    compare, lesions = panels["Compare"], panels["Lesions"]
    lesions.ui.lesionsCollapsibleButton.collapsed = False
    slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS((40.0, 10.0, 20.0))
    for what, button in (
        ("Show before, after, difference", compare.ui.showButton),
        ("Three planes", compare.ui.planesCheckBox),
        ("Show histogram", compare.ui.histogramButton),
        ("Add a lesion to the table", lesions.ui.addButton),
    ):
        with ear.listening():
            mainpath.click(button)
        yield what, Clock.now().since(ear.started), ear.longest
    with ear.listening():
        lesions.onDragged(0, (45.0, 15.0, 20.0))
    yield "Drag a lesion", Clock.now().since(ear.started), ear.longest
    mainpath.click(lesions.ui.togetherCheckBox)  # the rest is of the mask alone


def _finish(panels: dict[str, Any]) -> None:
    """Waits for what was cancelled and has not ended yet: it writes into the folder that is about to go."""
    from TextoMorphModule.Actions import background

    batch = panels["Batch"]._run  # none, where planning was cancelled
    _until(lambda: not (batch and batch.running))
    background.run(lambda _step: None)


def _cancelled(host: Any, panels: dict[str, Any], folder: Path, ear: Ear) -> Iterator[tuple[str, Clock, Clock]]:
    """What can be cancelled, how long that takes, and the longest gap from the click on."""
    generate, preview, batch, turing = (panels[name] for name in ("Generate", "Preview", "Batch", "Turing"))
    wanted = generate.parameters
    wanted.ownSettings, wanted.steps = True, 200
    yield "Cancel of Generate, until the panel can be used", *_cancel(generate.ui, "generateButton", ear)
    again = subprocess.run([sys.executable, *sys.argv, "--first-cancel"], stdout=subprocess.PIPE, text=True, check=True)
    told = [float(each) for each in again.stdout.split()]
    yield "Cancel of the first Generate, while PyTorch is imported", Clock(*told[:3]), Clock(*told[3:])
    preview.ui.previewCollapsibleButton.collapsed = False
    wanted.previewTexts = "\n".join(["hypoattenuating, ill-defined lesion"] * 50)
    yield "Cancel of Text preview", *_cancel(preview.ui, "drawButton", ear)
    _fill_batch(batch, folder)
    yield "Cancel of Batch", *_cancel(batch.ui, "runButton", ear)
    _fill_study(turing, folder)
    yield "Cancel of Turing test's Create", *_cancel(turing.ui, "createButton", ear)


def _cancel(ui: Any, name: str, ear: Ear, early: bool = False) -> tuple[Clock, Clock]:
    """Starts by a button, cancels by it once steps are done (early: at once), and waits until it can start again."""
    from PySide6 import QtCore

    button = getattr(ui, name)
    usual = button.text
    clicked: list[Clock] = []

    def look() -> None:
        under_way = button.text == "Cancel" and button.enabled
        if under_way and (early or ui.progressBar.value > 0):
            timer.stop()
            ear.begin()
            clicked.append(ear.started)
            mainpath.click(button)

    timer = QtCore.QTimer()
    timer.timeout.connect(look)
    timer.start(TICK_MS)
    with ear.listening():
        mainpath.click(button)
        _until(lambda: bool(clicked) and button.enabled and button.text in (usual, "Resume"))
    return Clock.now().since(clicked[0]), ear.longest


def _until(so: Callable[[], bool]) -> None:
    """Handles events until something is so: for what runs in a process of its own."""
    from PySide6 import QtWidgets

    while not so():
        QtWidgets.QApplication.processEvents()
        time.sleep(0.005)


def _most_gib() -> float:
    """The most memory that this process has held."""
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**30 if sys.platform == "darwin" else 2**20)


def _phantom(folder: Path) -> Path:
    from TextoMorphLib.simulation.phantom import phantom

    phantom()[0].write(folder / "phantom.nii.gz")
    return folder / "phantom.nii.gz"


def _fill_batch(batch: Any, folder: Path) -> None:
    """Forty lesions in the phantom's liver."""
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.simulation.phantom import phantom

    ct, organs = phantom()
    for name, volume in (("ct", ct), ("liver", Volume.from_array(organs["liver"], ct.affine))):
        (folder / name).mkdir()
        volume.write(folder / name / "phantom.nii.gz")
    wanted = batch.parameters
    batch.ui.batchCollapsibleButton.collapsed = False
    wanted.batchCts, wanted.batchMasks, wanted.batchOutput = (str(folder / name) for name in ("ct", "liver", "out"))
    wanted.batchMasksAre, wanted.batchCount = "organs", 40


def _fill_study(turing: Any, folder: Path) -> None:
    """A study of twenty real tumours that get their twins."""
    from small_studies import write_table

    turing.ui.turingCollapsibleButton.collapsed = False
    turing.ui.turingTabs.currentIndex = 0
    turing.ui.tableLineEdit.text = str(write_table(folder / "scans", 20, methods=()))
    turing.ui.readersLineEdit.text, turing.ui.outputLineEdit.text = "anna", str(folder / "study")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("ct", nargs="?", default="")
    options.add_argument("site", nargs="*", type=float, default=mainpath.SITE)
    options.add_argument("--first-cancel", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    try:
        main(given.ct, tuple(given.site), given.first_cancel)
    except BaseException:
        traceback.print_exc()  # the host keeps what is raised for the end of a test
        raise
