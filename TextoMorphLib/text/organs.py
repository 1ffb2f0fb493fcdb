"""The organs: one JSON file each in `Resources/Organs`, or in the user's folder of that name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from TextoMorphLib import paths
from TextoMorphLib.text import entries
from TextoMorphLib.text.entries import NUMBER, TABLE, TEXT, TEXTS


@dataclass(frozen=True)
class Organ:
    """An organ that lesions can be put in.

    Attributes:
        name: As it is chosen by.
        words: What texts call its healthy tissue.
        places: Places in it, as texts say them.
        in_reports: Regular expression of what a report means it by.
        terms_of: The organ whose terms its reports use; itself where terms name it.
        most_ml: Larger than this (both, of two kidneys) is hardly any, even where it is ill: what a segmenter calls so
            has other tissue in it. Infinite where nobody has said it.
        unsaid_contrast_hu: How bright against it lesions are of whose density nothing is said: shares, and the HU that
            so many of them stay under. Empty where no data say it; a model draws its own default there.
        fluid_hu: Likewise the HU of what is in its cysts.
        lags: How far a solid lesion of whose density nothing is said is rendered under it: from and up to which share
            of the organ's enhancement. Empty where it is rendered as in any tissue.
        unenhanced_hu: HU of the organ without contrast agent, from which its enhancement is counted.
    """

    name: str
    words: tuple[str, ...]
    places: tuple[str, ...]
    in_reports: str
    terms_of: str
    most_ml: float = float("inf")
    unsaid_contrast_hu: tuple[tuple[float, float], ...] = ()
    fluid_hu: tuple[tuple[float, float], ...] = ()
    lags: tuple[float, ...] = ()
    unenhanced_hu: float = 0.0


_NEEDED = {"name": TEXT, "words": TEXTS, "places": TEXTS, "in_reports": TEXT}
_BESIDES = {"order": NUMBER, "terms_of": TEXT, "most_ml": NUMBER}
_BESIDES |= dict.fromkeys(("unsaid_contrast_hu", "fluid_hu", "rendered"), TABLE)


def _read() -> dict[str, Organ]:
    """All organs, the user's after those that come with TextoMorph unless they say otherwise.

    Raises:
        InputError: What is wrong with a file of them.
    """
    found: dict[Path, dict[str, Any]] = {}
    for path in paths.listed("Organs"):
        found[path] = told = entries.read(path)
        entries.check(path, told, _NEEDED, _BESIDES)
        entries.check_pattern(path, told["in_reports"])
    names = {told["name"] for told in found.values()}
    made = {}
    for path, told in sorted(found.items(), key=lambda each: each[1].get("order", len(found))):
        try:
            organ = made[told["name"]] = _organ(told)
        except (TypeError, ValueError, AttributeError) as error:
            raise entries.bad(path, f"its numbers cannot be read ({error})") from error
        if organ.terms_of not in names:
            raise entries.bad(path, f"terms_of '{organ.terms_of}' is no organ; there are {', '.join(sorted(names))}")
    return made


def _organ(told: dict[str, Any]) -> Organ:
    unsaid, fluid = (
        tuple((share, hu) for share, hu in told.get(known, {}).get("quantiles", ()))
        for known in ("unsaid_contrast_hu", "fluid_hu")
    )
    rendered = told.get("rendered", {})
    return Organ(
        told["name"],
        tuple(told["words"]),
        tuple(told["places"]),
        told["in_reports"],
        told.get("terms_of", told["name"]),
        most_ml=float(told.get("most_ml", "inf")),
        unsaid_contrast_hu=unsaid,
        fluid_hu=fluid,
        lags=tuple(rendered.get("lags", ())),
        unenhanced_hu=float(rendered.get("unenhanced_hu", 0.0)),
    )


organs = _read()
ORGANS = tuple(organs)
