"""JSON, XML and indented lists as a form's fields, a line a lesion: '{"wall": {"present": true}}' is "wall: yes".

What an inner name only says of the outer one ("present", "type", "thickness") is said of that. Nulls say nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from TextoMorphLib.text.tables import answer, told

_OF_OUTER = frozenset(
    ("present", "presence", "type", "value", "grain", "pattern", "thickness", "character", "status", "kind", "grade",
     "description", "finding", "form", "extent", "visible", "seen", "result", "text", "state", "appearance", "quality",
     "name", "distribution", "morphology")
)  # fmt: skip
_OUTER = re.compile(r"^(?P<in>[ \t]*)(?:[-*] )?(?P<name>[^\W\d_][\w /-]{1,30}?)[ \t]*:?[ \t]*$")
_INNER = re.compile(r"^(?P<in>[ \t]+)(?:[-*] )?(?P<name>[^\W\d_]+)[ \t]*[:=][ \t]*(?P<said>\S.*)$")
_MOST_DEPTH = 20

Field = tuple[str, str]


def exported_as_fields(text: str) -> str:
    """The text with an export's values as fields; prose, and what is no whole JSON or XML, stays as it is.

    Args:
        text: Any text.
    """
    stripped = text.strip()
    lesions: list[list[Field]] = []
    if stripped[:1] in ("{", "["):
        lesions = _of_json(stripped)
    elif stripped[:1] == "<" and "<!" not in stripped:  # no entities, which may be endless
        lesions = _of_xml(stripped)
    return "\n".join(told(lesions)) if any(lesions) else _unindented(text)


def _of_json(text: str) -> list[list[Field]]:
    try:
        return _split(list(_fields("", json.loads(text), 0)))
    except (ValueError, RecursionError):
        return []


def _of_xml(text: str) -> list[list[Field]]:
    try:
        return _split(list(_fields("", _as_mapping(ElementTree.fromstring(text), 0), 0)))
    except (ElementTree.ParseError, RecursionError, ValueError):
        return []


_NEXT = ("", "")  # between two lesions


def _fields(name: str, value: Any, depth: int) -> Iterator[Field]:
    """The names and values in what a file holds, with a mark before each further member of a list."""
    if depth > _MOST_DEPTH:
        raise ValueError("too deep")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _fields(name if name and str(key).lower() in _OF_OUTER else str(key), inner, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        plain = [each for each in value if not isinstance(each, (Mapping, list))]
        if plain:
            yield name, ", ".join(answer(name, each) for each in plain if each is not None)
        for number, inner in enumerate(each for each in value if isinstance(each, (Mapping, list))):
            if number:
                yield _NEXT
            yield from _fields(name, inner, depth + 1)
    elif value is not None:
        yield name, answer(name, value)


def _split(fields: Sequence[Field]) -> list[list[Field]]:
    lesions: list[list[Field]] = [[]]
    for field in fields:
        if field == _NEXT:
            lesions.append([])
        elif field[1]:
            lesions[-1].append(field)
    return [lesion for lesion in lesions if lesion]


def _as_mapping(element: ElementTree.Element, depth: int) -> Any:
    if depth > _MOST_DEPTH:
        raise ValueError("too deep")
    found: dict[str, Any] = dict(element.attrib)
    for child in element:
        tag = child.tag.rsplit("}", 1)[-1]
        inner = _as_mapping(child, depth + 1)
        found[tag] = [*found[tag], inner] if isinstance(found.get(tag), list) else [inner]
    text = (element.text or "").strip()
    if not found:
        return text or None
    return {**found, **({"text": text} if text else {})}


def _unindented(text: str) -> str:
    """Lines below a name with what they say of it: "Calcification | present: yes" is "Calcification: yes"."""
    if ":" not in text and "=" not in text:
        return text
    outer: re.Match[str] | None = None
    lines: list[str] = []
    for line in text.split("\n"):
        inner = _INNER.match(line) if outer and len(line) < 200 else None
        if inner and outer and len(inner["in"]) > len(outer["in"]) and inner["name"].lower() in _OF_OUTER:
            if lines and lines[-1] == outer[0]:
                lines.pop()
            lines.append(f"{outer['in']}{outer['name']}: {answer(outer['name'], inner['said'])}")
            continue
        outer = _OUTER.match(line) if len(line) < 60 else None
        lines.append(line)
    return "\n".join(lines)
