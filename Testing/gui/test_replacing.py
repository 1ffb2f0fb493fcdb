"""A tumour that the scan shows already is replaced, by clicks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import slicer

LIVER, KIDNEY = (70.0, 10.0, 20.0), (-60.0, 20.0, 10.0)
DARKER_HU = 60


@pytest.fixture
def lesioned(ct: Any, panels: Any, logic: Any, wait_until: Any) -> tuple[Any, float, Any]:
    """The parameters, with a mask over a dark tumour of 40 mm; HU of the liver around it; the liver's segment."""
    wanted = panels["Generate"].parameters
    wait_until(lambda: wanted.ct is ct)
    wanted.segmentation, wanted.segmentId = logic.placeLesion(ct, 40.0, 0.2, position=LIVER)
    around = logic.placeLesion(ct, 75.0, 0.2, position=LIVER)
    inside, near = (
        slicer.util.arrayFromSegmentBinaryLabelmap(*mask, ct) > 0
        for mask in ((wanted.segmentation, wanted.segmentId), around)
    )
    voxels = slicer.util.arrayFromVolume(ct)
    healthy = float(np.median(voxels[near & ~inside]))
    voxels[inside] -= DARKER_HU
    slicer.util.arrayFromVolumeModified(ct)
    wanted.text = "isoattenuating, homogeneous"
    return wanted, healthy, around


def _core(wanted: Any) -> float:
    """Median HU of the tumour that was made, under the mask."""
    inside = slicer.util.arrayFromSegmentBinaryLabelmap(wanted.segmentation, wanted.segmentId, wanted.ct) > 0
    return float(np.median(slicer.util.arrayFromVolume(wanted.result)[inside]))


def test_a_tumour_under_the_mask_is_told_of_and_replaced(lesioned: Any, panels: Any, logic: Any) -> None:
    wanted, healthy, around = lesioned
    generate, scan = panels["Generate"], panels["Scan"]
    generate.ui.generateButton.click()
    assert "It covers a tumour" in generate.ui.statusLabel.text  # how to say that one is there
    assert not logic.report(wanted.result)["replace"]

    scan.ui.replaceCheckBox.click()
    generate.ui.generateButton.click()
    assert "It covers a tumour" not in generate.ui.statusLabel.text
    assert logic.report(wanted.result)["replace"]
    assert _core(wanted) == pytest.approx(healthy, abs=12)

    wanted.organSegmentation, wanted.organSegmentId = around
    generate.ui.generateButton.click()
    assert _core(wanted) == pytest.approx(healthy, abs=12)


def test_the_organs_segment_counts_for_lesions_of_that_organ_alone(lesioned: Any, panels: Any, logic: Any) -> None:
    from TextoMorphModule.Actions.lesion_table import healthyOf

    wanted, _healthy, around = lesioned
    assert healthyOf(wanted) == {"replace": False, "inside": None}
    wanted.organSegmentation, wanted.organSegmentId = around
    assert healthyOf(wanted)["inside"] == around
    logic.lesionTable.use(wanted)
    logic.lesionTable.add(KIDNEY, None, "solid", "kidney", lambda _done, _total: True)
    assert healthyOf(wanted)["inside"] is None


def test_live_and_text_preview_replace_it_too(lesioned: Any, panels: Any, logic: Any, wait_until: Any) -> None:
    wanted, _healthy, _around = lesioned
    wanted.replaceTumour = True
    live = panels["Describe"].ui.liveCheckBox
    live.click()
    wait_until(lambda: wanted.result is not None)
    live.click()
    assert logic.report(wanted.result)["replace"]
    preview = panels["Preview"]
    wanted.previewTexts = "isoattenuating"
    preview.ui.drawButton.click()
    assert abs(int(preview.ui.attributesTable.item(0, 1).text())) <= 12  # contrast, HU
