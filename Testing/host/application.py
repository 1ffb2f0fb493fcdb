"""`slicer.app`, `slicer.mrmlScene` and `slicer.modules` over slicer-core: Slicer's own scene and logics, no window.

`start()` is called once a process; it returns the `Host`, through which tests answer dialogs and see what was shown.
"""

from __future__ import annotations

import atexit
import importlib.util
import shutil
import sys
import tempfile
import traceback
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host import problems, pythonqt

qt = pythonqt.install()

import slicer  # noqa: E402
import slicer.util  # noqa: E402
import vtk  # noqa: E402
from PySide6 import QtCore, QtWidgets  # noqa: E402
from PySide6.QtCore import Property, Signal  # noqa: E402

from host import (  # noqa: E402
    dicom_database,
    editor,
    layout,
    packages,
    parameter_node,
    qmrml,
    sample_data,
    scripted,
    slicer_files,
    uiloader,
    widgets,
)

LOGICS = {
    "Volumes": slicer.vtkSlicerVolumesLogic,
    "SubjectHierarchy": slicer.vtkSlicerSubjectHierarchyModuleLogic,
    "Terminologies": slicer.vtkSlicerTerminologiesModuleLogic,
    "Markups": slicer.vtkSlicerMarkupsLogic,
    "Plots": slicer.vtkSlicerPlotsLogic,
    "Segmentations": slicer.vtkSlicerSegmentationsModuleLogic,
    "Data": slicer.vtkSlicerDataModuleLogic,
}


@dataclass
class Host:
    """What a user would see and do beside the panel.

    Attributes:
        messages: Text of each message box shown.
        answer: The button that the next message boxes are closed with.
        file: What the file dialogs return; empty if the user cancels.
        selected: Modules that were switched to.
        packages: What is installed and missing.
        editor: The Segment Editor.
        samples: Sample data that modules registered.
        problems_at_start: What went wrong when the modules were loaded.
    """

    packages: packages.Packages
    editor: editor.SegmentEditor
    layout: layout.LayoutManager
    messages: list[str] = field(default_factory=list)
    answer: Any = QtWidgets.QMessageBox.StandardButton.Ok
    file: str = ""
    selected: list[str] = field(default_factory=list)
    samples: list[sample_data.SampleDataSource] = field(default_factory=list)
    problems_at_start: list[str] = field(default_factory=list)

    def reset(self) -> None:
        """A new scene, and nothing shown or chosen yet."""
        slicer.mrmlScene.Clear(0)
        self.messages.clear()
        self.selected.clear()
        self.packages.reset()
        slicer.dicomDatabase._files.clear()
        self.answer, self.file = QtWidgets.QMessageBox.StandardButton.Ok, ""
        QtCore.QSettings().clear()

    def load(self, path: Path) -> Any:
        """Loads a scripted module as Slicer does at its start; the module's object."""
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec
        assert spec.loader
        code = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = code
        sys.path.append(str(path.parent))
        spec.loader.exec_module(code)
        module = getattr(code, path.stem)(scripted.ModuleParent(path))
        entry = _Module(None)
        entry.path = str(path)
        setattr(slicer.modules, path.stem.lower(), entry)
        slicer.app.startupCompleted.emit()
        self.problems_at_start = problems.taken()
        return module

    def open(self, name: str) -> Any:
        """Opens a loaded module's panel for the first time, and waits until it is complete; its widget object."""
        parent = scripted.WidgetParent(name)
        getattr(slicer.modules, name.lower())._representation = parent
        parent.reload()
        parent._entered = True
        parent._widget.enter()
        while not getattr(parent._widget, "complete", True):
            QtWidgets.QApplication.processEvents()
        return parent._widget

    @property
    def opened(self) -> Any:
        """The module panel opened last."""
        return getattr(slicer.modules, "TextoMorphWidget", None)

    def leave(self) -> None:
        """The user goes to another module, or to none."""
        if self.opened and self.opened.parent.isEntered:
            self.opened.parent._entered = False
            self.opened.exit()

    def close(self, widget: Any) -> None:
        """What happens to a panel when Slicer ends."""
        del slicer.modules.TextoMorphWidget
        widget.parent._entered = False
        widget.exit()
        widget.cleanup()
        for owner in (widget, *widget.panels):
            for observed in owner.Observations:
                problems.tell(f"observer left behind: {observed[2]}")
        for child in widget.parent.findChildren(qmrml.SceneWidget):
            child._leave()
        widget.parent.deleteLater()
        QtWidgets.QApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete.value)


