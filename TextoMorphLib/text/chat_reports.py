"""A report's lesions by a chat endpoint, of which nothing is believed that does not stand in the report.

A span counts if the report has it word for word, says it of no other organ, denies no lesion with it, and says what it
says with the same polarity; the rest is dropped and counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from TextoMorphLib.paths import resources
from TextoMorphLib.text import encoders
from TextoMorphLib.text.chat import Chat
from TextoMorphLib.text.identifiers import struck_out
from TextoMorphLib.text.organs import ORGANS
from TextoMorphLib.text.report_layout import sentences_of
from TextoMorphLib.text.reports import ReportedLesion, organ_at
from TextoMorphLib.text.understanding import understand

NOT_THERE, TURNED, DENIED, OTHER_ORGAN, ELSEWHERE = (
    "not in the report word for word",
    "the report says the contrary",
    "the report denies it",
    "of another organ than asked",
    "the report says it of another organ",
)
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "lesions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "organ": {"type": "string", "enum": ["liver", "pancreas", "kidney"]},
                    "spans": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["organ", "spans"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["lesions"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class ChatExtract:
    """What an endpoint found and what of it counts.

    Attributes:
        lesions: The lesions whose words stand in the report.
        dropped: How many spans were dropped, by reason.
        similarity: Cosine of the MiniLM vectors of the lesions' words and of the report, None without lesions.
    """

    lesions: list[ReportedLesion]
    dropped: Counter[str]
    similarity: float | None


def prompt(name: str) -> str:
    """A prompt of `Resources/Prompts`."""
    return (resources() / "Prompts" / f"{name}.txt").read_text(encoding="utf-8")


def extract(chat: Chat, report: str, organ: str | None = None) -> ChatExtract:
    """The lesions of a report by a chat endpoint.

    Raises:
        ChatError: The endpoint fails.
    """
    answer = chat.ask(prompt("extract"), report, _SCHEMA)
    sent = report if chat.local else struck_out(report)
    text = " ".join(sent.split())
    lesions, dropped = [], Counter[str]()
    for each in answer["lesions"]:
        if organ not in (None, each["organ"]) or each["organ"] not in ORGANS:
            dropped[OTHER_ORGAN] += len(each["spans"])
            continue
        spans = []
        for span in each["spans"]:
            why = _why_not(span, text, each["organ"]) or _elsewhere(span, sent, each["organ"])
            if why:
                dropped[why] += 1
            else:
                spans.append(" ".join(span.split()))
        if spans:
            lesions.append(ReportedLesion(each["organ"], spans))
    described = " ".join(lesion.description for lesion in lesions)
    return ChatExtract(lesions, dropped, similarity(described, report) if lesions else None)


def _why_not(span: str, report: str, organ: str) -> str:
    """Why a span does not count; empty if it does."""
    words = " ".join(span.split())
    if not words or words not in report:
        return NOT_THERE
    whole = next((s for s in sentences_of(report) if words in s), words)
    there = understand(whole, organ)
    if there.denies_lesion:
        return DENIED
    says = {(m.term.name, m.negated) for m in there.mentions}
    mentions = understand(words, organ).mentions
    if any((m.term.name, not m.negated) in says and (m.term.name, m.negated) not in says for m in mentions):
        return TURNED
    return ""


def _elsewhere(span: str, report: str, organ: str) -> str:
    place = organ_at(report, " ".join(span.split()))
    return ELSEWHERE if place not in ("", organ) else ""


def similarity(text: str, report: str) -> float:
    """Cosine of the mean MiniLM vectors of two texts' sentences, -1 to 1."""
    encode = encoders.load("minilm").encode
    first, second = (encode(sentences_of(each) or [each]).pooled.mean(0) for each in (text, report))
    return round(float((first @ second) / (first.norm() * second.norm())), 3)
