"""The best of several candidates: when to stop, and what is said of what cannot be reached."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from TextoMorphLib.measurement.expectations import compare
from TextoMorphLib.synthesis import candidates
from TextoMorphLib.synthesis.candidates import best
from TextoMorphLib.text.understanding import find


def drawn(values: list[dict[str, float]], text: str, most: int) -> tuple[Any, list[str], list[int]]:
    """What `best` makes of candidates with these measurements, and which were drawn."""
    numbers: list[int] = []

    def draw(number: int, guidance: float) -> Any:
        numbers.append(number)
        rows = compare(find(text), values[(number - 1) % len(values)])
        misses = sum(row["ok"] is False for row in rows)
        return SimpleNamespace(asked=rows, number=number, misses=misses, lesion=SimpleNamespace(diameter_mm=9.0))

    return *best(draw, 2.0, most), numbers


def test_the_first_in_which_all_holds_is_the_last_drawn() -> None:
    values = [{"contrast_hu": -4.0}, {"contrast_hu": -40.0}]
    found, hopeless, numbers = drawn(values, "hypoattenuating", 16)
    assert (found.number, numbers, hopeless) == (2, [1, 2], [])


def test_nothing_more_is_drawn_for_what_is_out_of_reach_and_it_is_named() -> None:
    values = [{"mean_hu": 60.0 + n, "contrast_hu": -30.0} for n in range(3)]
    _, hopeless, numbers = drawn(values, "cystic", 16)
    assert numbers == [1, 2, 3, 4]
    assert len(hopeless) == 1
    assert "'cystic' is out of reach in a lesion of 9 mm" in hopeless[0]


def test_what_some_candidates_nearly_reach_is_tried_to_the_end() -> None:
    values = [{"contrast_hu": hu} for hu in (-2.0, -9.0, 5.0, -6.0)]
    _, hopeless, numbers = drawn(values, "hypoattenuating", 9)
    assert numbers == list(range(1, 10))
    assert hopeless == []


@pytest.mark.parametrize("most", [1, 2])
def test_few_candidates_tell_nothing_of_reach(most: int) -> None:
    _, _, numbers = drawn([{"mean_hu": 60.0}], "cystic", most)
    assert len(numbers) == most
    assert candidates.out_of_reach([[]]) == []
