"""Marks that stand for words: arrows, ticked boxes, an item's "N", "hypo ++"."""

from __future__ import annotations

import re

# What a box before its option says: the option is an item of its own, is denied, is chosen, is not chosen.
ITEM, NOT_ITEM, CHOICE, SKIP = ";", "; no", ",", "\0"
_BOX = re.compile(r"[\[(][ ]*[xX\u2713\u2714]?[ ]*[\])]|[\u2610-\u2612]")
_WORDS = {"\u2193": "decreased", "\u2191": "increased"}
_BEFORE_ID = re.compile(r"[,;|/]\s*$|(?:margin|border|edge|contour|outline)s?\s*[:=]?\s*$", re.IGNORECASE)
_AFTER = ("", *",;|/.\n")
_ANSWERS = {"n": "no", "y": "yes"}
_VEINS = re.compile(r"(?:portal|hepatic|splenic|renal|mesenteric|iliac|gonadal|cava)\s*$", re.IGNORECASE)


def marked(said: str, text: str, match: re.Match[str]) -> str:
    """What a mark says in words, or one of the constants above; other words as they are.

    Args:
        said: The mark or word.
        text: All of the text.
        match: Where it stands there.
    """
    if _BOX.fullmatch(said):
        return _box(said, text, match.start())
    if said in _ANSWERS or said.lower() in _ANSWERS:
        return _ANSWERS[said.lower()] if _ends_item(text, match.start(), match.end()) else said
    if said.lower() == "w/o" and match.start() and text[match.end() :].lstrip(" ")[:1] in ("", *",.;|+/)"):
        return "washout"  # "PV w/o, capsule +"
    if said == "ID" and _BEFORE_ID.search(text[: match.start()]) and text[match.end() :].lstrip(" ")[:1] in _AFTER:
        return "illdefined"  # "hypo, ID, necrosis +", but not "Patient ID: 7"
    if said == "v" and text[match.end() : match.end() + 1] in (".", " ") and not _VEINS.search(text[: match.start()]):
        return "very"
    if said == "++" or (said[0] == "+" and len(said) > 1):
        return "++"
    return _WORDS.get(said, said)


def _box(said: str, text: str, at: int) -> str:
    """What a box says: of what follows where a line or an answer begins with one, else of what is before it."""
    line = text[text.rfind("\n", 0, at) + 1 : at + 1]
    first = _BOX.search(text, at - len(line) + 1)
    before = text[at - len(line) + 1 : first.start()].rstrip() if first else line
    ticked = bool(said.strip("[]() \u2610"))
    if not before or before in ("-", "*", "\u2022"):
        return ITEM if ticked else NOT_ITEM
    if before.endswith((",", ";", "/", "|", ".")):
        return ITEM if ticked else NOT_ITEM
    if before.endswith(":"):
        return CHOICE if ticked else SKIP
    return "(+)" if ticked else "(-)"


def _ends_item(text: str, start: int, end: int) -> bool:
    """Whether a single letter is an item's answer: "Necrosis: N."."""
    following = text[end : end + 9].lstrip(" ")[:1]
    if text[end : end + 1] == "/":
        return False  # "n/a"
    return bool(text[:start].strip()) and (not following or following in ".,;|/()\n") and text[start - 1] in " :=-"
