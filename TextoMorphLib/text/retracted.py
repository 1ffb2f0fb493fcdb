"""What a sentence takes back of the one before: "It was reported as cystic; it is not", "Septa? There are none".

Two kinds: a plain "it is not" answers only what was asked, suspected or told as somebody else's word; "that is wrong"
and "this is not the case" take back whatever was said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from TextoMorphLib.text.denied_clauses import BELIEVED
from TextoMorphLib.text.lexicon import Word
from TextoMorphLib.text.phrases import LESION
from TextoMorphLib.text.tokens import normal
from TextoMorphLib.text.vocabulary import Mention

_HEARSAY = BELIEVED | frozenset(map(normal, (
    "said", "mention", "mentioned", "describe", "report", "speak", "spoke", "talk", "suggest", "suggested",
    "claim", "claimed", "ask", "asked", "asking", "query", "queried", "question", "wonder", "wondered", "raised",
    "take", "taken", "mistake", "labelled", "documented", "diagnosed", "expect", "expected", "feared", "looked",
    "seemed", "request", "concern",
)))  # fmt: skip
_PASSIVE = ("was", "were", "been", "is", "are")
_FIRST = (
    r"(?:(?:but|however|yet|though|today|now|in fact|in reality|answer|finding|(?:on|at|by) (?:ct|this \w+|the \w+))"
    r" (?:[,:] )?)*"
)
_IT = rf"{_FIRST}(?:it|this|that|they|these|those|which|the (?:lesion|mass|tumor|cyst|nodule))"
_SURELY = r"(?: (?:in fact|clearly|really|actually|definitely|certainly|today|now|in reality|however|simply|plainly))*"
_BE = r"(?:is|are|was|were|does|doe|do|did|has|have|can|could)"
_NOT = rf"(?:{_BE}{_SURELY} (?:not|never)|(?:is|are|was|were|does|do|did|has|have|could)n't|cannot|can't)"
_SO = (
    r"(?: be| been)?(?: (?:confirmed|the case|case|so|true|correct|right|seen|found|present|visible|identified|"
    r"verified|reproduced|supported|there|borne out|one|any|substantiated))"
)
_HERE = r"(?: (?:here|today|now|any more|any longer|by ct|at ct|on ct|on (?:this|the|today') \w+|by (?:this|the) \w+))*"
_END = r"(?= (?:[.,;:!\n]|but|and|-)(?: |$)|$)"
_WRONG = (
    r"wrong|incorrect|untrue|false|mistaken|(?:an )?error|(?:an )?artifact|unfounded|erroneous|(?:a )?mistake|refuted|"
    r"disproved|(?:a )?misreading|not (?:true|right|correct|so|the case|confirmed)"
)
_PLAIN = re.compile(
    rf"^(?:{_FIRST}(?:is |are |was |were )?not(?: been)?{_SO}{_HERE}|{_IT}{_SURELY} {_NOT}(?:{_SO})?{_HERE}|"
    rf"{_IT}{_SURELY} {_BE}{_SURELY} anything but(?: that)?|far from it|on the contrary|not at all|not so){_END}"
)
_NONE = re.compile(
    rf"^{_FIRST}(?:there (?:is|are) )?(?:none|nothing of the (?:kind|sort)|no such thing)"
    rf"(?: (?:is|are|was|were|can be|could be|has been|have been))?{_SURELY}"
    rf"(?: (?:seen|found|present|visible|identified|there|confirmed|detected|demonstrated))?{_HERE}{_END}"
)
_AT_ALL = re.compile(
    rf"^{_IT}{_SURELY} (?:{_NOT}(?: be| been)? (?:confirmed|the case|case|true|correct|right|borne out|substantiated)|"
    rf"(?:is|was|are|were|proved|proved to be|turned out to be)(?: (?:{_WRONG}))){_HERE}{_END}"
)


def taken_back(words: Sequence[Word], before: Sequence[Word], said: Sequence[Mention]) -> list[Mention]:
    """What was said in one sentence and is denied by the next.

    Args:
        words: The next.
        before: The one in which it was said.
        said: What it said.
    """
    if not said:
        return []
    norms = " ".join(word.norm for word in words)
    told, asked = _hearsay(before), before[-1].norm == "?"
    if _AT_ALL.match(norms) or ((told or asked) and _PLAIN.match(norms)):
        return _within(said, told)
    if (told or asked) and _NONE.match(norms):
        return [mention for mention in _within(said, told) if _is_noun(mention, before)]
    return []


def _hearsay(words: Sequence[Word]) -> tuple[int, int] | None:
    """What of a sentence is only told as said or asked; None if the text itself says all of it."""
    at = next((i for i, word in enumerate(words) if _HEARSAY & set(word.norm.split(" "))), None)
    if at is None:
        return None
    part = any(word.noun and word.term is not None and word.thing != LESION for word in words[:at])
    passive = part and words[at - 1].norm in _PASSIVE  # "septa were described in the cyst"
    return (words[0].start, words[at].start) if passive else (words[at].end, words[-1].end)


def _within(said: Sequence[Mention], told: tuple[int, int] | None) -> list[Mention]:
    """What is told as somebody else's word; all, where that is nothing: "a cyst was suspected"."""
    return [each for each in said if told and told[0] <= each.start < told[1]] or list(said)


def _is_noun(mention: Mention, words: Sequence[Word]) -> bool:
    return any(word.noun for word in words if word.start < mention.end and mention.start < word.end)
