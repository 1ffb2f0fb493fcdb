"""What a description says: terms understood, words not understood, contradictions; and terms put in and taken out."""

import html
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from slicer.i18n import tr as _

from TextoMorphModule.Actions import background

UNDERSTOOD, UNKNOWN = "#2e7d32", "#b26a00"


@dataclass(frozen=True)
class Understanding:
    """What is understood of a description.

    Attributes:
        terms: Names of the terms found, denied ones after "no ".
        unknown: Words that no term covers and that are no mere fillers.
        contradictions: Pairs of terms that cannot, or hardly, hold both.
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

    def canUnderstand(self, organ: str, prepare: bool = True) -> bool:
        """Whether descriptions for an organ can be understood at once.

        The first time takes a quarter of a second, which is spent in a thread.

        Args:
            organ: liver, pancreas or kidney.
            prepare: Begin with it where it has not been begun.

        Example:
            >>> logic.canUnderstand("liver")
            False
        """
        return background.isPrepared(("words", organ), partial(self.understand, "", organ), prepare)

    def understand(self, text: str, organ: str) -> Understanding:
        """What is understood of a description.

        Example:
            >>> logic.understand("gloomy, hypodense, no calcification", "liver").unknown
            ['gloomy']
        """
        from TextoMorphLib.text.plausibility import doubtful
        from TextoMorphLib.text.understanding import understand

        found = understand(text, organ)
        text = found.text
        colours = {(m.start, m.end): UNDERSTOOD for m in found.mentions} | dict.fromkeys(found.unknown, UNKNOWN)
        marked, done = [], 0
        for (start, end), colour in sorted(colours.items()):
            words = _coloured(text[start:end], colour)
            marked += [html.escape(text[done:start]), f"<b>{words}</b>" if colour == UNDERSTOOD else words]
            done = end
        marked.append(html.escape(text[done:]))
        pairs = [*found.contradictions, *doubtful(found)]
        clashes = [(_named(a), _named(b)) for a, b in pairs]
        terms = list(dict.fromkeys(_named(mention) for mention in found.mentions))
        return Understanding(terms, list(found.unknown_words), clashes, "".join(marked))

    def withTerm(self, text: str, organ: str, name: str) -> str:
        """The description with a term more; "mildly" and the like go before the density that they qualify.

        Terms that it contradicts are taken out.

        Example:
            >>> logic.withTerm("hypoattenuating", "liver", "ill-defined")
            'hypoattenuating, ill-defined'
        """
        from TextoMorphLib.text import understanding, vocabulary

        made = self._withTerm(text, organ, name)
        clashes = vocabulary.contradictions(understanding.find(made, organ))
        for other in {each.term.name for pair in clashes for each in pair if name in (m.term.name for m in pair)}:
            if other != name:
                made = self.withoutTerm(made, organ, other)
        return made

    def _withTerm(self, text: str, organ: str, name: str) -> str:
        from TextoMorphLib.text import understanding, vocabulary

        term = next(each for each in vocabulary.terms(organ) if each.name == name)
        if "degree" in term.kinds:
            for mention in understanding.find(text, organ):
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
        from TextoMorphLib.text import understanding

        for mention in reversed(understanding.find(text, organ)):
            if mention.term.name == name and not mention.negated:
                text = text[: mention.start] + text[mention.end :]
        text = re.sub(r"\s*,(\s*,)+", ",", text)
        return re.sub(r"[ \t]{2,}", " ", text).strip(" ,;\n")


def _named(mention: Any) -> str:
    return (_("no {term}").format(term=mention.term.name)) if mention.negated else str(mention.term.name)


def _coloured(words: str, colour: str) -> str:
    return f'<span style="color:{colour}">{html.escape(words)}</span>'
