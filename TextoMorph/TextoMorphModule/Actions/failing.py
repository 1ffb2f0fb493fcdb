"""Failures: what `textomorph failures find` has listed, one by one in its scan, and what of it is kept."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import background, nodes
from TextoMorphModule.Actions.background import Progress
from TextoMorphModule.Actions.evaluating import FAILURES
from TextoMorphModule.Actions.segmenting import ANATOMY, CODES, ORGAN_COLOUR
from TextoMorphModule.Actions.showing import OUTLINE

FAILURE = "TextoMorph.failure"  # attribute of a segmentation: the state of the failure that it shows
FILE = "TextoMorph.file"  # attribute of a CT that was loaded for one
LESION, PREDICTED, ORGAN = "Lesion", "Predicted", "Organ"  # segments


class Failing:
    """A segmenter's failures, looked at."""

    def failures(self, output: str) -> list[Any]:
        """The failures that `findFailures` wrote to an output folder; none where it has not, or all are struck out.

        Raises:
            InputError: What is wrong with the list.

        Example:
            >>> [(each.kind, each.text) for each in logic.failures("/data/out")]
            [('miss', 'mildly hypoattenuating, solid lesion')]
        """
        from TextoMorphLib.failures.record import read_failures

        file = Path(output) / FAILURES
        return read_failures(file) if output and file.is_file() and file.stat().st_size else []

    def keepFailures(self, failures: Iterable[Any], output: str) -> None:
        """Writes the list anew: what is not in it is not learned from. Found anew, all are there again.

        Example:
            >>> logic.keepFailures(logic.failures("/data/out")[1:], "/data/out")
        """
        from TextoMorphLib.failures.record import write_failures

        write_failures(failures, Path(output) / FAILURES)

    def showFailure(
        self, failure: Any, cases: str, predictions: str, progress: Progress | None = None
    ) -> tuple[Any, tuple[Any, str], tuple[Any, str]]:
        """Shows a failure in its scan: its outline, what was predicted and the organ, in the slice views.

        The CT is loaded where it is not in the scene yet. Slicer stays alive meanwhile.

        Args:
            failure: One of `failures`.
            cases: The cases.jsonl that it is of.
            predictions: The folder of predictions.
            progress: Called about twenty times a second; returns False to cancel.

        Returns:
            CT node; segmentation node and segment ID of the failure; the same of the organ, None and empty where the
            case does not show it.

        Raises:
            InputError: The case is not among the cases, or a file cannot be read.
            Cancelled: `progress` returned False.

        Example:
            >>> first = logic.failures("/data/out")[0]
            >>> ct, mask, organ = logic.showFailure(first, "/data/cases.jsonl", "/data/predictions")
        """
        work = partial(_read, failure, cases, predictions)
        volume, parts, state = background.run(background.inOneGo(work), progress)
        ct, before = _loaded(failure, volume)
        segmentation = self._segmentationOf(failure, ct, parts, state)
        for other in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            if other.GetAttribute(FAILURE):
                other.GetDisplayNode().SetVisibility(other is segmentation)
        slicer.util.setSliceViewerLayers(background=ct, fit=not before)
        self.jumpToLesion(segmentation, {"centre_ras_mm": failure.centre_mm})  # type: ignore[attr-defined]
        return ct, (segmentation, LESION), (segmentation, ORGAN) if ORGAN in parts else (None, "")

    def _segmentationOf(self, failure: Any, ct: Any, parts: dict[str, tuple[Any, Any]], state: str) -> Any:
        """The segmentation that shows a failure, made where there is none; what was painted in it stays."""
        for each in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            shown = each.GetAttribute(FAILURE) == state and each.GetSegmentation().GetSegment(LESION) is not None
            if shown and self.segmentedCt(each) is ct:  # type: ignore[attr-defined]
                return each
        node = nodes.addSegmentation(failure.id, ct)
        node.SetAttribute(FAILURE, state)
        names = {LESION: _(failure.kind), PREDICTED: _("predicted"), ORGAN: failure.organ}
        for number, (segmentId, (box, inside)) in enumerate(parts.items()):
            nodes.addSegment(node, names[segmentId], number, segmentId)
            if segmentId == ORGAN:
                segment = node.GetSegmentation().GetSegment(ORGAN)
                segment.SetColor(*ORGAN_COLOUR)
                if failure.organ in CODES:
                    tag = slicer.vtkSegment.GetTerminologyEntryTagName()
                    segment.SetTag(tag, ANATOMY.format(code=CODES[failure.organ]))
            nodes.paintIn(box, inside, node, segmentId, ct)
            self.showMask(node, segmentId, OUTLINE)  # type: ignore[attr-defined]
        nodes.placeUnder(node, ct)
        return node


def _loaded(failure: Any, volume: Any) -> tuple[Any, bool]:
    """The CT as a node, and whether it was there: loaded from the same file before, and where that says it lies."""
    import numpy as np

    file = str(failure.ct.resolve())
    for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        storage = node.GetStorageNode()
        known = node.GetAttribute(FILE) or (storage.GetFileName() if storage else None)
        same = known and Path(known).resolve() == Path(file) and node.GetImageData()
        if same and np.allclose(nodes.affineOf(node), volume.affine, atol=1e-3):
            return node, True
    plain = (volume.slope, volume.intercept) == (1, 0)
    node = nodes.addVolume(volume.data if plain else volume.hu(), volume.affine, failure.case)
    node.SetAttribute(FILE, file)
    return node, False


def _read(failure: Any, cases: str, predictions: str) -> tuple[Any, dict[str, tuple[Any, Any]], str]:
    """The scan, box and mask of what is shown in it, by segment, and what tells this failure from all others."""
    import numpy as np

    from TextoMorphLib.cases import read_cases, tumour_classes
    from TextoMorphLib.errors import InputError
    from TextoMorphLib.evaluation.scores import prediction_of, read_both, usual_values
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.spatial.geometry import tight_box

    every = read_cases(Path(cases))
    case = next((each for each in every if each.id == failure.case), None)
    if case is None:
        raise InputError(f"{cases} has no case {failure.case}; choose the cases that the failures are of")
    mask = Volume.read(failure.mask)
    classes = tumour_classes(every)
    file = prediction_of(case, Path(predictions)) if predictions else None
    if file:
        ct, _reference, predicted, _ = read_both(case, file.parent, classes, None, usual_values(every))
    else:
        ct, predicted = Volume.read(case.ct), None
    start = np.rint((np.linalg.inv(ct.affine) @ mask.affine)[:3, 3]).astype(int)
    if (start < 0).any() or (start + mask.shape > ct.shape).any():
        raise InputError(f"{failure.id} lies outside its scan, which has changed; find the failures anew")
    found = {LESION: (tuple(slice(a, a + n) for a, n in zip(start, mask.shape, strict=True)), mask.data > 0)}
    for name, whole in ((PREDICTED, predicted), (ORGAN, case.targets(ct, classes) == 1)):
        if whole is not None and whole.any():
            box = tight_box(whole > 0)
            found[name] = box, whole[box] > 0
    return ct, found, f"{failure.mask.resolve()} {[each.stat().st_mtime_ns for each in (failure.mask, file) if each]}"
