"""`benchmark texts`: what is understood of descriptions, counted by attribute."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.evaluation import texts

CORPUS = Path(__file__).parents[2] / "corpus" / "descriptions.json"
BATCHES = CORPUS.with_name("batches.json")
BLIND = CORPUS.with_name("blind.json")
UNSEEN = CORPUS.with_name("unseen.json")
FOURTH = CORPUS.with_name("fourth.json")
SIXTH = CORPUS.with_name("sixth.json")


def test_what_is_wrong_is_counted_by_its_kind() -> None:
    means = [{"density": "hypo"}, {"margin": ["well", "default"]}, {}, {"texture": "homogeneous"}]
    data = {
        "descriptions": [{"organ": "liver", "text": str(n), "means": each} for n, each in enumerate(means)],
        "probes": [{"text": "4", "kind": "density", "accepted": ["iso"]}],
    }
    read = {
        "0": {"density": "hyper"},  # the contrary
        "1": {},  # right: the default is accepted
        "2": {"wall": "walled"},  # invented
        "3": {"wall": "none"},  # missed
        "4": {"density": "iso"},
    }
    found = texts.run(data, lambda text, organ: read[text])
    assert (found.descriptions, found.whole, found.inventing, found.opposites) == (4, 1, 1, 1)
    assert (found.probes, found.probes_right) == (1, 1)
    assert (found.attributes["density"].other, found.attributes["density"].opposite) == (1, 1)
    assert (found.attributes["wall"].invented, found.attributes["texture"].missed) == (1, 1)
    assert found.attributes["wall"].precision == 0.0
    assert [wrong["text"] for wrong in found.wrong] == ["0", "2", "3"]


@pytest.mark.parametrize(
    ("corpus", "half", "least"),
    [
        (CORPUS, "seen", 0.95),
        (CORPUS, "kept", 0.88),
        (BATCHES, "seen", 0.95),
        (BATCHES, "kept", 0.86),
        (BLIND, "all", 0.97),
        (UNSEEN, "all", 0.97),
        (FOURTH, "all", 0.9),
        (SIXTH, "all", 0.95),
    ],
)
def test_our_corpus_is_understood_without_a_contrary(corpus: Path, half: str, least: float) -> None:
    found = texts.run(texts.load(corpus, half))
    assert found.opposites == 0
    assert found.inventing <= found.descriptions / 20
    assert found.whole >= least * found.descriptions


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    assert main(["benchmark", "texts", str(CORPUS), "--half", "seen", "--json", str(out)]) == 0
    assert "| density |" in capsys.readouterr().out
    assert json.loads(out.read_text(encoding="utf-8"))["descriptions"] > 150


_PROBE = '{"descriptions": [], "probes": [{"text": "cyst", "kind": "colour", "accepted": ["red"]}]}'


@pytest.mark.parametrize("content", ["no json", "[]", '{"descriptions": [{"text": "a"}], "probes": []}', _PROBE])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "texts.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"texts.json is no file of texts"):
        texts.load(path)
