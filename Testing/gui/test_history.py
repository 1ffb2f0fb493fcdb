"""The way back to an earlier result by one click, and the log that can be copied."""

from __future__ import annotations

from typing import Any

import pytest
import slicer

from host import mainpath

LIVER, BESIDE = (70.0, 10.0, 20.0), (30.0, 10.0, 45.0)


@pytest.fixture
def shown(panels: dict[str, Any], ct: Any) -> dict[str, Any]:
    """The panels in a window that is high enough for all."""
    window = panels["Scan"].widget.window()
    window.resize(480, 4000)
    window.show()
    wanted = panels["Generate"].parameters
    wanted.ct, wanted.ownSettings, wanted.steps = ct, True, 1
    return panels


def generate(shown: Any, place: tuple[float, float, float], text: str) -> Any:
    wanted = shown["Generate"].parameters
    wanted.text = text
    wanted.segmentation, wanted.segmentId = shown["Scan"].logic.placeLesion(wanted.ct, 20.0, position=place)
    mainpath.click(shown["Generate"].ui.generateButton)
    return wanted.result


def in_red() -> str:
    name: str = (
        slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetSliceCompositeNode().GetBackgroundVolumeID()
    )
    return name


def test_an_earlier_result_is_one_click_away(host: Any, shown: Any) -> None:
    ui, wanted = shown["Generate"].ui, shown["Generate"].parameters
    assert ui.historyWidget.isHidden()
    first, second = generate(shown, LIVER, "cystic"), generate(shown, BESIDE, "calcified")
    assert ui.historyLabel.text.startswith("Result 2 of 2: Synthetic calcified")
    assert not ui.laterButton.enabled
    mainpath.click(ui.earlierButton)
    assert wanted.result is first
    assert in_red() == first.GetID()
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    assert red.GetSliceOffset() == pytest.approx(LIVER[2], abs=2)
    mainpath.click(ui.laterButton)
    assert wanted.result is second
    assert red.GetSliceOffset() == pytest.approx(BESIDE[2], abs=2)
    wanted.result = None
    mainpath.click(ui.earlierButton)  # from none, to the newest
    assert wanted.result is second


def test_in_the_comparison_it_stays_a_comparison(host: Any, shown: Any) -> None:
    first = generate(shown, LIVER, "cystic")
    generate(shown, BESIDE, "calcified")
    shown["Compare"].ui.planesCheckBox.checked = True
    mainpath.click(shown["Compare"].ui.showButton)
    mainpath.click(shown["Generate"].ui.earlierButton)
    manager = slicer.app.layoutManager()
    assert len(manager.sliceViewNames()) == 9
    after = manager.sliceWidget("TextoMorphAfter").sliceLogic().GetSliceCompositeNode()
    assert after.GetForegroundVolumeID() == first.GetID()


def test_the_log_says_what_was_done_and_can_be_copied(host: Any, shown: Any) -> None:
    import qt

    wanted, ui = shown["Generate"].parameters, shown["Log"].ui
    mainpath.click(ui.clearButton) if ui.clearButton.isVisible() else ui.clearButton.click()
    generate(shown, LIVER, "hyperattenuating,\nwell-defined")
    wanted.device = "mps"
    mainpath.click(shown["Generate"].ui.generateButton)
    ui.logCollapsibleButton.collapsed = False
    mainpath.click(ui.copyButton)
    copied = qt.QApplication.clipboard().text()
    assert copied == ui.logEdit.toPlainText()
    asked = "liver, seed 0: hyperattenuating, well-defined"
    for words in (asked, "asked: hyperattenuating; measured:", "starter", "Generating"):
        assert words in copied
    assert "device 'mps' is not there" in copied.lower()
