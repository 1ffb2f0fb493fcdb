"""The 3D Slicer module: generates a described tumour in a loaded CT, where a segment is painted."""

import importlib.util
import sys
from collections.abc import Callable
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

MODEL = "starter"


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
        self.parent.dependencies = ["Segmentations", "Volumes"]
        self.parent.contributors = ["TextoMorph contributors"]
        self.parent.helpText = _(
            "Puts a tumour that you describe in words into a CT: choose the CT, paint where the tumour goes with the "
            "Segment Editor, describe it, Generate. For research and teaching, not for clinical use."
        )
        self.parent.acknowledgementText = _("After 'Text-Driven Tumor Synthesis', Li et al., IEEE TMI 2026.")


@parameterNodeWrapper
class TextoMorphParameterNode:
    """What is saved with the scene."""

    ct: vtkMRMLScalarVolumeNode
    organ: Annotated[str, Choice(["liver", "pancreas", "kidney"])] = "liver"
    text: str = "hypoattenuating, ill-defined"
    seed: Annotated[int, WithinRange(0, 2**31 - 1)] = 0


class TextoMorphWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: Any = None
        self._parameterNode: Any = None
        self._parameterNodeGuiTag: Any = None
        self._running = False
        self._cancelled = False

    def setup(self) -> None:
        """Called when the user opens the module for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        panel = slicer.util.loadUI(self.resourcePath("UI/TextoMorph.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        self.logic = TextoMorphLogic()

        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.ui.segmentSelector.connect("currentSegmentChanged(QString)", self._updateButton)
        self.ui.segmentSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._updateButton)
        self.ui.generateButton.connect("clicked(bool)", self.onGenerateButton)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """Called when the application closes and the widget is destroyed."""
        self._cancelled = True
        self.removeObservers()

    def enter(self) -> None:
        """Called each time the user opens this module."""
        self.initializeParameterNode()

    def exit(self) -> None:
        """Called each time the user opens another module."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        """Called before the scene is closed: what is being made has no place any more."""
        self._cancelled = True
        self.setParameterNode(None)

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        """Called after the scene is closed."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        """Makes sure that there is a parameter node, and chooses the first CT where none is chosen."""
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.ct:
            first = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
            if first:
                self._parameterNode.ct = first

    def setParameterNode(self, parameterNode: TextoMorphParameterNode | None) -> None:
        """Binds the panel to a parameter node, or to none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._updateButton)
        self._parameterNode = parameterNode
        if self._parameterNode:
            self._parameterNodeGuiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._updateButton)
            self._updateButton()

    def onGenerateButton(self, checked: bool = False) -> None:
        """Generates; while that runs, the same button cancels."""
        if self._running:
            self._cancelled = True
            self.ui.generateButton.enabled = False
            return
        wanted = self._parameterNode
        where = self.ui.segmentSelector.currentNode(), self.ui.segmentSelector.currentSegmentID()
        with slicer.util.tryWithErrorDisplay(_("The tumour could not be generated.")):
            self.logic.ensureRequirements()
            self._running, self._cancelled = True, False
            self._showRunning()
            try:
                made = self.logic.generate(
                    wanted.ct, *where, wanted.text, wanted.organ, wanted.seed, progress=self._onProgress
                )
            finally:
                self._running = False
                self._showRunning()
            if made is None:
                self.ui.resultLabel.text = _("Cancelled; nothing was changed.")
            else:
                node, report = made
                slicer.util.setSliceViewerLayers(background=node)
                self.ui.resultLabel.text = "\n".join(self.logic.summary(report))

    def _onProgress(self, step: int, total: int) -> bool:
        self.ui.progressBar.maximum = total
        self.ui.progressBar.value = step
        slicer.app.processEvents()
        return not self._cancelled

    def _showRunning(self) -> None:
        self.ui.inputsCollapsibleButton.enabled = not self._running
        self.ui.generateButton.text = _("Cancel") if self._running else _("Generate")
        self.ui.progressBar.visible = self._running
        self.ui.progressBar.maximum = 0  # busy until the first step is done
        self._updateButton()
        slicer.app.processEvents()

    def _updateButton(self, *_unused: Any) -> None:
        wanted = self._parameterNode
        ready = wanted and wanted.ct and wanted.text.strip() and self.ui.segmentSelector.currentSegmentID()
        self.ui.generateButton.enabled = bool(self._running or ready)
        self.ui.generateButton.toolTip = "" if ready else _("Choose a CT and a segment, and describe the tumour.")


