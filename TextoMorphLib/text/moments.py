"""Words that say when, as one: "on the initial CT", "before the second cycle of chemotherapy", "in 2021".

A text tells of two times, then and now, and only what is so now is drawn. The words for them are endless and built
alike: a preposition, which of several, and an examination, a treatment or a date.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from TextoMorphLib.paths import resources
from TextoMorphLib.text.tokens import Token

# What the words become; no text has such words.
MOMENTS = THEN, NOW, DATE, SINCE = "@then", "@now", "@date", "@since"
_DET = r"(?:(?:the|a|an|its|his|her|their|this|that) )?"
_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_YEAR = r"(?:19|20)\d\d"
_SEASON = r"(?:spring|summer|autumn|winter)"
_DATE = rf"(?:{_MONTH} {_YEAR}|{_MONTH}|{_SEASON} {_YEAR}|{_SEASON}|{_YEAR}|\d{{1,2}} / {_YEAR})"
_COUNT = r"(?:\d+|a|an|one|two|three|four|five|six|eight|ten|twelve|several|some|few|a few|many)"
_SHOWED = r"(?= (?::|showed|shown|had|demonstrated|revealed|described|displayed|depicted) )"


def with_moments(sentence: Sequence[Token]) -> list[Token]:
    """The sentence with what says when as one token each."""
    norms, of = "", list[int]()
    for number, token in enumerate(sentence):
        of += [number] * (len(token.norm) + 1)
        norms += f"{token.norm} "
    found: list[Token] = []
    at = 0
    for begin, end, moment in _moments(norms):
        first, last = of[begin], of[end]
        found += [*sentence[at:first], Token(moment, sentence[first].start, sentence[last].end)]
        at = last + 1
    return [*found, *sentence[at:]]


def _moments(norms: str) -> Iterator[tuple[int, int, str]]:
    """Where a moment begins and its last character, and which it is."""
    for match in _pattern().finditer(norms):
        moment = match.lastgroup or ""
        begin, said = match.start(moment), match[moment].rstrip()
        if said:
            yield begin, begin + len(said) - 1, f"@{moment}"


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """Moments as norms, each with a space behind it, that begin a word."""
    data = json.loads((resources() / "Vocabulary" / "moments.json").read_text(encoding="utf-8"))
    words = {name: rf"(?:{'|'.join(_open(word) for word in data[name])})" for name in data if name != "about"}
    exam, earlier, later, treatment, span = (
        words[name] for name in ("examinations", "earlier", "later", "treatments", "spans")
    )
    dated = rf"(?: (?:of|from|dated|in) {_DATE})?"
    some = r"(?:(?!(?:and|or|of|in|on|with|is|was|to|for|a|the) )[^\W\d_]+ ){0,2}"
    examined = (
        rf"(?:(?:{earlier}|{earlier} {span}'?) {some}{exam}{dated}|{exam} (?:of|from) (?:{_DATE}|{earlier} {span}))"
    )
    passed = (
        rf"(?:{_COUNT} (?:{span}) (?:ago|earlier|before|previously)|(?:last|previous|past) {span}|the {span} before)"
    )
    treated = rf"{_DET}{some}(?:{treatment})(?: (?:of|with|by) {treatment})?"
    then = "|".join(
        (
            rf"(?:on|at|in|during|from) {_DET}{examined}",
            words["starts"],
            rf"(?:until|till|up to) (?:recently|then|now|{passed}|{_DATE})",
            rf"(?:before|prior to|until|till|preceding) {treated}",
            r"(?:until|till) (?:the|its|his|her) [^\W\d_]+",
            rf"pre (?:{treatment})",
            rf"(?:in |from )?{passed}(?: '? {exam})?",
            rf"(?<!with ){_DET}{earlier} {some}{exam}{dated}{_SHOWED}",
        )
    )
    now = "|".join(
        (
            rf"(?:on|at|in) {_DET}{later} {some}{exam}{dated}",
            rf"(?:on|at|in) (?:this|today') {exam}",
            words["ends"],
            rf"(?:after|following|(?<!status )post|under) {treated}",
            rf"{_DET}{later} {some}{exam}{dated}(?= : )",
        )
    )
    since = rf"since (?:{_DET}(?:{earlier} )?{some}{exam}{dated}|{_DATE}|{passed}|{_DET}{earlier}|{treated})"
    date = rf"(?:(?:in|on|of) {_DATE}|(?:on|at|in) {_DET}{_DATE} {exam})"
    return re.compile(rf"(?<![^ ])(?:(?P<then>(?:{then}) )|(?P<now>(?:{now}) )|(?P<since>{since} )|(?P<date>{date} ))")


def _open(word: str) -> str:
    return re.escape(word).replace(r"\*", r"\w*")
