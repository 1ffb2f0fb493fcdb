"""Inputs that `Testing/fuzz/fuzz.py` found to end in a traceback, made small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume

HEADER = "NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\nencoding: raw\nendian: little\n"


@pytest.mark.parametrize("line", [b"\xff:=value\n", b"key:=\xe4\n", b"good:=kept\n"])
def test_words_in_a_header_that_are_no_unicode_are_left_out(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "in.nrrd").write_bytes(HEADER.encode() + line + b"\n" + bytes(16))
    volume = Volume.read(tmp_path / "in.nrrd")
    volume.write(tmp_path / "out.nrrd")
    assert dict(volume.metadata) == ({"good": "kept"} if b"kept" in line else {})


def test_what_libraries_write_to_standard_error_stays_in_them(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.zeros((9, 9, 9), np.int16)), str(tmp_path / "in.mha"))
    (tmp_path / "in.mha").write_bytes((tmp_path / "in.mha").read_bytes()[:-50])
    with pytest.raises(InputError, match="damaged, cut short"):
        Volume.read(tmp_path / "in.mha")
    assert capfd.readouterr().err == ""
