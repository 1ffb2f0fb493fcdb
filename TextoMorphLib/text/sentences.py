"""Where a text's sentences end: after full stops, semicolons and line breaks, not after "approx." or "seg."."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from TextoMorphLib.text.tokens import Token, is_short

LONGEST_SENTENCE = 80  # tokens; what goes on is another one
WINDOW = 20_000  # characters that are read at a time
_ABBREVIATED = frozenset(
    [
        "approx",
        "seg",
        "segm",
        "ca",
        "cf",
        "eg",
        "ie",
        "vs",
        "dr",
        "fig",
        "max",
        "min",
        "resp",
        "no",
        "nr",
        "diam",
        "circ",
        "incl",
        "enh",
        "susp",
        "poss",
        "prob",
        "meas",
        "e",
        "g",
        "i",
    ]
)


_ANSWER = re.compile(r"(?i)(?:i|we|there)\s(?:\w+\s){1,2}(?=(?:none|no)\b)")  # "Septa? | I found | none in this cyst."
_ANSWERS = ("a", "answer", "ans", "reply")


def windows(text: str, size: int) -> Iterator[tuple[int, int]]:
    """Parts (start, end) of a text of at most so many characters that end where a sentence does."""
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text):
            cut = max(text.rfind("\n", start, end), text.rfind(". ", start, end))
            end = cut + 1 if cut > start else end
        yield start, end
        start = end


def sentences(found: Sequence[Token], text: str) -> Iterator[list[Token]]:
    """Cut after full stops, semicolons and line breaks; a question is one with its answer ("Septa? No.")."""
    sentence: list[Token] = []
    found = _without_speakers(found, text)
    for index, token in enumerate(found):
        following = found[index + 1] if index + 1 < len(found) else None
        sentence.append(token)
        before = found[index - 1] if index else None
        numbered = len(sentence) == 2  # "2. A cyst ..."
        if not _ends(token, following, before, text, numbered) and len(sentence) < LONGEST_SENTENCE:
            continue
        yield sentence
        sentence = []
    if sentence:
        yield sentence


def _without_speakers(found: Sequence[Token], text: str) -> Sequence[Token]:
    """Tokens without what only says that an answer follows: "Q: necrosis? | A: | no"."""
    kept: list[Token] = []
    spoken = 0  # where what leads to an answer ends
    for index, token in enumerate(found):
        if kept and kept[-1].norm == "?" and (leads := _ANSWER.match(text, token.start)):
            spoken = leads.end()
        if token.start < spoken:
            continue
        marks = [each.norm for each in found[max(0, index - 2) : index + 2]]
        named = marks[-2:] == [token.norm, ":"] and "?" in marks[:-2] and token.norm in _ANSWERS
        colon = len(kept) > 0 and kept[-1].norm == "?" and token.norm == ":"
        if not named and not colon:
            kept.append(token)
    return kept


def _ends(token: Token, following: Token | None, before: Token | None, text: str, numbered: bool) -> bool:
    if token.norm in (";", "\n", "!"):
        return True
    if token.norm == "?":
        answered = following is not None and following.norm in (
            "no",
            "none",
            "absent",
            "nil",
            "negative",
            "not",
            "never",
            "nowhere",
            "unlikely",
            "cannot",
        )
        opens = before is None or before.end < token.start
        return not answered and not opens
    if token.norm != "." or (numbered and before is not None and before.norm.isdigit()):
        return False
    if following is None or following.norm == "\n":
        return True
    close = following.start == token.end and text[following.start].isalnum()
    lower = text[following.start].islower() or text[following.start].isdigit()
    short = before is not None and (
        before.norm in _ABBREVIATED or before.cut or is_short(text[before.start : before.end])
    )
    listed = re.match(r"\d{1,2}[.)] +[^\W\d]", text[following.start : following.start + 9])  # "... enh. 2. A cyst"
    return not (close and lower) and not (short and lower and not listed)
