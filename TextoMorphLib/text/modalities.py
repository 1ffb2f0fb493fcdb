"""What another examination than CT found: "T2 | bright", "EUS: | dark mass", "PET showed intense | uptake".

A wall, septa, calcium or a cyst is the same in every examination. How bright a lesion is, is not: an echo, a signal and
a tracer say nothing of its density. A word of CT alone ("hypodense") is CT's, whatever is named beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from TextoMorphLib.text.lexicon import Word

_OTHERS = frozenset((
    "t 1", "t 2", "flair", "dwi", "adc", "adc map", "stir", "mri", "mr", "mrcp", "t 1 weighted", "t 2 weighted",
    "ultrasound", "us", "sonography", "sonographically", "sonogram", "eus", "endosonography", "endosonographically",
    "endoscopic ultrasound", "doppler", "b mode", "elastography", "scintigraphy", "diffusion",
))  # fmt: skip
_TRACERS = frozenset(("pet", "pet ct", "fdg", "fdg pet", "dotatate", "dotatoc", "psma", "tracer", "suv", "spect"))
_CT = frozenset(("ct", "computed tomography", "cect", "ncct"))
_OWN = re.compile(r"dens|attenu|vascul|enhanc|opaque|lucen|contrast|\bhu\b")  # CT's words; contrast is every one's
_ON = ("on", "in", "at", "by")
_KNOWN = frozenset((
    "seen", "noted", "described", "known", "visible", "shown", "found", "detected", "compared", "correlate", "from",
    "with", "to", "for", "than", "recommend", "suggest", "consider", "after", "before", "since",
))  # fmt: skip


def is_signal(words: Sequence[Word], at: int) -> bool:
    """Whether a brightness, or an uptake, is another examination's."""
    if words[at].norm.startswith(("signal", "echo")) or (at and words[at - 1].norm in _TRACERS):
        return True
    examination = _following(words, at) or _topic(words, at)
    if examination in _TRACERS:
        return not re.search(r"dens|attenu|\bhu\b", words[at].norm)
    brightness = words[at].thing != "enhancement" and not _OWN.search(words[at].norm)
    return brightness and ((at > 0 and words[at - 1].norm in _OTHERS) or examination in _OTHERS)


def _following(words: Sequence[Word], at: int) -> str:
    """The examination that something is said to be so on: "bright | on the prior MRI"; empty if none is."""
    following = [word for word in words[at + 1 : at + 6] if not (word.has("word", "det") or word.has("past"))]
    on = next((i for i, word in enumerate(following[:2]) if word.norm in (*_ON, "(")), None)
    named = following[on + 1].norm if on is not None and on + 1 < len(following) else ""
    return named if named in _OTHERS | _TRACERS | _CT else ""


def _topic(words: Sequence[Word], at: int) -> str:
    """The examination that a sentence tells of at a word: "EUS: |", "on MRI it is |", "MRI showed |"."""
    for index in range(at - 1, -1, -1):
        norm = words[index].norm
        if norm in _OTHERS or norm in _TRACERS or norm in _CT:
            return "" if any(word.norm in _KNOWN for word in words[max(0, index - 3) : index]) else norm
    return ""
