"""Whether files hold what they held: of headers whose voxels lie in another file, the voxels count, too."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from TextoMorphLib.io import contents
from TextoMorphLib.io.volume import Volume

sitk = pytest.importorskip("SimpleITK")


@pytest.mark.parametrize("name", ["ct.mhd", "ct.nhdr"])
def test_voxels_beside_their_header_count(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    seen = []
    for value in (40, 60):
        sitk.WriteImage(sitk.GetImageFromArray(np.full((4, 5, 6), value, np.int16)), str(path))
        for each in tmp_path.iterdir():
            os.utime(each, (value, value) if each.suffix == ".raw" else (1, 1))
        assert Volume.read(path).data.max() == value
        seen.append((contents.of([path], tmp_path), contents.looks([path])))
    (of, looks), (of_other, looks_other) = seen
    assert set(of) == set(of_other) == {name}
    assert of != of_other
    assert looks != looks_other


def test_words_of_ones_own_are_part_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTOMORPH_HOME", str(tmp_path))
    terms = tmp_path / "Vocabulary/terms/mine.json"
    seen = [contents.program()]
    terms.parent.mkdir(parents=True)
    for text in ('{"terms": []}', '{"terms": [], "words": {}}'):
        terms.write_text(text)
        seen.append(contents.program())
    monkeypatch.setattr(contents, "__version__", "0.2.0")
    seen.append(contents.program())
    assert len(set(seen)) == 4
    assert seen[-1] == contents.program()