class _Module:
    """A loaded module: `slicer.modules.NAME`."""

    path = ""

    def __init__(self, logic: Any, representation: Any = None) -> None:
        self._logic, self._representation = logic, representation

    def logic(self) -> Any:
        return self._logic

    def widgetRepresentation(self) -> Any:
        return self._representation


class Application(QtCore.QObject):
    """qSlicerApplication."""

    startupCompleted = Signal()
    lastWindowClosed = Signal()
    moduleAboutToBeUnloaded = Signal(str)  # the module manager's

    def __init__(self, application_logic: Any, layout_manager: layout.LayoutManager) -> None:
        super().__init__()
        self._logic, self._layout = application_logic, layout_manager
        self._modules: dict[str, Any] = {}

    applicationName = Property(str, lambda self: "TextoMorph test host")
    temporaryPath = Property(str, lambda self: tempfile.gettempdir())

    def applicationLogic(self) -> Any:
        return self._logic

    def layoutManager(self) -> Any:
        return self._layout

    def mrmlScene(self) -> Any:
        return slicer.mrmlScene

    def testingEnabled(self) -> bool:
        return False  # message boxes are to be shown

    def processEvents(self, *flags: Any) -> None:
        QtWidgets.QApplication.processEvents(*flags)

    def topLevelWidgets(self) -> list[Any]:
        return list(QtWidgets.QApplication.topLevelWidgets())

    def pauseRender(self) -> None: ...

    def resumeRender(self) -> None: ...

    def setOverrideCursor(self, cursor: Any) -> None: ...

    def restoreOverrideCursor(self) -> None: ...

    def startupEnvironment(self) -> Any:
        return QtCore.QProcessEnvironment.systemEnvironment()

    def coreIOManager(self) -> Any:
        return self

    def loadNodes(self, kind: str, properties: dict[str, Any], loaded: Any, messages: Any) -> bool:
        if kind != "VolumeFile":
            raise ValueError(f"the host loads volumes alone, not a {kind}")
        name = properties.get("name") or Path(properties["fileName"]).name.split(".")[0]
        node = slicer.modules.volumes.logic().AddArchetypeVolume(properties["fileName"], name)
        if node:
            loaded.AddItem(node)
        return node is not None

    def moduleManager(self) -> Any:
        return self

    def module(self, name: str) -> Any:
        return getattr(slicer.modules, name.lower(), None)


def _folder(of: str) -> str:
    """A new folder that is gone when the host ends."""
    path = tempfile.mkdtemp(prefix=f"textomorph-{of}-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def start() -> Host:
    """Starts the host."""
    # VTK and Qt only print what an observer or a virtual method raises.
    sys.excepthook = lambda kind, error, trace: problems.tell("".join(traceback.format_exception(kind, error, trace)))
    QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
    settings = _folder("settings")
    QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, settings)
    gui = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["host"])
    gui.setStyle("Fusion")
    gui.setOrganizationName("TextoMorph")
    gui.setApplicationName("test host")

    scene = slicer.mrmlScene = slicer.vtkMRMLScene()
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)
    application_logic = slicer.vtkSlicerApplicationLogic()
    application_logic.SetMRMLScene(scene)
    application_logic.SetSliceLogics(vtk.vtkCollection())
    application_logic.SetViewLogics(vtk.vtkCollection())
    slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance().SetMRMLApplicationLogic(application_logic)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    slicer.modules = types.SimpleNamespace()
    colors = application_logic.GetColorLogic()
    colors.SetMRMLScene(scene)
    colors.AddDefaultColorNodes()
    for name, logic in {"Colors": colors, **{name: logic() for name, logic in LOGICS.items()}}.items():
        logic.SetMRMLScene(scene)
        logic.SetMRMLApplicationLogic(application_logic)
        application_logic.SetModuleLogic(name, logic)
        setattr(slicer.modules, name.lower(), _Module(logic))
    # Where .mrb files are unpacked to.
    remote = slicer.vtkMRMLRemoteIOLogic()
    remote.SetMRMLScene(scene)
    remote.GetCacheManager().SetRemoteCacheDirectory(_folder("cache"))
    data = slicer.vtkDataIOManagerLogic()
    data.SetMRMLScene(scene)
    data.SetMRMLApplicationLogic(application_logic)
    data.SetAndObserveDataIOManager(remote.GetDataIOManager())
    remote.AddDataIOToScene()
    segment_editor = editor.SegmentEditor()
    slicer.modules.segmenteditor = _Module(None, types.SimpleNamespace(self=lambda: segment_editor))
    slicer.app = Application(application_logic, layout.LayoutManager(application_logic))
    slicer.app._remote = remote, data
    slicer.dicomDatabase = dicom_database.DICOMDatabase()

    parameter_node.install()
    ctk = sys.modules["ctk"] = types.ModuleType("ctk")
    widgets.install(ctk)
    qt.QUiLoader = uiloader.QUiLoader
    scripted.install()
    host = Host(packages.install(), segment_editor, slicer.app.layoutManager())
    if slicer_files.folder():
        slicer_files.install(ctk, host.packages)
    sample_data.install(host.samples)
    _window(host)
    _dialogs(host, ctk)
    return host


