"""Train: a configuration and data in, a model out, in the background."""

import shutil
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from TextoMorphModule.Actions.curves import LossCurve
from TextoMorphModule.Panels.panel import later, plainErrors
from TextoMorphModule.Panels.process_panel import ProcessPanel, why

DRAW_MS = 500  # between two looks at the curve
TOML = "Configurations (*.toml)"
CASES = "Cases (*.jsonl)"
NEXT = {
    "autoencoder": "autoencoder.safetensors",
    "texts": "attribute_classifier.safetensors",
    "texture": "texture.safetensors",
}


class TrainPanel(ProcessPanel):
    """What is trained, on what, how far it is, and what came of it."""

    name = "Train"
    order = 76

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        ui = self.ui
        self._kinds: dict[str, Any] = {}
        self._configurations: list[Path] = []
        self._models: list[Path] = []
        self._known: Any = None  # what the boxes show
        self._curve: LossCurve | None = None
        self._draw = later(DRAW_MS, self.onDraw)
        folder, file = qt.QFileDialog.getExistingDirectory, qt.QFileDialog.getOpenFileName
        ui.dataButton.connect("clicked(bool)", lambda: self.choose(ui.dataLineEdit, folder))
        ui.casesButton.connect("clicked(bool)", lambda: self.choose(ui.casesLineEdit, file, CASES))
        ui.outputButton.connect("clicked(bool)", lambda: self.choose(ui.outputLineEdit, folder))
        ui.configButton.connect("clicked(bool)", self.onConfiguration)
        ui.copyButton.connect("clicked(bool)", self.onCopy)
        ui.kindComboBox.connect("activated(int)", self.onKind)
        ui.configComboBox.connect("activated(int)", self.onChosen)
        ui.runButton.connect("clicked(bool)", self.onRun)
        ui.curveButton.connect("clicked(bool)", self.onCurve)
        ui.useButton.connect("clicked(bool)", self.onUse)
        ui.trainCollapsibleButton.collapsed = True

    def setParameterNode(self, parameters: Any) -> None:
        """When the module is opened, looks what can be trained now."""
        if parameters:
            try:
                self._kinds = self.logic.trainings()
            except ImportError:  # told of under Setup
                self._kinds = {}
            self._known = None
        super().setParameterNode(parameters)

    def cleanup(self) -> None:
        """Called when the application closes: the training ends; it can be resumed."""
        self._draw.stop()
        super().cleanup()

    def refresh(self) -> None:
        """Shows what is asked for, and enables what can be used now."""
        wanted, ui = self.parameters, self.ui
        kind = self._kinds.get(wanted.trainKind) if wanted else None
        if wanted and self._known != (wanted.trainKind, wanted.trainConfiguration):
            self._known = wanted.trainKind, wanted.trainConfiguration
            self._showKind(kind)
        takes = kind.inputs if kind else {}
        for name in ("data", "cases", "fold"):
            for part in ("Label", "LineEdit", "Button"):
                if widget := getattr(ui, f"{name}{part}", None):
                    widget.visible = name in takes
        given = {"data": wanted.trainData, "cases": wanted.trainCases, "fold": wanted.trainFold} if wanted else {}
        ready = bool(kind and wanted.trainConfiguration and wanted.trainOutput)
        ready = ready and all(given[name] for name, needed in takes.items() if needed)
        resumes = bool(wanted) and self.logic.canResume(wanted.trainOutput)
        self.showRunning(ui.runButton, _("Resume") if resumes else _("Train"), ready)
        ui.runButton.toolTip = (
            _("Goes on with the training in the output folder, exactly where its checkpoint was written.")
            if resumes
            else _("Trains in the background; Slicer can be used meanwhile.")
            if ready
            else _("Choose settings, data and an output folder first.")
        )
        ui.curveButton.enabled = bool(self._process and self._process.values)
        self._showModels(self.logic.trainedModels(wanted.trainOutput) if wanted else [])

    # --- What is trained ---

    def onKind(self, index: int) -> None:
        """Takes what is to be trained, with the first of its configurations."""
        if self.parameters and index >= 0:
            kind = self._kinds[list(self._kinds)[index]]
            before = self.parameters.StartModify()
            self.parameters.trainKind = kind.name
            self.parameters.trainConfiguration = kind.configurations[0].stem if kind.configurations else ""
            self.parameters.EndModify(before)

    def onChosen(self, index: int) -> None:
        """Takes a configuration."""
        if self.parameters and index >= 0:
            self.parameters.trainConfiguration = self._named(self._configurations[index])

    def onConfiguration(self) -> None:
        """Asks for a configuration of one's own."""
        if found := qt.QFileDialog.getOpenFileName(self.widget, _("Choose a configuration"), "", TOML):
            self.parameters.trainConfiguration = str(found)

    def onCopy(self) -> None:
        """Saves a copy of the configuration, chooses it, and opens it in the system's editor."""
        source = self._configuration()
        if source is None:
            return
        found = qt.QFileDialog.getSaveFileName(self.widget, _("Where to put the copy"), source.name, TOML)
        if not found:
            return
        target = Path(found if str(found).endswith(".toml") else f"{found}.toml")
        with plainErrors(_("The configuration could not be copied.")):
            shutil.copyfile(source, target)
            self.parameters.trainConfiguration = str(target)
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(target)))

    # --- The training ---

    def onRun(self) -> None:
        """Starts or resumes a training, or cancels the one that goes on."""
        if self.cancels():
            return
        wanted, configuration = self.parameters, self._configuration()
        with plainErrors(_("The training could not be started.")):
            if configuration is None or not self.logic.canTrain(wanted.trainKind):
                return
            if self._curve is None or self._curve.title != Path(wanted.trainOutput).name:
                self._curve = LossCurve(Path(wanted.trainOutput).name)
            self.begin(
                _("Preparing…"),
                lambda: self.logic.train(
                    wanted.trainKind,
                    configuration,
                    wanted.trainOutput,
                    wanted.trainData,
                    wanted.trainCases,
                    wanted.trainFold.strip(),
                    self.hear,
                    self._onChange,
                ),
            )

    def onCurve(self) -> None:
        """Shows the losses in Slicer's plot view."""
        if self._curve and self._process:
            self._curve.show(self._process.values)

    def onDraw(self) -> None:
        """Draws the losses anew, where they are shown."""
        if self._curve and self._process:
            self._curve.update(self._process.values)

    def onUse(self) -> None:
        """Takes the model that came of it."""
        wanted, found = self.parameters, None
        with plainErrors(_("The model cannot be used.")):
            found = self.logic.useModel(self._models[max(self.ui.modelComboBox.currentIndex, 0)])
        if not (found and wanted):
            return
        name, kind = found
        if kind == "segmentation":
            wanted.segmentModel = name
            self.say(_("{name} is chosen under Segment.").format(name=name))
        else:
            wanted.model = name
            self.say(_("{name} is chosen under Setup.").format(name=name))

    def _onChange(self) -> None:
        """Called at each logged step, and at the end."""
        run = self._process
        if self._closed or run is None:
            return
        self._draw.start()
        if run.running:
            loss = run.values.get("loss")
            if run.of:
                self._doing = _("Training: step {step} of {of}").format(step=run.step, of=run.of)
                self.step(run.step, run.of, _("(loss {loss:.4f}).").format(loss=loss[-1][1]) if loss else ".")
            self.ui.curveButton.enabled = bool(run.values)
            return
        self._tellEnd(run)
        self.refresh()

    def _tellEnd(self, run: Any) -> None:
        console = run.console
        if console.stopped:
            kept = _("Stopped at step {step}; Resume goes on.").format(step=run.step)
            self.say(kept if self.logic.canResume(run.output) else _("Stopped before there was a checkpoint."))
        elif console.status == 0:
            made = NEXT.get(console.arguments[1])
            said = _("Trained.") if not made else _("Trained: {file}; name it in the settings of what builds on it.")
            self.say(said.format(file=run.output / made) if made else said)
        else:
            self.say(why(console), wrong=True)

    # --- What the boxes hold ---

    def _configuration(self) -> Path | None:
        index = self.ui.configComboBox.currentIndex
        return self._configurations[index] if index >= 0 else None

    def _named(self, path: Path) -> str:
        """How a configuration is kept with the scene: those that come with TextoMorph by name."""
        kind = self._kinds.get(self.parameters.trainKind)
        return path.stem if kind and path in kind.configurations else str(path)

    def _showKind(self, kind: Any) -> None:
        ui = self.ui
        ui.kindComboBox.clear()
        ui.kindComboBox.addItems(list(self._kinds))
        ui.kindComboBox.currentIndex = list(self._kinds).index(kind.name) if kind else -1
        ui.meaningLabel.text = kind.meaning if kind else _("Install what is missing under Setup first.")
        chosen = self.parameters.trainConfiguration
        known = list(kind.configurations) if kind else []
        if kind and not chosen and known:
            self.parameters.trainConfiguration = chosen = known[0].stem
            self._known = kind.name, chosen
        own = chosen and chosen not in [path.stem for path in known]
        self._configurations = [*known, *([Path(chosen)] if own else [])]
        ui.configComboBox.clear()
        ui.configComboBox.addItems([path.stem if path in known else str(path) for path in self._configurations])
        ui.configComboBox.currentIndex = next(
            (at for at, path in enumerate(self._configurations) if chosen in (path.stem, str(path))), -1
        )

    def _showModels(self, models: list[Path]) -> None:
        ui = self.ui
        if models != self._models:
            self._models = models
            ui.modelComboBox.clear()
            ui.modelComboBox.addItems([path.parent.name for path in models])
        ui.modelComboBox.visible = len(models) > 1
        ui.useButton.enabled = bool(models) and not self.running
