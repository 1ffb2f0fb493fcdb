"""The control benchmark: what becomes of its other rows where one text is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from TextoMorphLib.errors import DiskError, InputError
from TextoMorphLib.evaluation import control
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.synthesis import Synthesizer


class Refusing:
    """Draws nothing; measures 1 of each text with "not" or two words and more, 0 of the others, and refuses one."""

    def __init__(self, refused: str, error: type[InputError] = InputError) -> None:
        self.refused, self.error = refused, error

    def synthesize(self, ct: Volume, mask: np.ndarray, text: str, **settings: Any) -> Any:
        if text == self.refused:
            raise self.error("no room for a wall")
        lesion = {pair.attribute: float(len(text)) for pair in control.PAIRS} | {"bright_fraction": 0.5}
        return SimpleNamespace(lesions=[SimpleNamespace(**lesion)], report={"asked": [[]]})


def trial(model: Refusing) -> control.Trial:
    ct = Volume.from_array(np.zeros((4, 4, 4), np.int16), np.eye(4))
    return control.Trial(cast(Synthesizer, model), {}, ct, np.ones((4, 4, 4), bool), 20.0, 0, 0)


def test_a_refused_text_is_a_row_and_not_the_end() -> None:
    parts = ("terms", "negations", "combined")
    rows = control.run(lambda: [trial(Refusing("walled"))], parts, lambda done, count: None)
    whole = control.run(lambda: [trial(Refusing("nothing of these"))], parts, lambda done, count: None)
    assert [(row["part"], row["name"]) for row in rows] == [(row["part"], row["name"]) for row in whole]
    (refused,) = (row for row in rows if "refused" in row)
    assert refused["name"] == "walled / without a wall"
    assert not refused["right"]
    told = control.table(rows)
    assert f"**refused**, counted as wrong: 1 of {len(rows)}" in told
    assert "- 1 of terms, walled / without a wall: no room for a wall" in told
    assert "refused" not in control.table(whole)


def test_an_amount_of_a_refused_text_is_refused_too() -> None:
    rows = control.run(lambda: [trial(Refusing("cystic"))], ("terms", "combined"), lambda done, count: None)
    refused = {(row["part"], row["name"]) for row in rows if "refused" in row}
    assert ("amounts", "cystic") in refused
    assert ("terms", "solid / cystic") in refused
    assert "refused" in control.table(rows)


def test_three_attributes_that_are_refused_are_a_row() -> None:
    rows = control.run(lambda: [trial(Refusing(control.COMBINED[3]))], ("combined",), lambda done, count: None)
    assert [row["name"] for row in rows if "refused" in row] == [control.COMBINED[3]]
    assert len(rows) == len(control.COMBINED)


def test_a_full_disk_is_no_row() -> None:
    with pytest.raises(DiskError):
        control.run(lambda: [trial(Refusing("walled", DiskError))], ("terms",), lambda done, count: None)
