"""NRRD and MetaImage headers that leave out where voxels lie or how large they are: what is taken instead is told."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from TextoMorphLib.errors import Doubt
from TextoMorphLib.io.volume import Volume

PLACED = {"space": "left-posterior-superior", "space directions": "(1,0,0) (0,1,0) (0,0,2)", "space origin": "(0,0,0)"}
HEADERS = {
    "whole.nrrd": (PLACED, []),
    "no space.nrrd": ({"spacings": "1 1 2"}, ["where its voxels lie"]),
    "nothing.nrrd": ({}, ["how large its voxels are", "where its voxels lie"]),
    "whole.mha": ({"Offset": "0 0 0", "ElementSpacing": "1 1 2"}, []),
    "no size.mha": ({"Offset": "0 0 0"}, ["how large its voxels are"]),
    "no place.mha": ({"ElementSpacing": "1 1 2"}, ["where its voxels lie"]),
}


@pytest.mark.parametrize("name", HEADERS)
def test_what_a_header_leaves_out_is_told(tmp_path: Path, name: str) -> None:
    fields, words = HEADERS[name]
    (tmp_path / name).write_bytes(_header(name, fields) + np.zeros((4, 4, 4), "<i2").tobytes())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        Volume.read(tmp_path / name)
    assert [each.category for each in told] == [Doubt] * len(words)
    assert all(word in str(each.message) for word, each in zip(words, told, strict=True))


def _header(name: str, fields: dict[str, str]) -> bytes:
    if name.endswith(".nrrd"):
        lines = ["NRRD0004", "type: short", "dimension: 3", "sizes: 4 4 4", "endian: little", "encoding: raw"]
        return "\n".join([*lines, *(f"{key}: {value}" for key, value in fields.items()), "", ""]).encode()
    every = {"ObjectType": "Image", "NDims": "3", "BinaryData": "True", "DimSize": "4 4 4", **fields}
    every |= {"ElementType": "MET_SHORT", "ElementDataFile": "LOCAL"}
    return "".join(f"{key} = {value}\n" for key, value in every.items()).encode()
