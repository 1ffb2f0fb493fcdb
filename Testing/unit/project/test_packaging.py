"""The package's and the Slicer extension's descriptions agree with each other and with the code."""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from TextoMorphLib import paths
from TextoMorphLib.version import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[3]
MODULE = ROOT / "TextoMorph" / "TextoMorph.py"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_command_exists() -> None:
    module, function = PYPROJECT["project"]["scripts"]["textomorph"].split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_wheel_gets_all_resources_but_pictures_of_docs() -> None:
    given = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert all(inside == f"TextoMorphLib/{path}" for path, inside in given.items())
    assert {*given, "Resources/Screenshots"} == {f"Resources/{path.name}" for path in (ROOT / "Resources").iterdir()}


def test_the_citation_is_of_this_version() -> None:
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_slicer_gets_the_same_packages_but_not_its_own() -> None:
    lines = (paths.resources() / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = {line for line in lines if line and not line.startswith("#")}
    slicers_own = ("numpy", "scipy", "torch")
    needed = {line for line in PYPROJECT["project"]["dependencies"] if re.split("[<>=]", line)[0] not in slicers_own}
    assert listed == needed
    for extra in ("dicom", "pdf", "reading", "segmentation", "train"):
        asked_later = (paths.resources() / f"requirements-{extra}.txt").read_text(encoding="utf-8").splitlines()[1:]
        assert asked_later == PYPROJECT["project"]["optional-dependencies"][extra]


def test_the_library_knows_nothing_of_slicer() -> None:
    for file in (ROOT / "TextoMorphLib").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        assert not {"slicer", "qt", "vtk", "ctk"} & set(imported(ast.walk(tree))), file


def test_slicer_can_list_the_module_before_any_package_is_installed() -> None:
    for file in MODULE.parent.rglob("*.py"):
        at_file_scope = set(imported(ast.parse(file.read_text(encoding="utf-8")).body))
        assert at_file_scope - sys.stdlib_module_names <= {"TextoMorphModule", "slicer", "vtk", "qt", "ctk"}, file
    assert [file.name for file in MODULE.parent.glob("*.py")] == [MODULE.name], "Slicer takes each for a module"


def test_each_panel_has_the_widgets_that_its_code_uses() -> None:
    wrapped = next(
        part for part in ast.walk(ast.parse(MODULE.read_text())) if getattr(part, "name", "").endswith("Node")
    )
    assert isinstance(wrapped, ast.ClassDef)
    parameters = {part.target.id for part in wrapped.body if isinstance(part, ast.AnnAssign)}  # type: ignore[union-attr]
    for file in (MODULE.parent / "Resources" / "UI").glob("*.ui"):
        panel = ElementTree.parse(file)
        widgets = {widget.get("name") for widget in panel.iter("widget")}
        code = (MODULE.parent / "TextoMorphModule" / "Panels" / f"{file.stem.lower()}.py").read_text(encoding="utf-8")
        assert set(re.findall(r"self\.ui\.(\w+)", code)) <= widgets, file.name
        bound = {value.text for value in panel.findall(".//property[@name='SlicerParameterName']/string")}
        assert bound <= parameters, file.name


def test_the_extensions_descriptions_agree() -> None:
    cmake = dict(re.findall(r'set\(EXTENSION_(\w+) "([^"$]*)"\)', (ROOT / "CMakeLists.txt").read_text()))
    lines = (ROOT / "TextoMorph.s4ext").read_text().splitlines()
    s4ext = dict((*line.split(" ", 1), "")[:2] for line in lines if line and not line.startswith("#"))
    for name in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"):
        assert cmake[name] == s4ext[name.lower()], name
    index = json.loads((ROOT / "TextoMorph.json").read_text())
    assert (index["scm_url"], index["scm_revision"]) == (s4ext["scmurl"], s4ext["scmrevision"])
    assert index["category"] == s4ext["category"]
    assert index["build_dependencies"] == [cmake["DEPENDS"]]


def test_the_files_that_the_extension_names_are_there() -> None:
    cmake = (ROOT / "TextoMorph" / "CMakeLists.txt").read_text().replace("${MODULE_NAME}", "TextoMorph")
    listed = set(re.findall(r"^ +(\S+\.(?:py|ui|png))$", cmake, re.MULTILINE))
    there = {
        file.relative_to(MODULE.parent).as_posix()
        for end in ("py", "ui", "png")
        for file in MODULE.parent.rglob(f"*.{end}")
    }
    assert listed == there
    assert Image.open(MODULE.parent / "Resources" / "Icons" / "TextoMorph.png").size == (128, 128)


def imported(nodes: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[str]:
    """The top-level names that import statements bring in."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0]
