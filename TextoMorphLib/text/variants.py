"""Many wordings of one description, of which only those are kept that mean the same and read differently (section 3.1).

Wordings come from anywhere: the composer of training texts, a chat endpoint. Each is checked here, and how many fell to
which check is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from torch import Tensor

from TextoMorphLib.text.chat import Chat
from TextoMorphLib.text.chat_reports import prompt
from TextoMorphLib.text.concepts import KINDS, Description
from TextoMorphLib.text.understanding import understand

LEAST, MOST = 0.6, 0.97  # cosine to the source at least, to every kept wording at most
BATCH = 32
TRIED = 60  # wordings that are tried for each that is asked for

MEANS_OTHER, UNKNOWN, NUMBERS, FAR, NEAR = (
    "means something else",
    "has words that are not understood",
    "says a size or number of its own",
    f"cosine to the description under {LEAST:g}",
    f"cosine to another wording over {MOST:g}",
)
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"texts": {"type": "array", "items": {"type": "string"}}},
    "required": ["texts"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Variants:
    """Wordings that were kept, and how many were dropped by which check."""

    texts: list[str]
    dropped: Counter[str]
    tried: int


def checked(
    source: str,
    organ: str,
    wordings: Iterable[str],
    count: int,
    encode: Callable[[Sequence[str]], Tensor],
) -> Variants:
    """Keeps the wordings of a description that mean the same and are no copies of each other.

    Args:
        source: The description.
        organ: liver, pancreas or kidney.
        wordings: What may be kept, in this order.
        count: How many to keep at most; `TRIED` times as many are tried.
        encode: From texts to their vectors [N, width] of norm 1.
    """
    meant = _full(understand(source, organ).description)
    own_numbers = understand(source, organ).numbers
    vector = encode([source])[0]
    kept: list[str] = []
    vectors: list[Tensor] = []
    dropped: Counter[str] = Counter()
    tried = 0
    ready = iter(islice(wordings, TRIED * count))
    while len(kept) < count and (batch := list(islice(ready, BATCH))):
        tried += len(batch)
        same = []
        for text in batch:
            if why := _meaning(text, organ, meant, own_numbers.sizes_mm):
                dropped[why] += 1
            else:
                same.append(text)
        for text, own in zip(same, encode(same) if same else (), strict=True):
            if len(kept) == count:
                break
            if float(own @ vector) < LEAST:
                dropped[FAR] += 1
            elif any(float(own @ other) > MOST for other in vectors):
                dropped[NEAR] += 1
            else:
                kept.append(text)
                vectors.append(own)
    return Variants(kept, dropped, tried)


def from_chat(chat: Chat, source: str, count: int) -> Iterator[str]:
    """Wordings by a chat endpoint, asked for in portions until it gives no new ones.

    Raises:
        ChatError: The endpoint fails.
    """
    seen: set[str] = set()
    for portion in range(1, 2 + 4 * count // 20):
        question = f"Portion {portion}: 20 other wordings of this description.\n\n{source}"
        new = [text for text in chat.ask(prompt("variants"), question, _SCHEMA)["texts"] if text not in seen]
        if not new:
            return
        seen.update(new)
        yield from new


def _meaning(text: str, organ: str, meant: Description, sizes: object) -> str:
    """Why a wording does not mean the same; empty if it does."""
    found = understand(text, organ)
    if _full(found.description) != meant or found.elsewhere or found.denies_lesion:
        return MEANS_OTHER
    if found.unknown:
        return UNKNOWN
    return NUMBERS if found.numbers.sizes_mm and found.numbers.sizes_mm != sizes else ""


def _full(description: Description) -> Description:
    return {kind: description.get(kind, values[0]) for kind, values in KINDS.items()}
