"""A form's fields as a report writes its items: table rows, "key=value", leaders, what JSON has for "none"."""

from __future__ import annotations

import re

from TextoMorphLib.text.exports import exported_as_fields
from TextoMorphLib.text.tables import rows_as_fields

_UNDERSCORE = re.compile(r"(?<=[^\W\d_])_+(?=[^\W\d_])")  # "ill_defined"
_LEADER = re.compile(r"(?<=[\w)])[ \t]*(?::[ \t]*\.{3,}|[.\u2026]{4,}|\u2026{2,}|(?:\. ){4,}\.?|_{3,})[ \t]*(?=[^\s.])")
_ROW = re.compile(r"^[ \t]*\|([^|\n]+)\|([^|\n]*)\|[ \t]*$", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*\|?[ \t]*:?-{3,}:?[ \t]*(?:\|[ \t]*:?-{3,}:?[ \t]*)*\|?[ \t]*$\n?", re.MULTILINE)
_KEY = re.compile(r"(?<![\s,;:.|(\n{])[ \t]+(?=[^\W\d_][\w-]*=\S)")  # "wall=thin | septa=none"
_JSON_PAIR = re.compile(r"\"\s*:\s*(?:\"[^\"\n]*\"|[\w.+-]+|\[[^\]\n]*\])\s*(,)(?=\s*\")")
_ARROW = re.compile(r"(?m)^([^\n:;=.]{2,40}?)[ \t]*(?:->|=>|\u2192)[ \t]*(?=\S)")  # "border -> indistinct"
_NOT_KNOWN = re.compile(  # "necrosis: not evaluated", which neither says nor denies it
    r"(^|[;\n])[^\n:;=.]{2,40}[:=][ \t]*(?:n/?a|n\.a\.?|not (?:evaluated|assessed|applicable|known|available|stated"
    r"|reported|determined|specified|given|seen well|evaluable|assessable)|unknown|unclear|undetermined|null|tbd|\?+)"
    r"[ \t]*[.,]?[ \t]*(?=[;\n]|$)",
    re.IGNORECASE,
)
_TRUE = re.compile(r"([:=])[ \t]*\"?(true|false)\b\"?", re.IGNORECASE)
_DEGREE = re.compile(  # "density: hypodense; degree: slight"
    r"((?:density|attenuation)[ \t]*[:=][ \t]*)([^\n;,]{3,30})[;,\n][ \t]*(?:degree|grade|extent)[ \t]*[:=][ \t]*"
    r"(mild|slight|marked|strong|moderate)(?:ly)?\b",
    re.IGNORECASE,
)
_OPTIONS = re.compile(  # "Septa (none / few / many): none"
    r"(?m)^([ \t>*\u2022-]{0,20}[^\W\d_][^\n:()/]{1,30}?)[ \t]*[(\[][^()\n\]]{1,80}(?:/|\|| or )[^()\n\]]{1,80}[)\]]"
    r"[ \t]*:[ \t]*(?=\S)"
)
_UNIT_LABEL = re.compile(
    r"(?i)([^\n;|(\[]{0,60})[(\[](hu|mm|cm|hounsfield units?)[)\]]([ \t]*[:=][^\n;|]*)"
)  # "Density (HU): 31"
_BARE = re.compile(r"(?<![\w.,])([-\u2212]?\d{1,3}(?:[.,]\d+)?)(?![\w.,]*\d|[ \t]*(?:HU|mm|cm|%|s\b))", re.IGNORECASE)
_NULL = re.compile(r"(?<=[:=])\s*\"?nil\"?(?=\s*[,;}\n]|\s*$)", re.IGNORECASE)
_NAMES_ORGAN = re.compile(r"(?im)(\borgan\"?[ \t]*[:=][ \t]*\"?\w+\"?)[ \t]*,")


def _with_unit(line: re.Match[str]) -> str:
    unit = line[2] if line[2].lower() in ("mm", "cm") else "HU"
    return line[1].rstrip() + _BARE.sub(rf"\1 {unit}", line[3])


def as_items(text: str) -> str:
    """The text with each field of a form as an item of its own, its name before a colon.

    Args:
        text: Any text; prose stays as it is.
    """
    text = rows_as_fields(exported_as_fields(text))
    text = _ARROW.sub(r"\1: ", text)
    text = _NOT_KNOWN.sub(r"\1", text)
    text = _TRUE.sub(lambda said: f"{said[1]} {'yes' if said[2].lower() == 'true' else 'no'}", text)
    text = _DEGREE.sub(r"\1\3ly \2", text)
    text = _OPTIONS.sub(r"\1: ", text)
    text = _UNIT_LABEL.sub(_with_unit, text)
    text = _UNDERSCORE.sub("-", text)
    text = _LEADER.sub(": ", text)
    if "|" in text:
        text = _ROW.sub(r"\1: \2", _RULE.sub("", text))
    if "=" in text:
        text = _KEY.sub("; ", text)
    if '":' in text.replace(" ", ""):
        text = _JSON_PAIR.sub(lambda pair: pair[0][:-1] + ";", text)
    return _NAMES_ORGAN.sub(r"\1;", _NULL.sub(" none", text))
