"""Generate, which becomes Cancel while it runs."""

import logging
import random
from html import escape
from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import nodes
from TextoMorphModule.Actions.lesion_table import askedOf, healthyOf, rowsOf
from TextoMorphModule.Panels.column import Fold
from TextoMorphModule.Panels.panel import RunPanel, inColour, later, whatIsMissing, withNotes
from TextoMorphModule.Panels.run_log import tell


class GeneratePanel(RunPanel):
    """Seed, variants, and the button."""

    name = "Generate"
    order = 40
    atOnce = True
    pinned = True

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        self._missing = ""  # what is said to be missing
        self._usual: tuple[str, dict[str, float]] = ("", {})  # model, its preset
        self._again = later(100, self.onGenerate)
        self.ui.generateButton.connect("clicked(bool)", self.onGenerate)
        self.ui.earlierButton.connect("clicked(bool)", lambda: self.onHistory(-1))
        self.ui.laterButton.connect("clicked(bool)", lambda: self.onHistory(1))
        self._fold = Fold(self.ui.generateCollapsibleButton)
        self.ui.generateCollapsibleButton.collapsed = True

    def refresh(self) -> None:
        """Enables what can be used now."""
        wanted = self.parameters
        missing, count = whatIsMissing(wanted), len(askedOf(wanted)) if wanted else 1
        self.ui.generateButton.enabled = (self._running and not self._cancelled) or not missing
        self.ui.generateButton.text = _("Cancel") if self._running else _("Generate")
        if count > 1 and not self._running:
            self.ui.generateButton.text = _("Generate {count} lesions").format(count=count)
        self.ui.generateButton.toolTip = missing or _("Makes a copy of the CT with the tumour in it, or stops that.")
        if wanted and not wanted.ownSettings:
            self._showUsual(wanted)
        own = bool(wanted and wanted.ownSettings)
        self.ui.stepsSpinBox.enabled = self.ui.guidanceSpinBox.enabled = own
        self.ui.seedSpinBox.enabled = bool(wanted) and not wanted.newSeed
        if wanted:
            seed = _("new seed each time") if wanted.newSeed else _("seed {seed}").format(seed=wanted.seed)
            many = _("{count} variants").format(count=wanted.variants) if wanted.variants > 1 else ""
            device = _("device {device}").format(device=wanted.device)
            self._fold.say(", ".join(each for each in (seed, many, device) if each))
        if not self._running and (missing or self._missing):
            self.ui.statusLabel.text = missing
        self._missing = missing
        doubts = self._doubts()
        self.ui.doubtLabel.text = inColour(doubts)
        self.ui.doubtLabel.visible = bool(doubts) and not missing

        self._showHistory()

    def cleanup(self) -> None:
        """Called when the application closes: a run that goes on is cancelled."""
        self._again.stop()
        super().cleanup()

    def onHistory(self, step: int) -> None:
        """Shows an earlier result, or a later one."""
        results, at = self._history()
        if self.parameters and 0 <= at + step < len(results):  # one may have been removed elsewhere
            self.parameters.result = results[at + step]
            self.logic.showResult(results[at + step])
            self.parameters.Modified()  # for what is shown of the comparison

    def onGenerate(self) -> None:
        """Starts a run, or cancels the one that goes on."""
        if self.cancels():
            return
        if self.logic.busy:  # with Live or a text preview, which give way
            self.logic.stop()
            self._again.start()
            return
        wanted = self.parameters
        for box in (self.ui.seedSpinBox, self.ui.variantsSpinBox, self.ui.stepsSpinBox, self.ui.guidanceSpinBox):
            box.interpretText()  # what is typed counts, although the box still has the focus
        if whatIsMissing(wanted):
            return
        if wanted.newSeed:
            wanted.seed = random.randrange(2**31 - wanted.variants)
        results: list[Any] | None = None
        known = self._doubts()
        with self.run(_("Generating…"), _("The tumour could not be generated.")):
            results = self.logic.generateSeveral(
                wanted.ct,
                askedOf(wanted),
                wanted.seed,
                wanted.variants,
                wanted.steps if wanted.ownSettings else None,
                wanted.guidance if wanted.ownSettings else None,
                wanted.device,
                wanted.model,
                self.onStep,
                **healthyOf(wanted),
            )
        self.ui.statusLabel.text = self._outcome(results, known)
        self._writeDown(results or [])
        self.refresh()
        if results and self.parameters:
            self.parameters.result = results[0]
            slicer.util.setSliceViewerLayers(background=results[0])

    def _showUsual(self, wanted: Any) -> None:
        """Shows the model's own steps and guidance where the user has not chosen any."""
        if wanted.model != self._usual[0]:
            self._usual = wanted.model, self.logic.preset(wanted.model)
        usual = self._usual[1]
        if usual and (wanted.steps, wanted.guidance) != (usual["steps"], usual["guidance"]):
            wanted.steps, wanted.guidance = int(usual["steps"]), float(usual["guidance"])

    def _history(self) -> tuple[list[Any], int]:
        """The results, oldest first, and the place of the one that is looked at; after the last if it is none."""
        results = self.logic.results()
        result = self.parameters.result if self.parameters else None
        return results, results.index(result) if result in results else len(results)

    def _showHistory(self) -> None:
        results, at = self._history()
        self.ui.historyWidget.visible = bool(results)
        self.ui.earlierButton.enabled, self.ui.laterButton.enabled = at > 0, at < len(results) - 1
        said = _("{count} results").format(count=len(results))
        if at < len(results):
            said = _("Result {number} of {count}: {name}")
            said = said.format(number=at + 1, count=len(results), name=results[at].GetName())
        self.ui.historyLabel.text = self.ui.historyLabel.toolTip = said

    def _writeDown(self, results: list[Any]) -> None:
        """Puts into the log what was asked, what came of it, and what is doubtful."""
        from TextoMorphLib.measurement.expectations import lines

        for node in results:
            report = self.logic.report(node)
            ct = node.GetNodeReference(nodes.CT)
            tell(f"{ct.GetName() if ct else ''} \u2192 {node.GetName()}")
            for each in report.get("each", [report]):
                tell(f"  {each['organ']}, seed {each['seed']}: {' '.join(each['text'].split())}")
            for number, asked in enumerate(report["asked"], start=1):
                for line in lines(asked):
                    tell(f"  {number}: {line}" if len(report["asked"]) > 1 else f"  {line}")
            model = report["model"]
            tell(f"  {model['name']} ({model['sha256'][:12]}), {report['device']}, steps {report['steps']}")
            for each in (*report["warnings"], *report["notes"]):
                tell(f"  {each}", logging.WARNING)

    def _doubts(self) -> list[str]:
        """What is doubtful about what Generate would make now."""
        wanted = self.parameters
        table = rowsOf(wanted) if wanted and wanted.lesionsTogether else []
        doubts: list[str] = self.logic.doubts("ct", "lesions" if table else "mask")
        mask = (wanted.segmentation, wanted.segmentId) if wanted else (None, "")
        if table and all(mask) and self.logic.lesionTable.indexOf(mask) < 0:
            doubts.append(_("the mask chosen above is not in the table of lesions, and is not generated"))
        return doubts

    def _outcome(self, results: list[Any] | None, known: list[str]) -> str:
        """What came of it: also what is doubtful about the results and was not said before."""
        if results is None:
            return _("Nothing was made.")
        if self._cancelled:
            return _("Cancelled; {count} finished.").format(count=len(results))
        reports = [self.logic.report(node) for node in results]
        seconds = sum(sum(report["seconds"].values()) for report in reports)
        said = _("Made in {seconds:.1f} s.") if len(results) == 1 else _("{count} results made in {seconds:.1f} s.")
        said = said.format(count=len(results), seconds=seconds)
        without = dict.fromkeys(each["words"] for report in reports for each in report.get("without_effect", ()))
        if without:
            said += " " + _("Without effect: {words}.").format(words=", ".join(without))
        said = withNotes(said, (note for report in reports for note in report["notes"]))
        news = dict.fromkeys(each for report in reports for each in report["warnings"] if each not in known)
        return f"{escape(said)}<br>{inColour(news)}" if news else said