def _window(host: Host) -> None:
    """The main window: it has to be there for message boxes to be shown, and it switches modules."""

    class MainWindow(QtWidgets.QMainWindow):
        def moduleSelector(self) -> Any:
            return types.SimpleNamespace(selectModule=host.selected.append)

        def findChildren(self, kind: Any, *rest: Any) -> Any:
            """PythonQt takes the class by its name."""
            return super().findChildren(getattr(QtWidgets, kind) if isinstance(kind, str) else kind, *rest)

        def pythonConsole(self) -> Any:
            return self._console

        def errorLogDockWidget(self) -> Any:
            return self._error_log

        def closeEvent(self, event: Any) -> None:
            """Leaves the module, so that it can change the window, writes down how the window is, closes the others.

            Slicer goes on until nothing does any more that handles events by itself; its modules are cleaned up then.
            """
            host.leave()
            QtCore.QSettings().setValue("MainWindow/windowState", self.saveState())
            QtCore.QTimer.singleShot(0, slicer.app.lastWindowClosed.emit)

    class ModulePanel(QtWidgets.QWidget):
        helpAndAcknowledgmentVisible = True

    slicer.app._window = window = MainWindow()
    window.setObjectName("qSlicerMainWindow")
    window.menuBar().addMenu("File")
    window.statusBar()
    for name in ("PythonConsoleDockWidget", "ErrorLogDockWidget"):
        dock = QtWidgets.QDockWidget(window)
        dock.setObjectName(name)
        dock.setWidget(QtWidgets.QTextEdit(dock))
        dock.setVisible(False)
        window.addDockWidget(QtCore.Qt.DockWidgetArea.BottomDockWidgetArea, dock)
    window._error_log, window._console = dock, window.findChildren("QDockWidget")[0].widget()
    window._panel = ModulePanel(window)
    window._panel.setObjectName("ModulePanel")
    QtWidgets.QLabel(window).setObjectName("LogoLabel")
    for name in ("ModuleToolBar", "MouseModeToolBar"):
        window.addToolBar(name).setObjectName(name)
    QtWidgets.QWidget(window).setObjectName("DataProbeCollapsibleWidget")


def _dialogs(host: Host, ctk: Any) -> None:
    """Dialogs answer at once, as the test says."""

    class ctkMessageBox(QtWidgets.QMessageBox):
        def exec_(self) -> Any:
            host.messages.append(self.text)
            return host.answer

    class QFileDialog:
        """PythonQt returns the name alone."""

        @staticmethod
        def getSaveFileName(parent: Any, caption: str, directory: str = "", filter: str = "") -> str:
            return host.file

        @staticmethod
        def getOpenFileName(parent: Any, caption: str, directory: str = "", filter: str = "") -> str:
            return host.file

        @staticmethod
        def getExistingDirectory(parent: Any, caption: str, directory: str = "") -> str:
            return host.file

    pythonqt.stands_for_cxx(ctkMessageBox)
    ctk.ctkMessageBox = ctkMessageBox
    qt.QFileDialog = QFileDialog
