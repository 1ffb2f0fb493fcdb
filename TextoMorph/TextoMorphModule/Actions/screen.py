"""The main window around the views: cleared while somebody reads, and brought back just as it was."""

from collections.abc import Callable

import slicer


def clear() -> Callable[[], None]:
    """Hides bars, console, logo, help and all else that could distract from a case.

    Slicer writes down where its toolbars are when it is closed, after the module has been left: call what this returns
    by then, or the next start has none.

    Returns:
        Brings back what was shown before; what was hidden stays hidden.
    """
    window = slicer.util.mainWindow()
    if not window:
        return lambda: None
    shown = {
        slicer.util.setMenuBarsVisible: not window.menuBar().isHidden(),
        slicer.util.setStatusBarVisible: not window.statusBar().isHidden(),
        slicer.util.setErrorLogVisible: not window.errorLogDockWidget().isHidden(),
    }
    if dock := window.pythonConsole().parent():  # none where the settings make it a window of its own
        shown[slicer.util.setPythonConsoleVisible] = not dock.isHidden()
    for panel in slicer.util.findChildren(window, name="ModulePanel"):
        shown[slicer.util.setModuleHelpSectionVisible] = panel.helpAndAcknowledgmentVisible
    for label in slicer.util.findChildren(window, name="LogoLabel"):
        shown[slicer.util.setApplicationLogoVisible] = not label.isHidden()
    for probe in slicer.util.findChildren(window, name="DataProbeCollapsibleWidget"):
        shown[slicer.util.setDataProbeVisible] = not probe.isHidden()
    arrangement = window.saveState()  # which toolbars were hidden already, and where everything lay
    slicer.util.setToolbarsVisible(False)
    for setVisible in shown:
        setVisible(False)

    def bringBack() -> None:
        for setVisible, before in shown.items():
            setVisible(before)
        slicer.util.setToolbarsVisible(True)
        window.restoreState(arrangement)

    return bringBack
