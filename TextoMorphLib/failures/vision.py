"""What a vision-language model says of failures' pictures, held against what was measured.

The endpoint gets a picture without words and the vocabulary, and answers in terms. A term that the vocabulary does not
have is dropped; one that sets an attribute otherwise than it was measured is kept apart. The measured words stay what
look-alikes are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.errors import ALONE
from TextoMorphLib.failures.page import picture
from TextoMorphLib.failures.record import Failure
from TextoMorphLib.io.masks import read_mask
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.paths import resources
from TextoMorphLib.text.chat import Chat
from TextoMorphLib.text.vocabulary import Term, terms

_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"terms": {"type": "array", "items": {"type": "string"}}},
    "required": ["terms"],
    "additionalProperties": False,
}
# Terms whose explanations, taken together, are what an example's picture would show.
_EXAMPLES = (("hypoattenuating", "ill-defined"), ("cystic", "septated", "thin-walled"), ("arterial enhancement",))


def tell(failures: Sequence[Failure], chat: Chat, progress: Callable[[int, int], Any] | None = None) -> list[Failure]:
    """The failures with what the endpoint says of their pictures, in `told`.

    Args:
        failures: As `find` returns them.
        chat: The endpoint; its model must take pictures.
        progress: Called with (failures done, failures in all).

    Raises:
        ChatError: The endpoint fails.
        InputError: A scan cannot be read.
    """
    found: list[Failure] = []
    scan: tuple[Path, Volume] | None = None
    for number, failure in enumerate(failures):
        if scan is None or scan[0] != failure.ct:
            scan = failure.ct, Volume.read(failure.ct)
        answer = chat.ask(_prompt(failure.organ), "", _SCHEMA, _without_words(scan[1], failure))
        found.append(replace(failure, told={"by": chat.model, **held_against(answer["terms"], failure)}))
        if progress is not None:
            progress(number + 1, len(failures))
    return found


def held_against(said: Sequence[str], failure: Failure) -> dict[str, Any]:
    """Terms that an endpoint answers, by what was measured of the failure.

    Returns:
        agreed: Terms that were measured, too; unmeasured: of what nothing could be measured; contrary: terms that were
        measured otherwise; dropped: how many are not of the vocabulary.
    """
    known = {term.name: term for term in _terms(failure.organ)}
    found: dict[str, Any] = {"agreed": [], "unmeasured": [], "contrary": [], "dropped": 0}
    for name in dict.fromkeys(" ".join(each.lower().split()) for each in said):
        if name not in known:
            found["dropped"] += 1
            continue
        sets = known[name].kinds
        measured = {kind: failure.description[kind] for kind in sets if kind in failure.description}
        other = any(measured[kind] != sets[kind] for kind in measured)
        found["contrary" if other else "agreed" if measured else "unmeasured"].append(name)
    return found


def _terms(organ: str) -> list[Term]:
    return [term for term in terms(organ) if term.kinds and term.about == "lesion"]


def _prompt(organ: str) -> str:
    known = {term.name: term for term in _terms(organ)}
    examples = [names for names in _EXAMPLES if all(name in known for name in names)]
    shown = [
        f"{' '.join(known[name].explanation for name in names)} -> "
        + '{"terms": ['
        + ", ".join(f'"{name}"' for name in names)
        + "]}"
        for names in examples
    ]
    listed = "\n".join(f"- {term.name}: {term.explanation}" for term in known.values())
    text = (resources() / "Prompts" / "picture.txt").read_text(encoding="utf-8")
    return text.format(organ=organ, terms=listed, examples="\n".join(shown))


def _without_words(ct: Volume, failure: Failure) -> bytes:
    """A failure's picture that tells nothing of what was measured, and nothing of whose it is."""
    own = read_mask(failure.mask, ct, resample=True, choose=ALONE)
    return picture(ct, own, own, np.zeros_like(own), "", "")
