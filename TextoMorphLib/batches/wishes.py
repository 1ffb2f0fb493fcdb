"""What a planned set of tumours shall be like: how large, and in which words, how often."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import from_json, read_rows, read_text
from TextoMorphLib.synthesis.request import check_request

VOCABULARY = "vocabulary"
SMALLEST_MM, LARGEST_MM = 3.0, 150.0
FORMS = {  # how each is written, and with how many numbers
    "log-uniform": ("LOW,HIGH", 2),
    "uniform": ("LOW,HIGH", 2),
    "lognormal": ("MEDIAN,SD_OF_LOG,LOW,HIGH", 4),
}
Texts = Mapping[str, Mapping[str, float]]  # of each organ: texts with how often


@dataclass(frozen=True)
class Sizes:
    """A distribution of diameters.

    Attributes:
        kind: One of `FORMS`, or "shapes": those of real lesions as they are.
        numbers: Its numbers, mm.
        diameters: The real lesions'.
    """

    kind: str
    numbers: tuple[float, ...] = ()
    diameters: tuple[float, ...] = ()

    @classmethod
    def parse(cls, text: str, diameters: Sequence[float] = ()) -> Sizes:
        """A distribution as it is written: "lognormal:18,0.6,5,60".

        Raises:
            InputError: It is none.
        """
        if text == "shapes":
            if not len(diameters):
                raise InputError("sizes 'shapes' are those of real lesions: give their file with --shapes")
            return cls("shapes", diameters=tuple(float(each) for each in diameters))
        kind, _, rest = text.partition(":")
        known = ", ".join(f"{name}:{form}" for name, (form, _) in FORMS.items())
        try:
            numbers = tuple(float(each) for each in rest.split(","))
        except ValueError:
            numbers = ()
        if kind not in FORMS or len(numbers) != FORMS[kind][1] or not all(np.isfinite(numbers)):
            raise InputError(f"sizes '{text}' are no distribution; write one of: {known}, shapes")
        low, high = numbers[-2:]
        if not SMALLEST_MM <= low <= high <= LARGEST_MM or (kind == "lognormal" and not 0 < numbers[1] <= 3):
            raise InputError(f"sizes '{text}' are out of range; use {SMALLEST_MM:g} to {LARGEST_MM:g} mm")
        if kind == "lognormal" and not low <= numbers[0] <= high:
            raise InputError(f"sizes '{text}': the median {numbers[0]:g} mm is not between {low:g} and {high:g}")
        return cls(kind, numbers)

    def draw(self, rng: np.random.Generator) -> float:
        """A diameter, mm."""
        if self.kind == "shapes":
            return float(np.clip(rng.choice(self.diameters), SMALLEST_MM, LARGEST_MM))
        if self.kind == "uniform":
            return float(rng.uniform(self.numbers[0], self.numbers[1]))
        if self.kind == "log-uniform":
            return float(np.exp(rng.uniform(np.log(self.numbers[0]), np.log(self.numbers[1]))))
        median, spread, low, high = self.numbers
        while True:
            found = median * float(np.exp(spread * rng.standard_normal()))
            if low <= found <= high:
                return found

    def __str__(self) -> str:
        if self.kind == "shapes":
            return f"diameters of {len(self.diameters)} real lesions"
        low, high = self.numbers[-2:]
        if self.kind == "lognormal":
            median, spread = self.numbers[:2]
            return f"log-normal, median {median:g} mm, SD of the log {spread:g}, {low:g} to {high:g} mm"
        return f"{self.kind}, {low:g} to {high:g} mm"


def shares(text: str) -> dict[str, float]:
    """How often each is wanted: "liver,pancreas" alike, "liver=3,kidney=1" three to one.

    Raises:
        InputError: A number is none, or not positive.
    """
    found: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, weight = part.partition("=")
        try:
            found[name.strip()] = float(weight) if equals else 1.0
        except ValueError:
            raise InputError(f"'{part}' is no share; write for example liver=3,kidney=1") from None
    if not found or not all(0 < weight < float("inf") for weight in found.values()):
        raise InputError(f"'{text}' holds no shares; write for example liver,pancreas or liver=3,kidney=1")
    return found


def read_texts(path: Path, organs: Sequence[str]) -> Texts:
    """Texts by organ and frequency; what stands there twice is wanted twice as often.

    Args:
        path: .json ({"liver": {"ill-defined": 3, ...} or [...]}), .csv (organ, text, frequency), or else a file with
            one text a line, for all organs alike.
        organs: Those that need texts.

    Raises:
        InputError: A text is none, or an organ has none.
    """
    raw = read_text(path)
    try:
        if path.suffix.lower() == ".json":
            found = {organ: _weighed(listed) for organ, listed in from_json(raw).items()}
        elif path.suffix.lower() == ".csv":
            found = _table(path)
        else:
            lines = _summed((line.strip(), 1.0) for line in raw.split("\n") if line.strip())
            found = {organ: lines for organ in organs}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} holds no texts by organ ({error}); see textomorph jobs plan --help") from None
    for organ in organs:
        if not found.get(organ):
            raise InputError(f"{path} has no text for the {organ}")
        for text, weight in found[organ].items():
            check_request(text, organ, 0, None, None)
            if not 0 < weight < float("inf"):
                raise InputError(f"{path}: '{text}' has frequency {weight:g}; use numbers above 0")
    return {organ: found[organ] for organ in organs}


def _weighed(listed: Any) -> dict[str, float]:
    pairs = listed.items() if isinstance(listed, dict) else ((text, 1.0) for text in listed)
    return _summed((str(text), float(weight)) for text, weight in pairs)


def _table(path: Path) -> dict[str, dict[str, float]]:
    found: dict[str, list[tuple[str, float]]] = {}
    for _, row in read_rows(path)[1]:
        weight = float((row.get("frequency") or "1").replace(",", "."))
        found.setdefault(row["organ"].strip(), []).append((row["text"].strip(), weight))
    return {organ: _summed(listed) for organ, listed in found.items()}


def _summed(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text, weight in pairs:
        found[text] = found.get(text, 0.0) + weight
    return found


def allocated(weights: Mapping[str, float], count: int, rng: np.random.Generator) -> list[str]:
    """`count` names, each as often as its weight says but for less than one, in random order."""
    names = list(weights)
    exact = np.array([weights[name] for name in names]) / sum(weights.values()) * count
    numbers = np.floor(exact).astype(int)
    for index in np.argsort(numbers - exact, kind="stable")[: count - int(numbers.sum())]:
        numbers[index] += 1
    listed = [name for name, number in zip(names, numbers, strict=True) for _ in range(number)]
    return [listed[int(index)] for index in rng.permutation(len(listed))]
