"""The organ, found by an extension that segments organs."""

from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import nodes, organ_finders
from TextoMorphModule.Actions.background import Progress


class Organs:
    """Organs."""

    def findOrgan(self, ctNode: Any, organ: str, progress: Progress | None = None) -> tuple[Any, str]:
        """Segments an organ with the extension TotalSegmentator or MONAIAuto3DSeg, whichever is installed.

        The quick mode of each: about a minute, longer without a graphics card. Slicer stays alive meanwhile.

        Args:
            ctNode: The CT.
            organ: liver, pancreas or kidney; of kidneys both, as one segment.
            progress: Called about twenty times a second with (0, 0); returns False to cancel.

        Returns:
            Segmentation node and segment ID.

        Raises:
            RuntimeError: None of these extensions is installed, or it failed.
            InputError: It found no such organ.
            Cancelled: `progress` returned False, or the user did not agree to what has to be installed.

        Example:
            >>> liver = logic.findOrgan(ctNode, "liver")
            >>> mask = logic.placeLesion(ctNode, inside=liver)
        """
        from TextoMorphLib.errors import Cancelled, InputError

        finder = organ_finders.installed()
        if finder is None:
            raise RuntimeError(
                _(
                    "This needs the extension TotalSegmentator or MONAIAuto3DSeg. Get one in the Extensions Manager, "
                    "restart Slicer, and press this button again; or load a segmentation of the organ and choose it "
                    "under Inside."
                )
            )
        if not finder.agreed():
            raise Cancelled("cancelled")
        found = nodes.addSegmentation(finder.name, ctNode)
        try:
            finder.segment(ctNode, found, organ, progress)
            whole = _partsOf(organ, found, ctNode)
            if not whole.any():
                raise InputError(f"{finder.name} found no {organ} in this CT")
            segmentation = nodes.addSegmentation(organ.capitalize(), ctNode)
            segmentId = segmentation.GetSegmentation().AddEmptySegment(organ, organ, (0.87, 0.6, 0.4))
            nodes.paint(whole, segmentation, segmentId, ctNode)
            return segmentation, segmentId
        except (Cancelled, InputError):
            raise
        except Exception as error:  # an extension's own kinds of errors are anything
            said = _(
                "{extension} failed: {error}. Or load a segmentation of the organ and choose it under Inside. All that "
                "it said is in Slicer's error log."
            )
            why = str(error).strip().rstrip(".")
            raise RuntimeError(said.format(extension=finder.name, error=why)) from error
        finally:
            if nodes.inScene(found):
                slicer.mrmlScene.RemoveNode(found)


def _partsOf(organ: str, found: Any, ctNode: Any) -> Any:
    """The organ's parts together, boolean, on the CT's grid."""
    import numpy as np

    from TextoMorphLib.errors import InputError

    segments = found.GetSegmentation()
    whole = np.zeros(ctNode.GetImageData().GetDimensions(), bool, order="F")
    for name in (segments.GetNthSegmentID(index) for index in range(segments.GetNumberOfSegments())):
        if any(organ_finders.isPartOf(organ, each) for each in (name, segments.GetSegment(name).GetName())):
            try:
                whole |= nodes.maskOf(found, name, ctNode)
            except InputError:
                continue  # a part that is empty
    return whole
