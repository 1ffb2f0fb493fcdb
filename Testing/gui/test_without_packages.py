"""Before anything is installed, the module loads, explains itself, and does all that needs no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]
SCRIPT = """
import sys

ABSENT = {"torch", "monai", "nibabel", "transformers", "safetensors", "typer", "rich", "einops", "pydicom", "SimpleITK"}


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)


sys.meta_path.insert(0, Absent())
sys.path[:0] = [TESTING, TESTING + "/.."]
from pathlib import Path

from host import application, problems

host = application.start()
sys.excepthook = sys.__excepthook__  # what goes wrong in this script is told
host.packages.missing = {"torch", "nibabel"}
host.load(Path(TESTING).parent / "TextoMorph" / "TextoMorph.py")
from TextoMorphModule.Actions.samples import phantom

ct = phantom()
widget = host.open("TextoMorph")
named = {panel.name: panel for panel in widget.panels}
setup, scan, describe, generate = (named[name] for name in ("Setup", "Scan", "Describe", "Generate"))
assert "torch, nibabel" in setup.ui.packagesLabel.text
scan.parameters.ct = ct
import slicer

slicer.util.getNode("vtkMRMLCrosshairNode*").SetCrosshairRAS(70, 10, 20)
scan.ui.placeButton.click()
scan.describeMask()
assert "1 lesion" in scan.ui.statusLabel.text, scan.ui.statusLabel.text
describe._chips["cystic"].click()
assert "cystic" in scan.parameters.text
generate.ui.generateButton.click()
assert "Setup" in host.messages[0], host.messages
host.close(widget)
assert not problems.taken()
print("all is well")
"""


def test_the_module_loads_and_explains_itself() -> None:
    script = f"TESTING = {str(TESTING)!r}\n{SCRIPT}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "all is well" in done.stdout, done.stderr[-3000:]
