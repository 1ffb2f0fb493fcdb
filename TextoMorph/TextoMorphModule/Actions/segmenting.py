"""Segment: `textomorph segment` on a loaded CT as a process of its own, its result as a segmentation with a list."""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import background, nodes, resampling
from TextoMorphModule.Actions.background import Progress
from TextoMorphModule.Actions.processes import Console
from TextoMorphModule.Actions.showing import OUTLINE

ORGAN = "organ"  # what reports call it, whichever it is
REPORT = "TextoMorph.segmentation"  # attribute of the segmentation node: the command's report, JSON
NEAR_VOXELS = 3.0  # how far a tumour may have been changed from its place in the list
COLOURS = ((0.9, 0.6, 0.1), (0.85, 0.35, 0.5), (0.45, 0.75, 0.85), (0.7, 0.5, 0.9))
ORGAN_COLOUR = (0.87, 0.6, 0.4)
CODES = {"liver": "10200004^Liver", "pancreas": "15776009^Pancreas", "kidney": "64033007^Kidney"}  # SNOMED CT
ANATOMY = (
    "Segmentation category and type - DICOM master list~SCT^123037004^Anatomical Structure"
    "~SCT^{code}~^^~Anatomic codes - DICOM master list~^^~^^"
)


@dataclass(frozen=True)
class SegmentationModel:
    """A model that segments.

    Attributes:
        name: Its name.
        organ: The organ that it knows.
        classes: What it calls tumours.
        card: How it was trained, on what it was measured, and what it cannot do; Markdown.
    """

    name: str
    organ: str
    classes: tuple[str, ...]
    card: str

    @property
    def summary(self) -> str:
        """What it is for, and the first paragraph of its card."""
        paragraphs = [each for each in self.card.split("\n\n") if each.strip() and not each.lstrip().startswith("#")]
        first = " ".join(paragraphs[0].split()).replace("**", "") if paragraphs else ""
        told = _("Of the {organ}: {classes}. {first}")
        return told.format(organ=self.organ, classes=", ".join(self.classes), first=first).strip()


class SegmentRun:
    """A segmentation that is made, or was.

    Attributes:
        console: The process.
        grid: What `nodes.gridOf` said of the CT when it began.
        done, of: How far it is.
    """

    def __init__(
        self,
        folder: Path,
        grid: Any,
        arguments: list[str],
        onLine: Callable[[str], None],
        onChange: Callable[[], None],
    ) -> None:
        self.folder, self.grid, self.onChange = folder, grid, onChange
        self.done = self.of = 0
        self.console = Console(arguments, onLine=onLine, onEvent=self._onEvent, onEnd=self._onEnd)

    @property
    def running(self) -> bool:
        """Whether it still goes on."""
        return self.console.running

    def stop(self) -> None:
        """Ends it."""
        self.console.stop()

    def forget(self) -> None:
        """Removes its files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _onEvent(self, event: dict[str, Any]) -> None:
        if "done" in event:
            self.done, self.of = event["done"], event["of"]
            self.onChange()

    def _onEnd(self) -> None:
        self.onChange()
        self.forget()


class Segmenting:
    """Organs and tumours that a model finds."""

    def segmenters(self) -> list[SegmentationModel]:
        """The models that segment: those that come with TextoMorph, and those in the user's models folder.

        Example:
            >>> [(model.name, model.organ) for model in logic.segmenters()]
            [('liver-small', 'liver')]
        """
        from TextoMorphLib import paths

        found: dict[str, SegmentationModel] = {}
        for folder in (each for models in paths.folders("Models") for each in sorted(models.glob("*/config.json"))):
            try:
                config = json.loads(folder.read_text(encoding="utf-8"))
                if config.get("kind") == "segmentation":
                    name, card = folder.parent.name, folder.with_name("MODEL_CARD.md")
                    text = card.read_text(encoding="utf-8") if card.is_file() else ""
                    model = SegmentationModel(name, config["organ"], tuple(config["classes"]), text)
                    found.setdefault(name, model)
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue  # what cannot be read is no model
        return list(found.values())

    def canSegment(self) -> bool:
        """Whether the packages that segmenting needs are there; if not, asks whether to install them.

        Raises:
            RuntimeError: They could not be installed.

        Example:
            >>> logic.canSegment()
            True
        """
        from TextoMorphModule.Actions import packages

        return packages.ensured("segmentation")

    def segment(
        self,
        ctNode: Any,
        model: str = "liver-small",
        organ: tuple[Any, str] | None = None,
        overlap: float = 0.75,
        leastMm: float = 3.0,
        anywhere: bool = False,
        device: str = "auto",
        onLine: Callable[[str], None] = lambda line: None,
        onChange: Callable[[], None] = lambda: None,
        progress: Progress | None = None,
    ) -> SegmentRun:
        """Starts to look for organ and tumours in a CT, in the background; `takeSegmentation` makes nodes of it.

        Slicer stays alive while the CT is written for the process.

        Args:
            ctNode: The CT.
            model: A model's name or folder.
            organ: Segmentation node and segment ID of the organ, outside of which nothing is looked at; None takes
                what the model calls organ.
            overlap: Of neighbouring windows, 0 to below 1.
            leastMm: Smaller tumours are left out.
            anywhere: Keep tumours outside the organ.
            device: auto, cpu, cuda, cuda:N or mps.
            onLine: Called in Slicer's own thread with each line that the process writes.
            onChange: Called likewise when it has come further, and at its end.
            progress: Called about twenty times a second while the CT is written; returns False to cancel.

        Raises:
            InputError: There is no CT, or nothing in the organ's segment.
            Cancelled: `progress` returned False.

        Example:
            >>> run = logic.segment(ctNode, "liver-small")
        """
        ct, grid = nodes.volumeOf(ctNode), nodes.gridOf(ctNode)
        mask = nodes.organOf(organ, ctNode, progress)
        folder = Path(tempfile.mkdtemp(prefix="textomorph-", dir=slicer.app.temporaryPath))
        try:
            background.run(background.inOneGo(partial(_write, ct, mask, folder)), progress)
            arguments = ["segment", str(folder / "ct.nii"), "--model", model, "--output", str(folder / "found.nii")]
            arguments += ["--overlap", f"{overlap:g}", "--least-mm", f"{leastMm:g}", "--device", device]
            arguments += ["--organ-mask", str(folder / "organ.nii")] if mask is not None else []
            arguments += ["--anywhere"] if anywhere else []
            return SegmentRun(folder, grid, arguments, onLine, onChange)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def takeSegmentation(self, run: SegmentRun, ctNode: Any, progress: Progress | None = None) -> Any:
        """Makes a segmentation node of what a finished run found, under its CT in the subject hierarchy.

        Args:
            run: It has ended well; its `onChange` may call this.
            ctNode: The CT that was looked at.
            progress: Called about twenty times a second; returns False to cancel.

        Returns:
            The node: a segment for each class of tumours that was found, and one for the organ with its tumours where
            none was given.

        Raises:
            InputError: The CT was removed from the scene, or changed.
            Cancelled: `progress` returned False.

        Example:
            >>> node = logic.takeSegmentation(run, ctNode)
            >>> logic.foundLesions(node)[0]["diameter_mm"]
        """
        from TextoMorphLib.errors import InputError

        parts, report = background.run(background.inOneGo(partial(_read, run.folder)), progress)
        if not nodes.inScene(ctNode) or nodes.gridOf(ctNode) != run.grid:
            raise InputError("the CT was removed or changed meanwhile")
        organ, name = report["organ"], report["model"]["name"]
        node = nodes.addSegmentation(f"{ctNode.GetName()} {name}", ctNode)
        node.SetAttribute(REPORT, json.dumps(report))
        segmentation = node.GetSegmentation()
        for number, (called, box, inside) in enumerate(parts):
            isOrgan = called == ORGAN
            segmentId = organ if isOrgan else called
            segmentation.AddEmptySegment(
                segmentId, segmentId, ORGAN_COLOUR if isOrgan else COLOURS[number % len(COLOURS)]
            )
            entry = ANATOMY.format(code=CODES[organ]) if isOrgan and organ in CODES else nodes.TERMINOLOGY
            segmentation.GetSegment(segmentId).SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), entry)
            nodes.paintIn(box, inside, node, segmentId, ctNode)
            self.showMask(node, segmentId, OUTLINE)  # type: ignore[attr-defined]
        nodes.placeUnder(node, ctNode)
        return node

    def segmentedCt(self, segmentationNode: Any) -> Any:
        """The CT in which `segment` found what a node holds; None where it is no longer in the scene.

        Example:
            >>> logic.segmentedCt(node).GetName()
            'CT'
        """
        role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
        return segmentationNode.GetNodeReference(role)

    def foundLesions(self, segmentationNode: Any) -> list[dict[str, Any]]:
        """The tumours that `segment` found, the largest first: number, class, diameter_mm, volume_ml, centre_ras_mm.

        Example:
            >>> [lesion["class"] for lesion in logic.foundLesions(node)]
            ['tumour']
        """
        told = segmentationNode.GetAttribute(REPORT) if nodes.inScene(segmentationNode) else None
        found = json.loads(told)["lesions"] if told else []
        return sorted(found, key=lambda lesion: -lesion["volume_ml"])

    def jumpToLesion(self, segmentationNode: Any, lesion: dict[str, Any]) -> None:
        """Shows a tumour's middle in all slice views.

        Example:
            >>> logic.jumpToLesion(node, logic.foundLesions(node)[0])
        """
        world = [0.0, 0.0, 0.0]
        segmentationNode.TransformPointToWorld(lesion["centre_ras_mm"], world)
        slicer.modules.markups.logic().JumpSlicesToLocation(*world, True)

    def lesionAsMask(self, segmentationNode: Any, lesion: dict[str, Any], ctNode: Any) -> tuple[Any, str]:
        """A mask of its own of one tumour.

        Returns:
            Segmentation node and segment ID.

        Raises:
            InputError: The tumour is no longer there.

        Example:
            >>> mask = logic.lesionAsMask(node, logic.foundLesions(node)[0], ctNode)
        """
        import numpy as np
        from scipy import ndimage

        from TextoMorphLib.errors import InputError
        from TextoMorphLib.spatial.geometry import tight_box

        segmentId = segmentationNode.GetSegmentation().GetSegmentIdBySegmentName(lesion["class"])
        box, inside = nodes.cutOut(segmentationNode, segmentId, ctNode)
        numbers, _count = ndimage.label(inside, np.ones((3, 3, 3)))
        start = np.array([part.start for part in box])
        voxels = np.argwhere(numbers)
        away = np.linalg.norm(voxels + start - _centreIn(ctNode, segmentationNode, lesion), axis=1)
        reach = NEAR_VOXELS + 0.5 * lesion["diameter_mm"] / min(ctNode.GetSpacing())
        if away.min() > reach:
            raise InputError("this tumour is no longer there; segment again")
        own = numbers == numbers[tuple(voxels[away.argmin()])]
        tight = tight_box(own)
        there = tuple(slice(a.start + b.start, a.start + b.stop) for a, b in zip(box, tight, strict=True))
        segmentation, maskId = self.newMask(ctNode)  # type: ignore[attr-defined]
        nodes.paintIn(there, own[tight], segmentation, maskId, ctNode)
        return segmentation, maskId


def _centreIn(ctNode: Any, segmentationNode: Any, lesion: dict[str, Any]) -> Any:
    """A tumour's middle in voxels of a CT, which need not be the one that it was found in."""
    import numpy as np

    world, local = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
    segmentationNode.TransformPointToWorld(lesion["centre_ras_mm"], world)
    ctNode.TransformPointFromWorld(world, local)
    return resampling.moved(np.array(local), np.linalg.inv(nodes.affineOf(ctNode)))


def _write(ct: Any, mask: Any, folder: Path) -> None:
    from TextoMorphLib.io.volume import Volume

    ct.write(folder / "ct.nii")
    if mask is not None:
        Volume.from_array(mask, ct.affine).write(folder / "organ.nii")


def _read(folder: Path) -> tuple[list[tuple[str, Any, Any]], dict[str, Any]]:
    """Name and box and mask of each part that was found, and the report."""
    from TextoMorphLib.io import outputs
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.spatial.geometry import tight_box

    place = folder / "found.nii"
    labels = Volume.read(place).data
    report = json.loads(outputs.report_path(place).read_text(encoding="utf-8"))
    parts = []
    given = report["request"]["organ_mask"] is not None
    for name, values in report["values"].items():
        if name == ORGAN and given:
            continue
        inside = labels >= 1 if name == ORGAN else labels == values[0]
        if inside.any():
            box = tight_box(inside)
            parts.append((name, box, inside[box]))
    return parts, report
