"""What a description says: terms understood, words not understood, contradictions; and terms put in and taken out."""

import html
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from slicer.i18n import tr as _

FILLERS = (
    "a an and are as at by for from has have in into is it its of on or seen shows that the there this to with which "
    "appears centimetre cm diameter large located measuring mm small size"
)
UNDERSTOOD, UNKNOWN = "#2e7d32", "#b26a00"


@dataclass(frozen=True)
class Understanding:
    """What is understood of a description.

    Attributes:
        terms: Names of the terms found, denied ones after "no ".
        unknown: Words that no term covers and that are no mere fillers.
        contradictions: Pairs of terms that cannot both hold.
        marked: The description as HTML, with terms and unknown words coloured.
    """

    terms: list[str]
    unknown: list[str]
    contradictions: list[tuple[str, str]]
    marked: str


class Describing:
    """Terms and sentences."""

    def termGroups(self, organ: str) -> dict[str, list[Any]]:
        """The organ's terms by kind; each has a name and an explanation.

        Example:
            >>> [term.name for term in logic.termGroups("liver")["Margin"]]
            ['well-defined', 'ill-defined']
        """
        from TextoMorphLib.text import vocabulary

        return vocabulary.groups(organ)

    def understand(self, text: str, organ: str) -> Understanding:
        """What is understood of a description.

        Example:
            >>> logic.understand("spiculated, hypodense, no calcification", "liver").unknown
            ['spiculated']
        """
        from TextoMorphLib.text import vocabulary

        mentions = vocabulary.find(text, organ)
        negations = re.compile(r"\b(no|not|non|without|absent|absence|evidence)\b", re.IGNORECASE)
        unknown, marked, done = [], [], 0
        for mention in [*mentions, None]:
            end = mention.start if mention else len(text)
            for piece in re.split(r"([^\W\d_](?:[\w'-]*\w)?)", text[done:end]):
                known = not piece[:1].isalpha() or piece.lower() in _fillers(organ) or negations.fullmatch(piece)
                if not known:
                    unknown.append(piece)
                marked.append(html.escape(piece) if known else _coloured(piece, UNKNOWN))
            if mention:
                marked.append(f"<b>{_coloured(text[mention.start : mention.end], UNDERSTOOD)}</b>")
                done = mention.end
        clashes = [(_named(a), _named(b)) for a, b in vocabulary.contradictions(mentions)]
        terms = list(dict.fromkeys(_named(mention) for mention in mentions))
        return Understanding(terms, list(dict.fromkeys(unknown)), clashes, "".join(marked))

    def fromReport(self, report: str, organ: str) -> str:
        """The description of an organ's lesion in a whole report.

        Raises:
            InputError: The report describes no lesion of this organ.

        Example:
            >>> logic.fromReport("Liver: ill-defined hypodense lesion. Spleen: normal.", "liver")
            'ill-defined hypodense lesion.'
        """
        from TextoMorphLib.errors import InputError
        from TextoMorphLib.text.reports import lesion_description

        found: str = lesion_description(report, organ)
        if not found:
            raise InputError(
                f"no sentence about a lesion of the {organ} was found; copy a report first, and check the organ"
            )
        return found

    def withTerm(self, text: str, organ: str, name: str) -> str:
        """The description with a term more; "mildly" and the like go before the density that they qualify.

        Terms that it contradicts are taken out.

        Example:
            >>> logic.withTerm("hypoattenuating", "liver", "ill-defined")
            'hypoattenuating, ill-defined'
        """
        from TextoMorphLib.text import vocabulary

        made = self._withTerm(text, organ, name)
        clashes = vocabulary.contradictions(vocabulary.find(made, organ))
        for other in {each.term.name for pair in clashes for each in pair if name in (m.term.name for m in pair)}:
            if other != name:
                made = self.withoutTerm(made, organ, other)
        return made

    def _withTerm(self, text: str, organ: str, name: str) -> str:
        from TextoMorphLib.text import vocabulary

        term = next(each for each in vocabulary.terms(organ) if each.name == name)
        if "degree" in term.kinds:
            for mention in vocabulary.find(text, organ):
                if "density" in mention.term.kinds:
                    return f"{text[: mention.start]}{name} {text[mention.start :]}"
            return f"{name} {self._withTerm(text, organ, 'hypoattenuating')}".rstrip(", ") if not text.strip() else text
        bare = text.rstrip(" ,;\n")
        return f"{bare}{' ' if bare.endswith('.') else ', '}{name}" if bare else name

    def withoutTerm(self, text: str, organ: str, name: str) -> str:
        """The description without a term, however it was worded.

        Example:
            >>> logic.withoutTerm("hypodense, ill-defined", "liver", "hypoattenuating")
            'ill-defined'
        """
        from TextoMorphLib.text import vocabulary

        for mention in reversed(vocabulary.find(text, organ)):
            if mention.term.name == name and not mention.negated:
                text = text[: mention.start] + text[mention.end :]
        text = re.sub(r"\s*,(\s*,)+", ",", text)
        return re.sub(r"[ \t]{2,}", " ", text).strip(" ,;\n")


def _named(mention: Any) -> str:
    return (_("no {term}").format(term=mention.term.name)) if mention.negated else str(mention.term.name)


def _coloured(words: str, colour: str) -> str:
    return f'<span style="color:{colour}">{html.escape(words)}</span>'


@lru_cache(maxsize=4)
def _fillers(organ: str) -> frozenset[str]:
    """Words that carry no meaning of their own here: those of the sentences that descriptions are made of."""
    from TextoMorphLib.paths import resources

    sentences = json.loads((resources() / "Vocabulary" / "sentences.json").read_text(encoding="utf-8"))
    found = re.findall(r"[^\W\d_](?:[\w'-]*\w)?", json.dumps({k: v for k, v in sentences.items() if k != "about"}))
    return frozenset(word.lower() for word in [*found, *FILLERS.split(), organ])
