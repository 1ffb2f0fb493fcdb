"""Setup: what is missing and how to get it, the device, the model."""

from contextlib import suppress
from typing import Any

import qt
from slicer.i18n import tr as _

from TextoMorphModule.Actions import packages
from TextoMorphModule.Panels.panel import RunPanel, plainErrors

MOST_LETTERS = 80  # of a line of pip's that is shown


class SetupPanel(RunPanel):
    """Packages, device, model."""

    name = "Setup"
    order = 10
    atOnce = True

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        self.ui.installButton.connect("clicked(bool)", self.onInstall)
        self.ui.checkButton.connect("clicked(bool)", self.onCheck)
        self.ui.cardButton.connect("toggled(bool)", self.ui.cardTextEdit.setVisible)
        self.ui.modelComboBox.connect("currentIndexChanged(int)", self.onModel)
        self.ui.folderButton.connect("clicked(bool)", self.onFolder)
        self._device = self._model = ""  # the ones shown
        self._models: list[Any] = []
        self.showModels()
        self.ui.setupCollapsibleButton.collapsed = self.showPackages()
        self.ui.setupCollapsibleButton.connect("contentsCollapsed(bool)", self.onFold)

    def setParameterNode(self, parameters: Any) -> None:
        """When the module is opened, looks what lies in the models folder now."""
        if parameters:
            self.showModels()
        super().setParameterNode(parameters)

    def refresh(self) -> None:
        """Shows the chosen model and device."""
        if self.parameters:
            if self.parameters.model != self._model:  # it may have been trained or put there just now
                self._model = self.parameters.model
                self.showModels()
            self.ui.modelComboBox.setCurrentText(self.parameters.model)
        if self.parameters and self.parameters.device != self._device and not self._running:
            self._device = self.parameters.device
            self._showMemory()
        self.ui.checkButton.text = _("Cancel") if self._running else _("Check")
        self.ui.checkButton.enabled = not self._cancelled if self._running else bool(self.parameters)

    def _showMemory(self) -> None:
        """Says which device is chosen, and how much of the computer's memory is free now."""
        memory = self.logic.memory()
        self.ui.statusLabel.text = (
            _("{device}, {free}").format(device=self._device, free=memory) if memory else self._device
        )

    def showPackages(self) -> bool:
        """Says what is missing.

        Returns:
            Whether nothing is.
        """
        try:
            missing = self.logic.missingPackages()
        except RuntimeError as error:  # an older Slicer
            self.ui.packagesLabel.text = str(error)
            self.ui.installButton.visible = False
            return False
        self.ui.packagesLabel.text = (
            _("Not installed yet: {names}. Nothing can be generated before.").format(names=", ".join(missing))
            if missing
            else _("All Python packages are installed.")
        )
        self.ui.installButton.visible = bool(missing)
        return not missing

    def onInstall(self) -> None:
        """Installs what is missing."""
        if packages.agreed(self.logic.missingPackages()):
            self.ui.installButton.enabled = False
            doing = _("Installing…")
            with self.run(doing, _("The packages could not be installed."), doing):
                self.logic.installPackages(self._onLine)
            self.ui.installButton.enabled = True
            self._showMemory()
        self.showPackages()
        self.refresh()

    def onFold(self, collapsed: bool) -> None:
        """Looks how much memory is free when the section is unfolded."""
        if not collapsed and self.parameters and not self._running:
            self._showMemory()

    def onFolder(self) -> None:
        """Opens the user's models folder in the file browser."""
        folder = self.logic.modelsFolder()
        with plainErrors(_("The models folder could not be made.")):
            folder.mkdir(parents=True, exist_ok=True)
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(folder)))

    def showModels(self) -> None:
        """Offers the models that there are now."""
        models = self.logic.models()
        if models != self._models:
            self._models = models
            self.ui.modelComboBox.blockSignals(True)
            self.ui.modelComboBox.clear()
            self.ui.modelComboBox.addItems([model.name for model in models])
            self.ui.modelComboBox.blockSignals(False)
            self._showCard()
        self.ui.folderButton.toolTip = _("Opens {folder}: a folder with a further model may be put there.").format(
            folder=self.logic.modelsFolder()
        )

    def onCheck(self) -> None:
        """Says what the device is, or cancels that."""
        if self.cancels():
            return
        from TextoMorphLib.errors import Cancelled

        device, said = self.parameters.device, self.ui.statusLabel.text
        with self.run(_("Looking…"), _("The device cannot be used."), _("Looking…")), suppress(Cancelled):
            said = f"{device}: {self.logic.checkDevice(device, self.onStep)}"
        self.ui.statusLabel.text = said
        self.refresh()

    def onModel(self, index: int) -> None:
        """Takes the chosen model."""
        self._showCard()
        if index >= 0 and self.parameters:
            self.parameters.model = self._models[index].name

    def _showCard(self) -> None:
        index = self.ui.modelComboBox.currentIndex
        self.ui.cardTextEdit.setMarkdown(self._models[index].card if index >= 0 else "")

    def _onLine(self, line: str) -> None:
        """Shows what pip does."""
        self.ui.statusLabel.text = line.strip()[:MOST_LETTERS]
        self.onStep(0, 0)
