"""The organ, found by an extension that segments organs."""

import importlib.util
from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import nodes

# What TotalSegmentator calls the parts of an organ.
PARTS = {"liver": ["liver"], "pancreas": ["pancreas"], "kidney": ["kidney_left", "kidney_right"]}


class Organs:
    """Organs."""

    def findOrgan(self, ctNode: Any, organ: str) -> tuple[Any, str]:
        """Segments an organ with the extension TotalSegmentator, in its fast mode: minutes without a graphics card.

        The extension asks before it installs what it needs.

        Args:
            ctNode: The CT.
            organ: liver, pancreas or kidney; of kidneys both, as one segment.

        Returns:
            Segmentation node and segment ID.

        Raises:
            RuntimeError: The extension is not installed, or it failed.
            InputError: It found no such organ.

        Example:
            >>> liver = logic.findOrgan(ctNode, "liver")
            >>> mask = logic.placeLesion(ctNode, inside=liver)
        """
        import numpy as np

        from TextoMorphLib.errors import InputError

        if not hasattr(slicer.modules, "totalsegmentator") or importlib.util.find_spec("TotalSegmentator") is None:
            raise RuntimeError(
                _(
                    "This needs the extension TotalSegmentator. Get it in the Extensions Manager, restart Slicer, and "
                    "press this button again; or load a segmentation of the organ and choose it under Inside."
                )
            )
        found = nodes.addSegmentation(_("TotalSegmentator"), ctNode)
        try:
            self._segment(ctNode, found, PARTS[organ])
            segments = found.GetSegmentation()
            names = [segments.GetNthSegmentID(index) for index in range(segments.GetNumberOfSegments())]
            whole = np.zeros(ctNode.GetImageData().GetDimensions(), bool, order="F")
            for name in names:
                try:
                    whole |= nodes.maskOf(found, name, ctNode)
                except InputError:
                    continue  # a part that is empty
            if not whole.any():
                raise InputError(f"TotalSegmentator found no {organ} in this CT")
            segmentation = nodes.addSegmentation(organ.capitalize(), ctNode)
            segmentId = segmentation.GetSegmentation().AddEmptySegment(organ, organ, (0.87, 0.6, 0.4))
            nodes.paint(whole, segmentation, segmentId, ctNode)
            return segmentation, segmentId
        finally:
            slicer.mrmlScene.RemoveNode(found)

    def _segment(self, ctNode: Any, into: Any, parts: list[str]) -> None:
        from subprocess import CalledProcessError

        import TotalSegmentator

        logic = TotalSegmentator.TotalSegmentatorLogic()
        logic.logCallback = lambda _line: slicer.app.processEvents()
        try:
            logic.setupPythonRequirements()
            logic.process(ctNode, into, fast=True, subset=parts)
        except CalledProcessError as error:
            said = _("TotalSegmentator failed; see Slicer's error log. ({error})")
            raise RuntimeError(said.format(error=error)) from error
