"""Setup: what is missing and how to get it, the device, the model."""

import slicer
from slicer.i18n import tr as _

from TextoMorph.Panels.panel import RunPanel, plainErrors


class SetupPanel(RunPanel):
    """Packages, device, model."""

    name = "Setup"

    def setup(self) -> None:
        """Connects the widgets."""
        super().setup()
        self.ui.installButton.connect("clicked(bool)", self.onInstall)
        self.ui.checkButton.connect("clicked(bool)", self.onCheck)
        self.ui.cardButton.connect("toggled(bool)", self.ui.cardTextEdit.setVisible)
        self.ui.modelComboBox.connect("currentIndexChanged(int)", self.onModel)
        self._device = ""  # the one shown
        self._models = self.logic.models()
        for model in self._models:
            self.ui.modelComboBox.addItem(model.name)
        folder = self.logic.modelsFolder()
        self.ui.folderLabel.text = _("Models folder: \u2026/{folder}").format(folder="/".join(folder.parts[-2:]))
        self.ui.folderLabel.toolTip = _("{folder}: a folder with a further model may be put there.").format(
            folder=folder
        )
        self.ui.setupCollapsibleButton.collapsed = self.showPackages()

    def refresh(self) -> None:
        """Shows the chosen model and device."""
        if self.parameters:
            self.ui.modelComboBox.setCurrentText(self.parameters.model)
        if self.parameters and self.parameters.device != self._device and not self._running:
            self._device = self.ui.statusLabel.text = self.parameters.device
        self.ui.checkButton.text = _("Cancel") if self._running else _("Check")
        self.ui.checkButton.enabled = not self._cancelled if self._running else bool(self.parameters)

    def showPackages(self) -> bool:
        """Says what is missing.

        Returns:
            Whether nothing is.
        """
        missing = self.logic.missingPackages()
        self.ui.packagesLabel.text = (
            _("Not installed yet: {names}. Nothing can be generated before.").format(names=", ".join(missing))
            if missing
            else _("All Python packages are installed.")
        )
        self.ui.installButton.visible = bool(missing)
        return not missing

    def onInstall(self) -> None:
        """Installs what is missing."""
        missing = "\n".join(self.logic.missingPackages())
        question = _("These Python packages will be installed into Slicer:\n\n{names}\n\nThis needs the network.")
        if slicer.util.confirmOkCancelDisplay(question.format(names=missing), windowTitle=_("TextoMorph")):
            with plainErrors(_("The packages could not be installed.")):
                self.logic.installPackages()
        self.showPackages()

    def onCheck(self) -> None:
        """Says what the device is, or cancels that."""
        if self.cancels():
            return
        from TextoMorphLib.errors import Cancelled

        said = device = self.parameters.device
        before = self.ui.statusLabel.text
        with self.run(_("Looking…"), _("The device cannot be used."), _("Looking…")):
            try:
                said = f"{device}: {self.logic.checkDevice(device, self.onStep)}"
            except Cancelled:
                said = before
        self.ui.statusLabel.text = said
        self.refresh()

    def onModel(self, index: int) -> None:
        """Takes the chosen model."""
        if index >= 0:
            self.ui.cardTextEdit.setMarkdown(self._models[index].card)
        if index >= 0 and self.parameters:
            self.parameters.model = self._models[index].name
