"""Tests to run inside Slicer, once the packages are installed: by CTest, or from Slicer's Python console.

>>> import sys, slicer.testing
>>> sys.path.append("/path/to/Testing/Python")
>>> slicer.testing.runUnitTest([], "TextoMorphModuleTest")
"""

import types
import unittest

import slicer


class TextoMorphModuleTest(unittest.TestCase):
    """The main path through the logic, on the digital phantom and on the sample CT."""

    def setUp(self) -> None:
        """Clears the scene."""
        from TextoMorph import TextoMorphLogic

        slicer.mrmlScene.Clear()
        self.logic = TextoMorphLogic()

    def test_a_tumour_in_the_phantom(self) -> None:
        """On the CT's grid, changed in the mask, the CT untouched."""
        from TextoMorphModule.Actions.samples import phantom

        ctNode = phantom()
        before = slicer.util.arrayFromVolume(ctNode).copy()
        mask = self.logic.placeLesion(ctNode, diameter=20.0, position=(70.0, 10.0, 20.0))
        (node,) = self.logic.generate(ctNode, *mask, "hypoattenuating")
        after = slicer.util.arrayFromVolume(node)
        inside = slicer.util.arrayFromSegmentBinaryLabelmap(*mask, ctNode) > 0
        self.assertEqual(after.dtype, before.dtype)
        self.assertTrue((slicer.util.arrayFromVolume(ctNode) == before).all())
        self.assertGreater((after != before)[inside].mean(), 0.9)
        self.assertTrue(self.logic.report(node)["synthetic"])

    def test_the_sample_ct(self) -> None:
        """Slicer's Sample Data module has a CT that can be used; needs no network once it has been fetched."""
        from TextoMorphModule.Actions.samples import download

        try:
            ctNode = download(types.SimpleNamespace(sampleName="AbdomenCT"))
        except OSError as error:
            self.skipTest(str(error))
        self.assertEqual(ctNode.GetName(), "AbdomenCT")
        self.assertEqual(self.logic.whatIsWrongWithCt(ctNode), "")


if __name__ == "__main__":
    unittest.main()
