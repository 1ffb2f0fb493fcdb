"""Asks, in so many words, whether a patient's text may leave this computer."""

import qt
import slicer
from slicer.i18n import tr as _


def agreesToSend(host: str, sent: str) -> bool:
    """Whether the user agrees that a report is sent to another computer. Return and Escape both mean no.

    Args:
        host: The other computer.
        sent: What would be sent; shown on request.
    """
    if slicer.app.testingEnabled():  # nobody is there to agree
        return False
    box = qt.QMessageBox(slicer.util.mainWindow())
    box.setIcon(qt.QMessageBox.Warning)
    box.windowTitle = _("TextoMorph: a patient's text would leave this computer")
    box.text = _("The report would be sent to {host}.").format(host=host)
    box.informativeText = _(
        "Whoever runs {host} could read and keep it. Names, dates and numbers that may tell who the patient is are "
        "struck out first; that is done by patterns, and is no guarantee that none remains. Details show what would "
        "be sent.\n\nMay this report, and others until Slicer is closed, be sent to {host}? If not, leave the address "
        "empty: then the report is read by rules, on this computer."
    ).format(host=host)
    box.detailedText = sent
    box.setStandardButtons(qt.QMessageBox.Yes | qt.QMessageBox.No)
    box.setDefaultButton(qt.QMessageBox.No)
    box.setEscapeButton(qt.QMessageBox.No)
    agreed: bool = box.exec_() == qt.QMessageBox.Yes
    box.deleteLater()
    return agreed
