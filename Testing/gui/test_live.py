"""Live: the tumour follows the words."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import numpy as np
import pytest
import slicer

LIVER, BESIDE, ELSEWHERE = (70.0, 10.0, 20.0), (40.0, 10.0, 20.0), (72.0, 30.0, 20.0)


@pytest.fixture
def live(ct: Any, panels: Any, logic: Any, wait_until: Any) -> Any:
    """The Describe panel with Live on and its first tumour made."""
    panel = panels["Describe"]
    wanted = panel.parameters
    wanted.ct, wanted.text = ct, "hypoattenuating"
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 20.0, position=LIVER)
    panel.ui.liveCheckBox.click()
    wait_until(lambda: wanted.result is not None and not panel.logic.busy)
    return panel


def while_busy(panel: Any, act: Callable[[], Any]) -> Any:
    """Acts once a run goes on; such a run has Slicer's events to itself until it ends."""
    from PySide6 import QtCore

    def look() -> None:
        if panel.logic.busy:
            timer.stop()
            act()

    timer = QtCore.QTimer()
    timer.timeout.connect(look)
    timer.start(5)
    return timer


def nodes() -> int:
    return int(slicer.mrmlScene.GetNumberOfNodes())


def array(node: Any) -> Any:
    return slicer.util.arrayFromVolume(node)


def on_whole_grid(part: Any, ct: Any) -> Any:
    """A volume that covers a part of a CT's grid, with zeros around it."""
    from TextoMorphModule.Actions import nodes

    found = np.zeros_like(array(ct), array(part).dtype)
    start = np.rint((np.linalg.inv(nodes.affineOf(ct)) @ nodes.affineOf(part))[2::-1, 3]).astype(int)
    found[tuple(slice(low, low + size) for low, size in zip(start, array(part).shape, strict=True))] = array(part)
    return found


def text_of(panel: Any) -> Any:
    return panel.logic.report(panel.parameters.result)["text"]


def test_the_tumour_follows_the_words_in_one_volume(host: Any, live: Any, panels: Any, wait_until: Any) -> None:
    wanted, result = live.parameters, live.parameters.result
    compare = panels["Compare"]
    compare.ui.showButton.click()
    compare.ui.fadeSlider.value = 0.5
    dark, before = slicer.util.arrayFromVolume(result).astype(int), nodes()
    assert slicer.util.arrayFromVolume(live.logic.difference(result)).min() < -10
    live._chips["hypoattenuating"].click()
    live._chips["hyperattenuating"].click()
    wait_until(lambda: text_of(live) == "hyperattenuating" and not live.logic.busy)
    assert wanted.result is result
    assert nodes() == before
    bright = slicer.util.arrayFromVolume(result).astype(int)
    inside = slicer.util.arrayFromSegmentBinaryLabelmap(wanted.segmentation, wanted.segmentId, wanted.ct) > 0
    assert (bright - dark)[inside].mean() > 20
    assert np.array_equal(on_whole_grid(live.logic.difference(result), wanted.ct), bright - array(wanted.ct))
    assert compare.ui.askedTable.item(0, 0).text() == "hyperattenuating"
    after = slicer.app.layoutManager().sliceWidget("TextoMorphAfter").sliceLogic().GetSliceCompositeNode()
    assert after.GetForegroundVolumeID() == result.GetID()
    assert after.GetForegroundOpacity() == 0.5
    assert host.messages == []


def test_the_newest_words_win_and_the_old_tumour_stays_until_then(host: Any, live: Any, wait_until: Any) -> None:
    texts, result = [], live.parameters.result
    fill = live.logic._place
    live.logic._place = lambda image, report, *rest: texts.append(report["text"]) or fill(image, report, *rest)
    seen = []

    def change_again() -> None:
        seen.append(text_of(live))
        live.parameters.text = "cystic"

    _timer = while_busy(live, change_again)
    live.parameters.text = "isoattenuating"
    wait_until(lambda: text_of(live) == "cystic")
    assert seen == ["hypoattenuating"]
    assert texts == ["cystic"]
    assert live.parameters.result is result


def test_generate_comes_first_and_gets_a_volume_of_its_own(host: Any, live: Any, panels: Any, wait_until: Any) -> None:
    wanted, quick = live.parameters, live.parameters.result
    _timer = while_busy(live, panels["Generate"].ui.generateButton.click)
    wanted.text = "cystic"
    wait_until(lambda: wanted.result is not quick)
    assert text_of(live) == "cystic"
    assert live.logic.report(quick)["text"] == "hypoattenuating"
    assert host.messages == []


