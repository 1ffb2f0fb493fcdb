"""A painted lesion is described at the press of a button: its words, the numbers behind them, what is left open."""

from __future__ import annotations

from typing import Any

import slicer
from panel_hands import darken
from PySide6 import QtCore

from host import mainpath

FIRST, SECOND = (70.0, 10.0, 20.0), (70.0, 10.0, -25.0)


def painted(ct: Any, *balls: Any) -> tuple[Any, str]:
    """A mask of what is dark, as if it had been painted."""
    from TextoMorphModule.Actions import nodes

    segmentation = nodes.addSegmentation("Painted", ct)
    segmentId = nodes.addSegment(segmentation)
    whole = balls[0]
    for ball in balls[1:]:
        whole = whole | ball
    nodes.paint(whole, segmentation, segmentId, ct)
    return segmentation, segmentId


def test_a_painted_lesion_fills_the_text_box(host: Any, ct: Any, panels: Any) -> None:
    describe, wanted = panels["Describe"], panels["Describe"].parameters
    window = describe.widget.window()
    window.resize(480, 2600)
    window.show()
    ui = describe.ui
    wanted.ct = ct
    assert not ui.wordsButton.enabled  # nothing is painted
    ball = darken(ct, FIRST, 24.0, -60)
    wanted.segmentation, wanted.segmentId = painted(ct, ball)
    wanted.text = "cystic"
    beats: list[bool] = []
    heart = QtCore.QTimer()
    heart.timeout.connect(lambda: beats.append(True))
    heart.start(20)
    mainpath.click(ui.wordsButton)
    assert host.messages == []
    assert "hypoattenuating" in wanted.text
    assert "lesion, 2" in wanted.text  # its size
    assert ui.textEdit.toPlainText() == wanted.text
    assert "% sure, contrast -5" in ui.wordsLabel.text
    assert " HU" in ui.wordsLabel.text
    assert "not said:" in ui.wordsLabel.text
    assert "neither phases and washout" in ui.wordsLabel.text
    assert not ui.wordsLabel.isHidden()
    assert beats  # Slicer went on meanwhile
    understood = describe.logic.understand(wanted.text, "liver")
    assert "hypoattenuating" in " ".join(understood.terms)
    assert not understood.unknown

    wanted.organ = "kidney"
    assert ui.wordsLabel.isHidden()  # it was of other terms


def test_the_result_that_is_looked_at_is_described(host: Any, ct: Any, panels: Any, logic: Any) -> None:
    wanted, ui = panels["Describe"].parameters, panels["Describe"].ui
    wanted.ct = ct
    mask = wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 24.0, position=FIRST)
    wanted.text = "markedly hyperattenuating"
    panels["Generate"].ui.generateButton.click()
    ui.wordsButton.click()
    assert "hyperattenuating" in wanted.text
    assert wanted.result.GetName() in ui.wordsLabel.text
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 24.0, position=SECOND)  # the CT is worked on again
    ui.wordsButton.click()
    assert "isoattenuating" in wanted.text
    assert "In Phantom CT:" in ui.wordsLabel.text
    assert mask[0] is not wanted.segmentation
    assert host.messages == []


def test_the_largest_of_several_is_taken_and_the_others_told(host: Any, ct: Any, panels: Any, logic: Any) -> None:
    wanted = panels["Describe"].parameters
    balls = darken(ct, FIRST, 16.0, -60), darken(ct, SECOND, 26.0, 60)
    wanted.ct = ct
    wanted.segmentation, wanted.segmentId = painted(ct, *balls)
    panels["Describe"].ui.wordsButton.click()
    assert "hyperattenuating" in wanted.text
    assert "2 lesions; the largest was taken. The others: " in panels["Describe"].ui.wordsLabel.text


def test_it_is_cancelled_and_what_is_wrong_is_said(host: Any, ct: Any, panels: Any) -> None:
    describe, wanted = panels["Describe"], panels["Describe"].parameters
    wanted.ct, wanted.text = ct, "cystic"
    wanted.segmentation, wanted.segmentId = painted(ct, darken(ct, FIRST, 20.0, -60))
    button = describe.ui.wordsButton
    QtCore.QTimer.singleShot(0, button.click)  # it is Cancel by then
    button.click()
    assert (wanted.text, button.text, button.enabled) == ("cystic", "Describe this lesion", True)
    slicer.util.arrayFromVolume(ct)[:] = 7
    slicer.util.arrayFromVolumeModified(ct)
    button.click()
    assert "could not be described" in host.messages[0]
    assert wanted.text == "cystic"


def test_an_organ_that_is_the_lesion_is_refused(host: Any, ct: Any, panels: Any) -> None:
    wanted = panels["Describe"].parameters
    wanted.ct, wanted.text = ct, "cystic"
    wanted.segmentation, wanted.segmentId = painted(ct, darken(ct, FIRST, 20.0, -60))
    wanted.organSegmentation, wanted.organSegmentId = wanted.segmentation, wanted.segmentId
    panels["Describe"].ui.wordsButton.click()
    assert "organ's mask holds 0.00 ml" in host.messages[0]
    assert wanted.text == "cystic"
