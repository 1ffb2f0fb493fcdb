"""What is denied of both sides of a scale lies between them: "neither lighter nor darker than the liver"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from TextoMorphLib.text.vocabulary import Mention, Term

_SIDES = ({"hypo"}, {"hyper"})


def between(said: Sequence[Mention], terms: Mapping[str, Term]) -> list[Mention]:
    """The density that a sentence comes to that denies a darker and a brighter one, and says none.

    Args:
        said: What it says.
        terms: The terms by name.
    """
    of_density = [mention for mention in said if mention.term.kinds.keys() == {"density"}]
    denied = {mention.term.kinds["density"] for mention in of_density if mention.negated}
    if not all(mention.negated for mention in of_density) or not all(denied & side for side in _SIDES):
        return []
    first, last = of_density[0], of_density[-1]
    return [Mention(terms["isoattenuating"], False, first.start, last.end, last.certainty)]