def test_an_accepted_tumour_is_left_alone(host: Any, live: Any, panels: Any, wait_until: Any) -> None:
    kept = live.parameters.result
    panels["Compare"].ui.acceptButton.click()
    live.parameters.text = "cystic"
    wait_until(lambda: live.parameters.result is not kept)
    assert text_of(live) == "cystic"
    assert live.logic.report(kept)["text"] == "hypoattenuating"


def test_what_cannot_be_made_is_said_beside_the_toggle(host: Any, live: Any, wait_until: Any) -> None:
    live.ui.clearButton.click()
    wait_until(lambda: "Describe the tumour" in live.ui.liveLabel.text)
    live.parameters.device = "mps"
    live.parameters.text = "cystic"
    wait_until(lambda: "is not there" in live.ui.liveLabel.text)
    assert text_of(live) == "hypoattenuating"
    assert host.messages == []


def changed(panel: Any, segment: str) -> float:
    """HU by which the live volume differs from the CT in a lesion of the table."""
    wanted = panel.parameters
    inside = slicer.util.arrayFromSegmentBinaryLabelmap(wanted.lesionsSegmentation, segment, wanted.ct) > 0
    return float((array(wanted.result).astype(float) - array(wanted.ct))[inside].mean())


def test_all_lesions_of_the_table_are_shown_where_they_are_now(
    host: Any, live: Any, panels: Any, wait_until: Any
) -> None:
    wanted, result, lesions = live.parameters, live.parameters.result, panels["Lesions"]
    lesions.ui.lesionsCollapsibleButton.collapsed = False
    lesions.ui.takeButton.click()
    slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS(BESIDE)
    wanted.lesionDiameter = 18.0
    lesions.ui.addButton.click()
    wanted.text = "hyperattenuating"
    wait_until(lambda: [each["text"] for each in live.logic.report(result).get("each", [])][1:] == ["hyperattenuating"])
    first, second = (row.segment for row in lesions._table.rows)
    assert changed(live, first) < -10
    assert changed(live, second) > 10
    lesions.onDragged(0, ELSEWHERE)
    wait_until(lambda: not live.logic.busy and changed(live, first) < -10)  # no word has changed
    lesions.ui.togetherCheckBox.click()
    wait_until(lambda: "each" not in live.logic.report(result) or len(live.logic.report(result)["each"]) == 1)
    assert text_of(live) == "hyperattenuating"  # the chosen one alone
    assert wanted.result is result
    assert host.messages == []


def test_it_follows_a_mask_that_is_painted_anew(host: Any, live: Any, panels: Any, wait_until: Any) -> None:
    wanted = live.parameters
    slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS(BESIDE)
    before = array(wanted.result).copy()
    panels["Scan"].ui.placeButton.click()
    wait_until(lambda: not live.logic.busy and not np.array_equal(array(wanted.result), before))
    inside = slicer.util.arrayFromSegmentBinaryLabelmap(wanted.segmentation, wanted.segmentId, wanted.ct) > 0
    assert (array(wanted.result).astype(float) - array(wanted.ct))[inside].mean() < -10


def test_closing_the_scene_ends_it(host: Any, live: Any, wait_until: Any) -> None:
    _timer = while_busy(live, lambda: slicer.mrmlScene.Clear(0))
    live.parameters.text = "cystic"
    wait_until(lambda: not live.logic.results())
    assert not live.logic.busy
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    assert host.messages == []


@pytest.mark.parametrize("meanwhile", ["nothing", "the scene is closed"])
def test_its_histogram_follows_beside_events(
    host: Any, live: Any, wait_until: Any, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    from PySide6 import QtCore

    from TextoMorphModule.Actions import histogram

    result, count, gate, waited = live.parameters.result, histogram._columns, Event(), []
    series = live.logic.histogram(result).GetNthPlotSeriesNode(0)

    def mean_hu() -> float:
        hu, lesion = (slicer.util.arrayFromTableColumn(series.GetTableNode(), name) for name in ("HU", "Lesion"))
        return float(np.average(hu, weights=lesion))

    def counting(*given: Any) -> Any:
        waited.append(gate.wait(60))  # in Slicer's own thread nothing would open it
        return count(*given)

    def go_on() -> None:
        if live.logic.results() and text_of(live) == "hyperattenuating":
            timer.stop()
            if meanwhile != "nothing":
                slicer.mrmlScene.Clear(0)
            gate.set()

    before = mean_hu()
    monkeypatch.setattr(histogram, "_columns", counting)
    timer = QtCore.QTimer()
    timer.timeout.connect(go_on)
    timer.start(5)
    live.parameters.text = "hyperattenuating"
    wait_until(lambda: gate.is_set() and not live.logic.busy)
    assert waited == [True]
    if meanwhile == "nothing":
        assert mean_hu() > before + 20
    else:
        assert slicer.util.getNodesByClass("vtkMRMLTableNode") == []
    assert host.messages == []
