"""Words that were understood, and why they change nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Heard:
    """Words that were understood and have no effect on the lesion.

    Attributes:
        what: What they speak of: "gas", "hypoattenuating".
        why: Why they have no effect: "said of the spleen", "said of the past", "the model has no attribute for it".
        start: The first character of the words in the text.
        end: One after the last.
    """

    what: str
    why: str
    start: int
    end: int
