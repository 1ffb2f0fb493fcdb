"""The extension's CMake lists, run against stand-ins for Slicer's macros: what is installed, and where."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULES = "lib/Slicer-5.12/qt-scripted-modules"


def files(folder: Path, *ends: str) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in found if not ends or path.name.endswith(ends)}


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the modules, as it would be in Slicer."""
    if missing := [tool for tool in ("cmake", "make", "cc", "c++") if shutil.which(tool) is None]:
        pytest.skip(f"{', '.join(missing)} not installed; pip install cmake gives the first")
    base = tmp_path_factory.mktemp("extension with spaces")
    stubs = ROOT / "Testing" / "cmake"
    run(
        "cmake", "-S", ROOT, "-B", base / "build", "-G", "Unix Makefiles", f"-DSlicer_DIR={stubs}", "-DBUILD_TESTING=ON"
    )
    run("cmake", "--install", base / "build", "--prefix", base / "slicer")
    return base / "slicer" / MODULES


def test_every_file_of_the_module_lands_beside_the_others(installed: Path) -> None:
    expected = files(ROOT / "TextoMorph", ".py", ".ui", ".png")
    assert {name for name in files(installed) if not name.startswith("TextoMorphLib/")} == expected
    assert {
        "TextoMorphModule/Actions/nodes.py",
        "TextoMorphModule/Panels/panel.py",
        "Resources/UI/Compare.ui",
    } <= expected
    assert [path.name for path in installed.glob("*.py")] == ["TextoMorph.py"]


def test_the_tests_for_slicer_are_registered(installed: Path) -> None:
    listed = subprocess.run(["ctest", "-N"], cwd=installed.parents[3] / "build", capture_output=True, text=True)
    assert {"py_TextoMorph", "py_TextoMorphModuleTest"} <= set(listed.stdout.split())


def test_the_library_lands_whole_with_its_resources(installed: Path) -> None:
    library = installed / "TextoMorphLib"
    assert files(library, ".py") == files(ROOT / "TextoMorphLib", ".py")
    there = {name for name in files(ROOT / "Resources") if not name.startswith("Screenshots/")}
    assert files(library / "Resources") == there
    code = "import TextoMorphLib.paths as p; assert (p.folders('Models')[0] / 'starter').is_dir(); print(p.resources())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=installed, env={"PYTHONPATH": str(installed)}, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(library / "Resources"), done.stderr
