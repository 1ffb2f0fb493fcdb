"""Tumours described in words, drawn by a model bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import read_text
from TextoMorphLib.models import bundle
from TextoMorphLib.models.device import resolve
from TextoMorphLib.sources import ALL_DEFAULT, Insertion
from TextoMorphLib.sources.placement import DIAMETERS_MM, Placement
from TextoMorphLib.synthesis.request import check_preset
from TextoMorphLib.text.organs import ORGANS

if TYPE_CHECKING:
    from TextoMorphLib.synthesis import Synthesizer

VOCABULARY, REPORTS, NONE = "vocabulary", "reports", "none"


class Words:
    """Described tumours.

    Attributes:
        texts: A list of texts; a file with one a line; a table of class to texts; "vocabulary" (one to three of the
            terms that are usual in the organ); or "none" (mask only: no words steer). A training also knows "reports":
            what its cases' texts and reports say.
        organ: Whose terms are understood.
        model: A bundle's name or folder.
        preset: The bundle's; "preview" draws once.
        classes: The tumour classes in order, where texts are a table of classes.
    """

    def __init__(
        self,
        spacing_mm: float = 1.0,
        organ: str = "liver",
        texts: str | Sequence[str] | Mapping[str, Sequence[str]] = VOCABULARY,
        model: str = "starter",
        preset: str = "preview",
        device: str = "cpu",
        diameters_mm: Sequence[float] = DIAMETERS_MM,
        shapes: str | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        self.spacing_mm, self.organ, self.model, self.preset, self.device = spacing_mm, organ, model, preset, device
        self.placement = Placement(spacing_mm, diameters_mm, shapes)
        self.texts = _by_value(texts, organ, classes)
        if organ not in ORGANS:
            raise InputError(f"unknown organ '{organ}'; use one of: {', '.join(ORGANS)}")
        check_preset(preset)
        bundle.find(model)
        resolve(device)

    @cached_property
    def synthesizer(self) -> Synthesizer:
        """The model, loaded when first needed: in the process that draws."""
        from TextoMorphLib.synthesis import Synthesizer

        return Synthesizer.load(self.model, self.device)

    def insert(self, patch: np.ndarray, organ: np.ndarray, rng: np.random.Generator) -> Insertion:
        """See `TumourSource.insert`."""
        # Words come last, so that other words have the same masks and seeds.
        mask, seed = self.placement.masks(organ, rng), int(rng.integers(2**31))
        value, text = self.text(rng)
        made = self.synthesizer.patch(
            patch, mask, text, organ=self.organ, seed=seed, spacing_mm=self.spacing_mm, preset=self.preset
        )
        label = np.where(mask, value, organ).astype(np.uint8)
        return Insertion(made, label, "" if self.texts is None else text)

    def text(self, rng: np.random.Generator) -> tuple[int, str]:
        """A text, and the value that its tumour has in the label."""
        if self.texts is None:
            return 2, ALL_DEFAULT
        value = int(rng.choice(list(self.texts)))
        listed = self.texts[value]
        if listed:
            return value, listed[int(rng.integers(len(listed)))]
        return value, from_vocabulary(self.organ, rng)


def _by_value(
    texts: str | Sequence[str] | Mapping[str, Sequence[str]], organ: str, classes: Sequence[str]
) -> dict[int, tuple[str, ...]] | None:
    """Texts by the label's value; an empty tuple stands for the vocabulary, None for no words."""
    if texts == NONE:
        return None
    if texts == VOCABULARY:
        return {2: ()}
    if isinstance(texts, Mapping):
        if unknown := [name for name in texts if name not in classes]:
            raise InputError(
                f"there are texts for '{unknown[0]}', which is no class of the cases: {', '.join(classes)}"
            )
        return {2 + list(classes).index(name): _checked(listed) for name, listed in texts.items()}
    if texts == REPORTS:
        raise InputError(f"texts = '{REPORTS}' needs cases with reports: a training on a cases.jsonl has them")
    return {2: _checked(of_file(texts) if isinstance(texts, str) else texts)}


def of_file(path: str) -> list[str]:
    """The lines of a file of texts.

    Raises:
        InputError: It is not there, or no text.
    """
    if not Path(path).is_file():
        raise InputError(f"no such file of texts: {path}; or write vocabulary, none, or a list")
    return read_text(Path(path)).split("\n")


def _checked(texts: str | Sequence[str]) -> tuple[str, ...]:
    if not isinstance(texts, str) and not all(isinstance(text, str) for text in texts):
        raise InputError(
            f"texts must be descriptions, not {next(each for each in texts if not isinstance(each, str))!r}"
        )
    listed = tuple(text.strip() for text in ([texts] if isinstance(texts, str) else texts) if text.strip())
    if not listed:
        raise InputError("no text is given; write one description a line")
    return listed


def from_vocabulary(organ: str, rng: np.random.Generator) -> str:
    """One to three terms of the organ, of different kinds."""
    from TextoMorphLib.text import vocabulary

    terms = [term for term in vocabulary.terms(organ) if term.about == "lesion"]
    wanted = int(rng.integers(1, 4))
    chosen: list[str] = []
    claimed: dict[str, str] = {}
    for at in rng.permutation(len(terms)):
        claims = terms[int(at)].claims
        if len(chosen) < wanted and all(claimed.get(kind, value) == value for kind, value in claims.items()):
            chosen.append(terms[int(at)].name)
            claimed.update(claims)
    return ", ".join(chosen)
