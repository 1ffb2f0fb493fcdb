"""The 3D Slicer module: puts a tumour described in words into a loaded CT, where a segment is painted."""

import importlib.util
import sys
from pathlib import Path
from typing import Annotated, Any

import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin

from TextoMorphModule.Actions.batching import Batching
from TextoMorphModule.Actions.comparing import Comparing
from TextoMorphModule.Actions.describing import Describing
from TextoMorphModule.Actions.doubting import Doubting
from TextoMorphModule.Actions.evaluating import Evaluating
from TextoMorphModule.Actions.failing import Failing
from TextoMorphModule.Actions.generating import Generating
from TextoMorphModule.Actions.installing import Installing
from TextoMorphModule.Actions.lesions import Lesions
from TextoMorphModule.Actions.masking import Masking
from TextoMorphModule.Actions.organs import Organs
from TextoMorphModule.Actions.previewing import Previewing
from TextoMorphModule.Actions.reading import Reading
from TextoMorphModule.Actions.reporting import Reporting
from TextoMorphModule.Actions.segmenting import Segmenting
from TextoMorphModule.Actions.showing import Showing
from TextoMorphModule.Actions.training import Training
from TextoMorphModule.Actions.wording import Wording


def findLibrary() -> None:
    """Makes TextoMorphLib importable where the module runs from a checkout."""
    if importlib.util.find_spec("TextoMorphLib") is None:
        sys.path.append(str(Path(__file__).resolve().parents[1]))


class TextoMorph(ScriptedLoadableModule):
    """What Slicer shows of the module."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("TextoMorph")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Image Synthesis")]
        self.parent.dependencies = ["Markups", "Plots", "Segmentations", "SegmentEditor", "SubjectHierarchy", "Volumes"]
        self.parent.contributors = ["TextoMorph contributors"]
        self.parent.helpText = _(
            "Puts a tumour that you describe in words into a CT: choose the CT, paint where the tumour goes or place a "
            "lesion, describe it, Generate, and compare. For research and teaching, not for clinical use."
        )
        self.parent.acknowledgementText = _("After 'Text-Driven Tumor Synthesis', Li et al., IEEE TMI 2026.")
        slicer.app.connect("startupCompleted()", self.registerSampleData)
        findLibrary()

    def registerSampleData(self) -> None:
        """Adds a CT to Slicer's Sample Data module."""
        from TextoMorphModule.Actions import samples

        samples.register(self.resourcePath("Icons/TextoMorph.png"))


@parameterNodeWrapper
class TextoMorphParameterNode:
    """What is saved with the scene."""

    ct: vtkMRMLScalarVolumeNode
    organ: Annotated[str, Choice(["liver", "pancreas", "kidney"])] = "liver"
    segmentation: vtkMRMLSegmentationNode
    segmentId: str = ""
    replaceTumour: bool = False
    organSegmentation: vtkMRMLSegmentationNode
    organSegmentId: str = ""
    maskDisplay: Annotated[str, Choice(["outline", "filled", "hidden"])] = "outline"
    lesionDiameter: Annotated[float, WithinRange(4, 120)] = 25.0
    lesionIrregularity: Annotated[float, WithinRange(0, 1)] = 0.5
    lesionPlace: Annotated[str, Choice(["at the crosshair", "deep in the organ", "where I click next"])] = (
        "at the crosshair"
    )
    placeHint: str = ""
    text: str = "hypoattenuating, ill-defined"
    lesionsSegmentation: vtkMRMLSegmentationNode
    lesions: str = ""
    lesionsTogether: bool = True
    seed: Annotated[int, WithinRange(0, 2**31 - 1)] = 0
    newSeed: bool = False
    variants: Annotated[int, WithinRange(1, 8)] = 1
    ownSettings: bool = False
    steps: Annotated[int, WithinRange(1, 200)] = 4
    guidance: Annotated[float, WithinRange(0, 20)] = 1.5
    device: Annotated[str, Choice(["auto", "cpu", "cuda", "mps"])] = "auto"
    model: str = "starter"
    result: vtkMRMLScalarVolumeNode
    previewTexts: str = "hypoattenuating, ill-defined\nhyperattenuating, well-defined\ncystic, thin wall"
    previewWords: bool = False
    batchCts: str = ""
    batchMasks: str = ""
    batchMasksAre: Annotated[str, Choice(["lesions", "organs"])] = "lesions"
    batchTexts: str = "hypoattenuating, ill-defined\nhyperattenuating, well-defined\ncystic, thin wall"
    batchCount: Annotated[int, WithinRange(1, 10000)] = 10
    batchOutput: str = ""
    trainKind: str = "diffusion"
    trainConfiguration: str = ""
    trainData: str = ""
    trainCases: str = ""
    trainFold: str = ""
    trainOutput: str = ""
    segmentModel: str = "liver-small"
    segmentResult: vtkMRMLSegmentationNode
    evaluateCases: str = ""
    evaluateFold: str = ""
    evaluatePredictions: str = ""
    evaluateCompare: str = ""
    evaluateOutput: str = ""
    evaluateHealthy: str = ""
    evaluateCount: Annotated[int, WithinRange(1, 100000)] = 100


class TextoMorphWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panels, one above the other, on one parameter node."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.panels: list[Any] = []
        self._unbuilt: list[Any] = []
        self._parameterNode: Any = None

    def setup(self) -> None:
        """Called when the user opens the module for the first time; what is not seen at once is built after it."""
        from TextoMorphModule.Panels import panelClasses
        from TextoMorphModule.Panels.column import Column
        from TextoMorphModule.Panels.mask_view import MaskView
        from TextoMorphModule.Panels.panel import later

        ScriptedLoadableModuleWidget.setup(self)
        self.logic = TextoMorphLogic()
        self.maskView = MaskView(self.logic)
        self.column = Column()
        self.layout.addWidget(self.column.widget)
        self._unbuilt = sorted(panelClasses(), key=lambda panelClass: not panelClass.atOnce)
        while self._unbuilt and self._unbuilt[0].atOnce:
            self._build()
        self._next = later(0, self._buildNext)
        self._next.start()
        slicer.app.connect("lastWindowClosed()", self.onLastWindowClosed)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEnd)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEnd)
        self.setParameterNode(self.logic.getParameterNode())

    @property
    def complete(self) -> bool:
        """Whether all panels are built and can be used."""
        return not self._unbuilt and all(panel.ready for panel in self.panels)

    def _build(self) -> Any:
        panel = self._unbuilt.pop(0)(self.logic, self.resourcePath)
        self.panels.append(panel)
        self.panels.sort(key=lambda each: (each.order, each.name))
        self.column.add(panel, sum(not each.pinned for each in self.panels[: self.panels.index(panel)]))
        return panel

    def _buildNext(self) -> None:
        """Builds a panel more: Slicer would stand still while all of them are built in one go."""
        if self._unbuilt:
            self._build().setParameterNode(self._parameterNode)
            self.showPanels()
            self._next.start()

    def cleanup(self) -> None:
        """Called when the application closes and the widget is destroyed."""
        self._next.stop()
        slicer.app.disconnect("lastWindowClosed()", self.onLastWindowClosed)
        self.setParameterNode(None)
        for part in (*self.panels, self.maskView):
            part.cleanup()
        self.removeObservers()

    def onLastWindowClosed(self) -> None:
        """Called when the user closes Slicer, which ends, and calls `cleanup`, only after the runs that go on."""
        self.logic.stop()
        for panel in self.panels:
            panel.stop()

    def enter(self) -> None:
        """Called each time the user opens this module."""
        self.setParameterNode(self.logic.getParameterNode())

    def onReload(self) -> None:
        """The developer's button "Reload": the module's package is read anew, too, not its own file alone."""
        for name in [each for each in sys.modules if each.split(".")[0] == "TextoMorphModule"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def exit(self) -> None:
        """Called each time the user opens another module."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        """Called before the scene is closed: what is being made has no place any more."""
        self.setParameterNode(None)

    def onSceneEnd(self, caller: Any, event: Any) -> None:
        """Called after the scene was closed or another one was read into it."""
        if self.parent.isEntered:
            self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode: TextoMorphParameterNode | None) -> None:
        """Binds the panels to a parameter node, or to none."""
        if self._parameterNode:
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.refresh)
        self._parameterNode = parameterNode
        for panel in self.panels:
            panel.setParameterNode(parameterNode)
        self.maskView.refresh(parameterNode)
        self.showPanels()
        if parameterNode:
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.refresh)

    def refresh(self, caller: Any = None, event: Any = None) -> None:
        """Shows the parameters as they are now."""
        for panel in self.panels:
            panel.refresh()
        self.maskView.refresh(self._parameterNode)
        self.showPanels()

    def showPanels(self) -> None:
        """While somebody reads a Turing test, shows the case's questions and nothing else."""
        reading = self.logic.reading is not None
        for panel in self.panels:
            panel.widget.visible = panel.whileReading == reading
        self.column.fit()


class TextoMorphLogic(
    ScriptedLoadableModuleLogic,
    Installing,
    Masking,
    Lesions,
    Doubting,
    Organs,
    Showing,
    Describing,
    Generating,
    Comparing,
    Previewing,
    Batching,
    Reading,
    Training,
    Segmenting,
    Evaluating,
    Failing,
    Reporting,
    Wording,
):
    """Every panel's action as a method, of use from Slicer's Python console: `logic = TextoMorphLogic()`."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        findLibrary()

    def getParameterNode(self) -> TextoMorphParameterNode:
        """The module's parameters in the scene."""
        return TextoMorphParameterNode(super().getParameterNode())


class TextoMorphTest(ScriptedLoadableModuleTest):
    """What Slicer's "Reload and Test" runs, once the packages are installed; more lies in Testing/Python."""

    def runTest(self) -> None:
        """Makes a tumour in the digital phantom."""
        from TextoMorphModule.Actions.samples import phantom

        slicer.mrmlScene.Clear()
        logic, ctNode = TextoMorphLogic(), phantom()
        mask = logic.placeLesion(ctNode, diameter=20.0, position=(70.0, 10.0, 20.0))
        (node,) = logic.generate(ctNode, *mask, "hypoattenuating")
        self.assertTrue(logic.report(node)["synthetic"])
