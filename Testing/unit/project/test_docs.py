"""The documentation's site: every page has its place; `make docs` checks the links."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_every_page_stands_in_the_sites_navigation() -> None:
    listed = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert pages <= listed
    made = {"api.md"}
    assert all((ROOT / "docs" / page).is_file() or (ROOT / page).is_file() for page in listed - made)


def test_the_modules_of_the_api_are_there() -> None:
    hooks = (ROOT / "docs" / "site" / "hooks.py").read_text(encoding="utf-8")
    table = hooks[hooks.index("API = {") : hooks.index("LINK = ")]
    modules = re.findall(r'"([a-z_.]+)"', table)
    assert len(modules) > 15
    for module in modules:
        path = ROOT / "TextoMorphLib" / Path(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), module


def test_the_glossarys_files_are_there_and_its_words_in_order() -> None:
    rows = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").split("|---|---|\n")[1].splitlines()
    assert rows == sorted(rows, key=str.lower)
    named = [path for row in rows for path in re.findall(r"`([a-z_/]+(?:\.py|/[a-z_]+))`", row)]
    assert len(named) > 40
    assert [path for path in named if not (ROOT / "TextoMorphLib" / path).exists()] == []
