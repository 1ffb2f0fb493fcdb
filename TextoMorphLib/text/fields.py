"""A form's fields as a report writes its items: table rows, "key=value", leaders, what JSON has for "none"."""

from __future__ import annotations

import re

_UNDERSCORE = re.compile(r"(?<=[^\W\d_])_+(?=[^\W\d_])")  # "ill_defined"
_LEADER = re.compile(r"(?<=[\w)])[ \t]*(?:[.\u2026]{4,}|\u2026{2,}|(?:\. ){4,}\.?|_{3,})[ \t]*(?=[^\s.])")
_ROW = re.compile(r"^[ \t]*\|([^|\n]+)\|([^|\n]*)\|[ \t]*$", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*\|?[ \t]*:?-{3,}:?[ \t]*(?:\|[ \t]*:?-{3,}:?[ \t]*)*\|?[ \t]*$\n?", re.MULTILINE)
_KEY = re.compile(r"(?<![\s,;:.|(\n{])[ \t]+(?=[^\W\d_][\w-]*=\S)")  # "wall=thin | septa=none"
_JSON_PAIR = re.compile(r"\"\s*:\s*(?:\"[^\"\n]*\"|[\w.+-]+|\[[^\]\n]*\])\s*(,)(?=\s*\")")
_NULL = re.compile(r"(?<=[:=])\s*\"?(?:null|nil)\"?(?=\s*[,;}\n]|\s*$)", re.IGNORECASE)
_NAMES_ORGAN = re.compile(r"(?im)(\borgan\"?[ \t]*[:=][ \t]*\"?\w+\"?)[ \t]*,")


def as_items(text: str) -> str:
    """The text with each field of a form as an item of its own, its name before a colon.

    Args:
        text: Any text; prose stays as it is.
    """
    text = _UNDERSCORE.sub("-", text)
    text = _LEADER.sub(": ", text)
    if "|" in text:
        text = _ROW.sub(r"\1: \2", _RULE.sub("", text))
    if "=" in text:
        text = _KEY.sub("; ", text)
    if '":' in text.replace(" ", ""):
        text = _JSON_PAIR.sub(lambda pair: pair[0][:-1] + ";", text)
    return _NAMES_ORGAN.sub(r"\1;", _NULL.sub(" none", text))
