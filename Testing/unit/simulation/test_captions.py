from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import pytest

from TextoMorphLib.simulation import captions
from TextoMorphLib.text.concepts import LEARNED, QUALIFIES, Description
from TextoMorphLib.text.understanding import find
from TextoMorphLib.text.vocabulary import describe, terms

DEFAULTS = {kind: values[0] for kind, values in LEARNED.items()}


def random_description(rng: np.random.Generator) -> Description:
    drawn = {kind: str(values[0] if rng.random() < 0.5 else rng.choice(values)) for kind, values in LEARNED.items()}
    for kind, other in {"degree": "density", **QUALIFIES}.items():
        if drawn[other] in (DEFAULTS[other], "iso"):
            drawn[kind] = DEFAULTS[kind]
    return drawn


@lru_cache
def texts(number: int, held_out: bool) -> list[tuple[Description, str]]:
    rng = np.random.default_rng(7)
    descriptions = [random_description(rng) for _ in range(number)]
    return [(description, captions.compose(description, rng, held_out)) for description in descriptions]


@pytest.mark.parametrize("held_out", [False, True])
def test_a_text_read_back_gives_its_description(held_out: bool) -> None:
    wrong = [(d, text) for d, text in texts(600, held_out) if {**DEFAULTS, **describe(find(text))} != d]
    assert len(wrong) < 6, wrong[:5]


def test_held_out_wordings_and_sentences_never_occur_in_training_texts() -> None:
    reserved = re.compile("|".join(rf"\b{re.escape(w)}\b" for t in terms() for w in t.held_out if "{" not in w))
    sentences = [re.split(r"[{.]", s)[0].strip().lower() for s in captions.style(held_out=True).sentences]
    trained = [text.lower() for _, text in texts(600, held_out=False)]
    # Mentions, not substrings: a wording may hold another of the other split.
    assert not [text for text in trained for m in find(text) if reserved.fullmatch(text[m.start : m.end])]
    assert not [text for text in trained for sentence in sentences if sentence and text.startswith(sentence)]


@pytest.mark.parametrize("held_out", [False, True])
def test_asides_say_nothing_of_the_lesion(held_out: bool) -> None:
    filled = (aside.format(n=3, organ="liver", place="in segment VI") for aside in captions.style(held_out).asides)
    assert not [aside for aside in filled if find(aside)]


def test_a_part_of_the_texts_denies_something() -> None:
    # Of the lesion: what is denied besides, "no ascites", counts for nothing.
    share = np.mean([any(m.negated for m in find(text)) for _, text in texts(600, held_out=False)])
    assert 0.15 < share < 0.3


def test_texts_are_of_many_forms() -> None:
    rng = np.random.default_rng(0)
    written = {captions.write({"density": "hypo", "margin": "ill"}, rng) for _ in range(400)}
    assert len(written) > 300
    assert {"\n" in text for text in written} == {True, False}


def test_few_texts_have_a_typing_error_and_most_are_understood_all_the_same() -> None:
    description = {"density": "hypo", "content": "cystic"}
    rngs = [[np.random.default_rng(seed) for seed in range(400)] for _ in range(2)]
    written = [captions.write(description, rng) for rng in rngs[0]]
    typed = [text for text, rng in zip(written, rngs[1], strict=True) if text != captions.compose(description, rng)]
    assert 8 < len(typed) < 32
    assert sum(not description.items() <= describe(find(text)).items() for text in typed) <= len(typed) / 4


def test_the_same_random_state_gives_the_same_text() -> None:
    description = {"density": "hyper", "wall": "walled", "calcification": "present"}
    first, second = (captions.write(description, np.random.default_rng(3)) for _ in range(2))
    assert first == second
