"""The organ, found by an extension; stand-ins for them in Testing/host/organ_extensions.py."""

from __future__ import annotations

from typing import Any

import pytest
import slicer

from host import organ_extensions

EXTENSIONS = ("TotalSegmentator", "MONAIAuto3DSeg")


@pytest.fixture
def scan(ct: Any, panels: Any) -> Any:
    """The panel, with kidneys to be found."""
    panels["Scan"].parameters.ct, panels["Scan"].parameters.organ = ct, "kidney"
    return panels["Scan"]


def test_how_to_get_an_extension_is_said(host: Any, scan: Any) -> None:
    scan.ui.organButton.click()
    assert all(f"{name}" in host.messages[0] for name in (*EXTENSIONS, "Extensions Manager"))


@pytest.mark.parametrize("name", EXTENSIONS)
def test_the_organ_is_found_and_chosen(host: Any, ct: Any, scan: Any, monkeypatch: Any, name: str) -> None:
    organ_extensions.install(name, monkeypatch)
    scan.ui.organButton.click()
    asked = [each for each in host.messages if "Python packages" in each]
    assert host.messages == asked
    assert len(asked) == (name == "MONAIAuto3DSeg")  # the other one asks by itself
    wanted = scan.parameters
    assert wanted.organSegmentation.GetName() == "Kidney"
    both = slicer.util.arrayFromSegmentBinaryLabelmap(wanted.organSegmentation, wanted.organSegmentId, ct)
    assert both.sum() == 2 * 4 * 10 * 10  # neither its cyst nor the liver
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 1


@pytest.mark.parametrize("name", EXTENSIONS)
def test_finding_the_organ_can_be_cancelled(
    host: Any, scan: Any, logic: Any, monkeypatch: Any, wait_until: Any, name: str
) -> None:
    from psutil import Process
    from PySide6 import QtCore

    extension = organ_extensions.install(name, monkeypatch)
    extension.seconds, seen = 3600.0, []

    def look() -> None:  # an event, which Slicer has while the extension works
        if extension.processes and not seen and Process(extension.processes[0].pid).children(recursive=True):
            seen.extend([scan.ui.organButton.text, scan.ui.placeButton.enabled])
            seen.append(Process(extension.processes[0].pid).children(recursive=True)[0])
            scan.ui.organButton.click()

    timer = QtCore.QTimer()
    timer.timeout.connect(look)
    timer.start(20)
    scan.ui.organButton.click()
    timer.stop()
    assert seen[:2] == ["Cancel", False]
    wait_until(lambda: extension.processes[0].poll() is not None and not seen[2].is_running())
    assert (scan.ui.organButton.text, scan.ui.organButton.enabled) == ("Find the organ…", True)
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []
    assert all("Python packages" in each for each in host.messages)


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("TotalSegmentator", 1, "OSError: no network. Its models are downloaded"),
        ("TotalSegmentator", "not installed", "requires SlicerNNUNet"),
        ("MONAIAuto3DSeg", 1, "OSError: no network. Its models are downloaded"),
    ],
)
def test_what_goes_wrong_is_said(host: Any, scan: Any, monkeypatch: Any, name: str, status: Any, said: str) -> None:
    organ_extensions.install(name, monkeypatch).status = status
    scan.ui.organButton.click()
    assert "not found" in host.messages[-1]
    assert name in host.messages[-1]
    assert said in host.messages[-1]
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def test_who_does_not_agree_gets_nothing(host: Any, scan: Any, monkeypatch: Any) -> None:
    extension = organ_extensions.install("MONAIAuto3DSeg", monkeypatch)
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *_, **__: False)
    scan.ui.organButton.click()
    assert extension.processes == []
    assert host.messages == []
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []
