"""The starter's classifier: what it makes of texts, in wordings that it was trained on and in others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from TextoMorphLib.models import bundle
from TextoMorphLib.models.attribute_classifier import AttributeClassifier
from TextoMorphLib.text import encoders
from TextoMorphLib.text.concepts import LEARNED
from TextoMorphLib.training.train_texts import encoded, written


@pytest.fixture(scope="module")
def classifier() -> AttributeClassifier:
    return bundle.load("starter").classifier


def _read(classifier: AttributeClassifier, texts: list[str]) -> list[dict[str, str]]:
    tokens = encoders.load("minilm").encode(texts)
    with torch.inference_mode():
        rows = classifier(tokens.hidden, tokens.mask)
    return [{kind: next(iter(values)) for kind, values in classifier.understood(row).items()} for row in rows]


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
def test_what_a_text_says(classifier: AttributeClassifier, text: str, kind: str, value: str) -> None:
    assert _read(classifier, [text])[0][kind] == value


def test_wordings_never_trained_on(classifier: AttributeClassifier) -> None:
    texts, descriptions = written(300, seed=77, held_out=True)
    data = encoded(texts, "minilm")
    with torch.inference_mode():
        said = classifier(data["hidden"].float(), data["mask"])
    wanted = classifier.vectors(descriptions)
    sizes = [len(values) for values in LEARNED.values()]
    right = [
        (a.argmax(1) == b.argmax(1)).float().mean().item()
        for a, b in zip(said.split(sizes, 1), wanted.split(sizes, 1), strict=True)
    ]
    assert np.mean(right) > 0.85
    assert np.min(right) > 0.7


def test_probabilities_are_ranked_and_named() -> None:
    classifier = AttributeClassifier({"density": ("default", "hypo"), "wall": ("none", "walled")}, width=16, layers=1)
    found = classifier.understood(torch.tensor([0.2, 0.8, 1.0, 0.0]))
    assert found == {"density": {"hypo": 0.8, "default": 0.2}, "wall": {"none": 1.0}}
    assert classifier.vectors([{"density": "hypo"}]).tolist() == [[0, 1, 1, 0]]


def test_what_is_known_takes_the_place_of_what_was_read() -> None:
    classifier = AttributeClassifier({"density": ("default", "hypo"), "wall": ("none", "walled")}, width=16, layers=1)
    read = torch.tensor([[0.75, 0.25, 0.5, 0.5]])
    assert classifier.told(read, {"wall": "walled"}).tolist() == [[0.75, 0.25, 0, 1]]
