"""What of a text has no effect on a lesion, and what a text leaves open: told, so that nothing pretends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from TextoMorphLib.text.understanding import Understanding

BY_RULE = "not understood"
BY_TOKENS = "not understood; the model is shown the word, and what it makes of it is not measured"
NOT_LEARNED = "the model has not learned it"
AROUND = "speaks of the organ around the lesion, which stays as it is"


def told(
    meant: Understanding, kinds: Iterable[str], unlearned: Iterable[tuple[str, str]], tokens: bool, taken_as: str
) -> dict[str, Any]:
    """For a report: the words without effect, and what is left open and how that is taken.

    Args:
        meant: What is understood of the text.
        kinds: Of attributes that the model draws by.
        unlearned: Kinds and values that the text asks for, and the model has not learned.
        tokens: Whether the model is shown the words themselves, too.
        taken_as: What it takes for a kind that no word speaks of: its default, or unknown.
    """
    return {
        "without_effect": without_effect(meant, unlearned, tokens),
        "unsaid": {"kinds": [kind for kind in kinds if kind not in meant.description], "taken_as": taken_as},
    }


def lines(unsaid: Mapping[str, Any]) -> list[str]:
    """What a text leaves open, in short lines for the user."""
    how = {"default": "so at their defaults", "unknown": "so as they happen to be in real lesions of such words"}
    kinds = ", ".join(kind.replace("_", " ") for kind in unsaid["kinds"])
    return [f"not said, {how[unsaid['taken_as']]}: {kinds}"] if kinds else []


def without_effect(
    meant: Understanding, unlearned: Iterable[tuple[str, str]] = (), tokens: bool = False
) -> list[dict[str, str]]:
    """The words of a text that have no effect that is known, each with the reason.

    Args:
        meant: What is understood of the text.
        unlearned: Kinds and values that it asks for, and the model has not learned.
        tokens: Whether the model is shown the words themselves, too.
    """
    found = [{"words": meant.words(heard), "why": heard.why} for heard in meant.heard]
    around = [mention for mention in meant.mentions if mention.term.about == "background" and not mention.negated]
    found += [{"words": meant.words(mention), "why": AROUND} for mention in around]
    missing = set(unlearned)
    for mention in () if not missing else meant.mentions:
        if missing & set(mention.term.kinds.items()) and not mention.negated:
            found.append({"words": meant.words(mention), "why": NOT_LEARNED})
    found += [{"words": word, "why": BY_TOKENS if tokens else BY_RULE} for word in meant.unknown_words]
    return [each for at, each in enumerate(found) if each not in found[:at]]
