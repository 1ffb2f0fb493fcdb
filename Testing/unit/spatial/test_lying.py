"""How the patient lay: as the header says, else as the table shows; gas and levels go by it, and doubt is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from TextoMorphLib.io.patient_position import upward
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.spatial import lying
from TextoMorphLib.synthesis import Synthesizer

MM = 4.0
SHAPE = (96, 80, 20)
X, Y, _ = MM * (np.indices(SHAPE) - np.array(SHAPE).reshape(3, 1, 1, 1) / 2)
BODY = (X / 160) ** 2 + (Y / 100) ** 2 < 1


def scan(table: str = "behind") -> Volume:
    """A body of 320 by 200 mm, and a curved table of 30 mm."""
    hu = np.full(SHAPE, -1000.0)
    away = -Y if table == "behind" else Y
    if table:
        hu[(away > 104 + 0.001 * X**2) & (away < 134) & (abs(X) < 150)] = -500
    hu[BODY] = 60
    hu += np.random.default_rng(0).normal(0, 20, SHAPE)
    return Volume.from_array(hu.astype(np.int16), np.diag([MM, MM, MM, 1.0]))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_table_tells_how_the_patient_lay_whatever_the_order_of_the_axes(order: tuple[int, ...]) -> None:
    for table, code in (("behind", "HFS"), ("before", "HFP")):
        ct = scan(table)
        turned = replace(ct, data=np.transpose(ct.data, order), affine=ct.affine[:, [*order, 3]])
        assert lying.known(turned).patient_position == code


def test_flipped_axes_are_doubted() -> None:
    ct = scan()
    flipped = replace(ct, affine=np.diag([MM, -MM, MM, 1.0]))
    (doubt,) = lying.told(flipped, lying.known(flipped))
    assert "flipped" in doubt
    assert lying.told(ct, lying.known(ct)) == []


def test_crops_and_phantoms_tell_nothing() -> None:
    ct = scan()
    crop = replace(ct, data=ct.data[:, 20:])  # the body is cut, and what lies before it would be the table's rest
    for each in (crop, scan("")):
        assert lying.known(each) is each
        assert "does not tell" in lying.told(each, each)[0]
    sat = replace(scan(""), patient_position="HFSIT")  # no code that says which way is up
    assert "does not tell" in lying.told(sat, lying.known(sat))[0]


def test_what_the_header_says_is_not_asked_of_the_picture() -> None:
    ct = replace(scan("before"), patient_position="FFS")
    assert lying.known(ct) is ct
    assert lying.told(ct, ct) == []


@pytest.mark.parametrize(("position", "axis", "way"), [("HFS", 1, 1), ("HFP", 1, -1), ("FFDR", 0, -1), ("HFDL", 0, 1)])
def test_gas_rises_and_what_is_heavy_sinks(position: str, axis: int, way: int) -> None:
    assert upward(position) == (axis, way)
    mask = np.linalg.norm(MM * (np.indices(SHAPE).T - np.array(SHAPE) / 2), axis=-1).T < 16
    ct = replace(scan(), patient_position=position)
    made = Synthesizer.load("starter").synthesize(ct, mask, "cystic, fluid-fluid level", seed=1, preset="preview")
    hu, where = made.volume.hu(), way * MM * (np.indices(SHAPE)[axis] - SHAPE[axis] / 2)
    assert hu[mask & (where < -8)].mean() > hu[mask & (where > 8)].mean() + 20
    assert made.lesions[0].level_hu > 20
    assert made.report["warnings"] == []
