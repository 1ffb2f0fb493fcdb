"""What of a report went into none of its lesions."""

from __future__ import annotations

from collections.abc import Sequence

from TextoMorphLib.text.report_layout import sentences_of
from TextoMorphLib.text.reports import ReportedLesion


def left_out(report: str, lesions: Sequence[ReportedLesion]) -> list[str]:
    """The sentences of which no word was taken, in the report's order; a heading alone is none."""
    taken = [_plain(part) for lesion in lesions for part in lesion.sentences]
    return [
        sentence
        for sentence in sentences_of(report)
        if not sentence.rstrip().endswith(":") and not any(_shares(_plain(sentence), part) for part in taken)
    ]


def _shares(sentence: str, part: str) -> bool:
    return part in sentence or sentence in part


def _plain(text: str) -> str:
    return " ".join(text.split()).strip(" .;,")
