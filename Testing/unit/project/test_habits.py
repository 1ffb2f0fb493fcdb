"""Files that can be read in one sitting, and functions that can be seen at once."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MOST_LINES, MOST_FUNCTION_LINES = 400, 60


def test_files_and_functions_stay_short() -> None:
    long = []
    for folder in ("TextoMorphLib", "TextoMorph", "Testing", "docs", "release"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if text.count("\n") > MOST_LINES:
                long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    if lines > MOST_FUNCTION_LINES:
                        long.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")
    assert not long, "\n".join(long)


def test_a_configuration_has_what_it_trains_in_its_name() -> None:
    """Slicer's list of what can be trained goes by it."""
    for path in (ROOT / "Resources" / "Training").glob("*.toml"):
        trained = re.search(r"textomorph train (\w+)", path.read_text(encoding="utf-8").partition("\n\n")[0])
        assert not trained or trained[1] in path.stem.split("-"), path.name


def test_no_merge_was_left_half_done() -> None:
    found = []
    for folder in (".", "docs", "Testing", "TextoMorph", "TextoMorphLib", "Resources"):
        for path in (ROOT / folder).glob("*.*" if folder == "." else "**/*.*"):
            if path.suffix in (".md", ".toml", ".json", ".py"):
                lines = path.read_text(encoding="utf-8").splitlines()
                found += [str(path.relative_to(ROOT)) for line in lines if line.startswith(("<<<<<<< ", ">>>>>>> "))]
    assert not found