class TextoMorphLogic(ScriptedLoadableModuleLogic):
    """Drives TextoMorphLib with nodes of the scene; needs no panel."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self._synthesizer: Any = None

    def getParameterNode(self) -> TextoMorphParameterNode:
        """The module's parameters in the scene."""
        return TextoMorphParameterNode(super().getParameterNode())

    def ensureRequirements(self) -> None:
        """Makes sure that the Python packages are there; asks before anything is installed.

        Raises:
            RuntimeError: The user declines.
        """
        import PyTorchUtils
        import slicer.packaging

        findLibrary()
        from TextoMorphLib.paths import resources

        torchLogic = PyTorchUtils.PyTorchUtilsLogic()
        if not torchLogic.torchInstalled() and torchLogic.installTorch(askConfirmation=True) is None:
            raise RuntimeError(_("PyTorch is needed and was not installed."))
        requirements = slicer.packaging.load_requirements(resources() / "requirements.txt")
        slicer.packaging.pip_ensure(requirements, requester="TextoMorph")

    def generate(
        self,
        ctNode: vtkMRMLScalarVolumeNode,
        segmentationNode: vtkMRMLSegmentationNode,
        segmentId: str,
        text: str,
        organ: str = "liver",
        seed: int = 0,
        progress: Callable[[int, int], bool] | None = None,
    ) -> tuple[vtkMRMLScalarVolumeNode, dict[str, Any]] | None:
        """Puts a tumour into a copy of a CT.

        Args:
            ctNode: The CT, in HU; it is not changed.
            segmentationNode: Where the segment is.
            segmentId: The segment that the tumour fills.
            text: The description.
            organ: liver, pancreas or kidney.
            seed: The same seed gives the same tumour.
            progress: Called with (steps done, steps in all); returns False to cancel.

        Returns:
            The new volume node and the report, or None if cancelled.

        Raises:
            ValueError: What is wrong with the CT, the segment or the text.
            RuntimeError: The segment cannot be brought onto the CT's grid.
        """
        findLibrary()
        import numpy as np

        from TextoMorphLib.errors import Cancelled
        from TextoMorphLib.synthesis import Synthesizer
        from TextoMorphLib.volume import Volume, check_ct

        toRas = vtk.vtkMatrix4x4()
        ctNode.GetIJKToRASMatrix(toRas)
        ct = Volume.from_array(slicer.util.arrayFromVolume(ctNode).transpose(), slicer.util.arrayFromVTKMatrix(toRas))
        check_ct(ct)
        painted = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, segmentId, ctNode)
        try:
            if self._synthesizer is None:
                self._synthesizer = Synthesizer.load(MODEL)
            mask = painted.transpose() > 0
            made = self._synthesizer.synthesize(ct, mask, text, organ=organ, seed=seed, progress=progress)
        except Cancelled:
            return None
        return self._addVolume(ctNode, np.ascontiguousarray(made.volume.data.transpose())), made.report

    @staticmethod
    def summary(report: dict[str, Any]) -> list[str]:
        """What was asked against what was measured, a line each."""
        marks = {True: _("yes"), False: _("no"), None: _("cannot be measured here")}
        rows = [row for lesion in report["asked"] for row in lesion]
        lines = [f"{row['asked']}: {marks[row['ok']]} ({row['measured']} {row['unit']})" for row in rows]
        return lines or [_("No known term was recognised in the description.")]

    @staticmethod
    def _addVolume(ctNode: vtkMRMLScalarVolumeNode, voxels: Any) -> vtkMRMLScalarVolumeNode:
        """A copy of the CT with other voxels, beside it in the subject hierarchy."""
        name = slicer.mrmlScene.GenerateUniqueName(f"{ctNode.GetName()} synthetic")
        node = slicer.modules.volumes.logic().CloneVolume(slicer.mrmlScene, ctNode, name)
        slicer.util.updateVolumeFromArray(node, voxels)
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        parent = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(ctNode))
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), parent)
        return node


class TextoMorphTest(ScriptedLoadableModuleTest):
    """A self-test to run inside Slicer, once the packages are installed."""

    def setUp(self) -> None:
        """Clears the scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Runs all tests."""
        self.setUp()
        self.test_generate()

    def test_generate(self) -> None:
        """A tumour in the digital phantom: on the CT's grid, changed in the segment, the CT untouched."""
        findLibrary()
        import numpy as np

        from TextoMorphLib.examples import lesion_mask, phantom

        ct, organs = phantom()
        mask = lesion_mask(ct, organs["liver"], 20.0)
        before = np.ascontiguousarray(ct.data.transpose())
        ctNode = slicer.util.addVolumeFromArray(before, ijkToRAS=ct.affine, name="phantom")
        segmentationNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(ctNode)
        segmentId = segmentationNode.GetSegmentation().AddEmptySegment("lesion")
        painted = np.ascontiguousarray(mask.transpose()).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(painted, segmentationNode, segmentId, ctNode)
        node, report = TextoMorphLogic().generate(ctNode, segmentationNode, segmentId, "hypoattenuating")
        after = slicer.util.arrayFromVolume(node)
        self.assertEqual(after.dtype, before.dtype)
        self.assertTrue(np.array_equal(slicer.util.arrayFromVolume(ctNode), before))
        self.assertGreater(np.mean((after != before)[painted > 0]), 0.9)
        self.assertTrue(report["synthetic"])
