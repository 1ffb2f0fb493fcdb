"""The Slicer module calls only what `docs/slicer-api.md` lists, with the place where it is documented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

FOREIGN = ("slicer", "qt", "vtk", "TotalSegmentator", "MONAIAuto3DSeg")
ROOT = Path(__file__).resolve().parents[3]


def test_every_call_is_declared() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", (ROOT / "docs" / "slicer-api.md").read_text(encoding="utf-8"), re.M)
    declared = dict(rows)
    assert all(where.strip() for where in declared.values())
    files = sorted((ROOT / "TextoMorph").rglob("*.py"))
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    own = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    used = {call for tree in trees for call in calls(tree, own)}
    assert used - declared.keys() == set(), "declare these, with where they are documented"
    assert declared.keys() - used == set(), "not used any more"


def test_observers_go_through_the_mixin_that_removes_them() -> None:
    for file in (ROOT / "TextoMorph").rglob("*.py"):
        assert ".AddObserver(" not in file.read_text(encoding="utf-8"), file


def test_every_action_has_an_example_for_the_python_console() -> None:
    module = ast.parse((ROOT / "TextoMorph" / "TextoMorph.py").read_text(encoding="utf-8"))
    (logic,) = (node for node in module.body if isinstance(node, ast.ClassDef) and node.name == "TextoMorphLogic")
    parts = {ast.unparse(base) for base in logic.bases}
    for file in (ROOT / "TextoMorph" / "TextoMorphModule" / "Actions").glob("*.py"):
        for part in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(part, ast.ClassDef) and part.name in parts:
                methods = [each for each in part.body if isinstance(each, ast.FunctionDef)]
                public = [method for method in methods if not method.name.startswith("_")]
                assert [each.name for each in public if "Example:" not in (ast.get_docstring(each) or "")] == []


def calls(tree: ast.Module, own: set[str]) -> Iterator[str]:
    """Dotted names and imports from Slicer's, Qt's and VTK's modules; methods that are not the module's own; signals.

    Only VTK's and Qt's methods have capitals in their names; those of Python's own packages have none.
    """
    dotted = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    dotted = {name for name in dotted if re.fullmatch(r"(slicer|qt|vtk|SampleData|PyTorchUtils)(\.\w+)+", name)}
    yield from (name for name in dotted if not any(longer.startswith(f"{name}.") for longer in dotted))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            known = name in own or re.match(r"_|on[A-Z]", name)  # functions, too, that are attributes
            if name != name.lower() and not known and ast.unparse(node.func) not in dotted:
                yield name
            if name == "connect":
                yield from (str(each.value) for each in node.args[:1] if isinstance(each, ast.Constant))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FOREIGN:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
