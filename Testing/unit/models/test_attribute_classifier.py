"""The starter's reader: what it makes of texts, in wordings that it was trained on and in others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from TextoMorphLib.models import bundle
from TextoMorphLib.models.attribute_classifier import AttributeClassifier
from TextoMorphLib.text import encoders
from TextoMorphLib.text.concepts import KINDS
from TextoMorphLib.training.train_texts import encoded, written


@pytest.fixture(scope="module")
def reader() -> AttributeClassifier:
    return bundle.load("starter").reader


def _read(reader: AttributeClassifier, texts: list[str]) -> list[dict[str, str]]:
    tokens = encoders.load("minilm").encode(texts)
    with torch.inference_mode():
        rows = reader(tokens.hidden, tokens.mask)
    return [{kind: next(iter(values)) for kind, values in reader.understood(row).items()} for row in rows]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("hypoattenuating", "density", "hypo"),
        ("a bright nodule", "density", "hyper"),
        ("markedly hyperattenuating", "degree", "marked"),
        ("a fluid-filled cyst", "content", "cystic"),
        ("fuzzy borders", "margin", "ill"),
        ("no calcification, walled", "wall", "walled"),
        ("no calcification, walled", "calcification", "none"),
        ("a mass, not hyperdense", "density", "default"),
        ("lesion", "content", "solid"),
    ],
)
def test_what_a_text_says(reader: AttributeClassifier, text: str, kind: str, value: str) -> None:
    assert _read(reader, [text])[0][kind] == value


def test_wordings_never_trained_on(reader: AttributeClassifier) -> None:
    texts, descriptions = written(300, seed=77, held_out=True)
    data = encoded(texts, "minilm")
    with torch.inference_mode():
        said = reader(data["hidden"].float(), data["mask"])
    wanted = reader.vectors(descriptions)
    sizes = [len(values) for values in KINDS.values()]
    right = [
        (a.argmax(1) == b.argmax(1)).float().mean().item()
        for a, b in zip(said.split(sizes, 1), wanted.split(sizes, 1), strict=True)
    ]
    assert np.mean(right) > 0.85
    assert np.min(right) > 0.7


def test_probabilities_are_ranked_and_named() -> None:
    reader = AttributeClassifier({"density": ("default", "hypo"), "wall": ("none", "walled")}, width=16, layers=1)
    found = reader.understood(torch.tensor([0.2, 0.8, 1.0, 0.0]))
    assert found == {"density": {"hypo": 0.8, "default": 0.2}, "wall": {"none": 1.0}}
    assert reader.vectors([{"density": "hypo"}]).tolist() == [[0, 1, 1, 0]]


def test_what_is_known_takes_the_place_of_what_was_read() -> None:
    reader = AttributeClassifier({"density": ("default", "hypo"), "wall": ("none", "walled")}, width=16, layers=1)
    read = torch.tensor([[0.75, 0.25, 0.5, 0.5]])
    assert reader.told(read, {"wall": "walled"}).tolist() == [[0.75, 0.25, 0, 1]]
