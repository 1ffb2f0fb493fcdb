"""Batches for the denoiser: pairs of rendered lesions, real lesions with their words, or both by stated shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from TextoMorphLib.errors import InputError
from TextoMorphLib.models.attribute_classifier import AttributeClassifier
from TextoMorphLib.models.denoiser import FIELD_CHANNELS, HINT_CHANNELS, field_channels, without_fields
from TextoMorphLib.simulation import captions
from TextoMorphLib.text.concepts import Description, as_drawn
from TextoMorphLib.text.encoders import TextEncoder
from TextoMorphLib.text.understanding import understand
from TextoMorphLib.training.loop import Batch
from TextoMorphLib.training.triple_shards import RealLesion

OUTSIDE_WEIGHT = 0.05  # of the loss where the composite takes nothing from the model
MOST_UNSURE = 0.15  # a classifier is never quite sure; how much of its probability may go to other values
REAL, RENDERED = "real", "rendered"


@dataclass(frozen=True)
class Pairs:
    """All pairs of rendered lesions of one crop size, and what the classifier makes of their texts.

    Pairs 2k and 2k + 1 have the same texts on different scans.

    Attributes:
        tensors: As `cache.read` returns them.
        said: [N, 2, concepts].
        descriptions: [N] two each.
        organs: [N] in which they are; None where that is not known.
    """

    tensors: dict[str, Tensor]
    said: Tensor
    descriptions: list[tuple[Description, Description]]
    organs: Sequence[str | None]

    def with_more(self, other: Pairs) -> Pairs:
        """Both these pairs and others of the same crop size."""
        return Pairs(
            {name: torch.cat([tensor, other.tensors[name]]) for name, tensor in self.tensors.items()},
            torch.cat([self.said, other.said]),
            [*self.descriptions, *other.descriptions],
            [*self.organs, *other.organs],
        )


@dataclass(frozen=True)
class BatchSettings:
    """How batches are drawn.

    Attributes:
        count: Lesions, or pairs of them, in a batch, by the side of their crop in mm; of pairs an even number.
        odds: How often each size of rendered pairs is drawn.
        original: How often a real lesion's own text is taken, not another wording of it.
        coupled: Whether the denoiser is shown the random fields that made a rendered lesion.
    """

    count: Mapping[int, int]
    odds: Mapping[int, float] = field(default_factory=dict)
    original: float = 0.3
    coupled: bool = True

    def __post_init__(self) -> None:
        """Refuse what is no batch."""
        if min([*self.count.values(), *self.odds.values()], default=0) < 0:
            raise InputError("[batch] count and odds must be 0 or more")


class Words:
    """Texts as the denoiser is told them.

    Args:
        classifier: Knows the attributes.
        encoder: Of texts; None if the denoiser is shown no tokens.
        organ_vector: What the denoiser makes of an organ's name.
    """

    def __init__(
        self,
        classifier: AttributeClassifier,
        encoder: TextEncoder | None,
        organ_vector: Callable[[str | None], Tensor] = lambda _: torch.zeros(0),
    ) -> None:
        self.classifier, self.encoder, self.organ_vector = classifier, encoder, organ_vector

    def said(self, texts: Sequence[str], organs: Sequence[str | None]) -> Tensor:
        """[N, concepts]: what the texts say, and nothing of the kinds that they leave out."""
        found = [as_drawn(understand(text, organ).description) for text, organ in zip(texts, organs, strict=True)]
        return self.classifier.said(found)

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """[N, L, width]; of zeros, with a width of 1, where none are shown."""
        if self.encoder is None:
            return torch.zeros(len(texts), 1, 1)
        found = self.encoder.encode(texts)
        return found.hidden[:, : int(found.mask.sum(1).max())]

    def apart(self, one: Tensor, other: Tensor) -> Tensor:
        """[N]: of the kinds that two texts both speak of, the share in which they differ."""
        parts = [len(values) for values in self.classifier.kinds.values()]
        both, differ = (
            torch.stack([part.amax(1) for part in each.split(parts, 1)], 1)
            for each in (_spoken(one, parts) * _spoken(other, parts), (one - other).abs())
        )
        return (both * differ).sum(1) / both.sum(1).clamp(min=1)


def _spoken(said: Tensor, parts: Sequence[int]) -> Tensor:
    """[N, concepts]: 1 for the kinds of which something is said."""
    return torch.cat([part.amax(1, keepdim=True).expand_as(part) for part in said.split(list(parts), 1)], 1)


class Mix:
    """Draws batches of real and rendered lesions by their shares.

    Args:
        sources: What draws a batch, by name.
        shares: How often each is asked.

    Raises:
        InputError: A share of what is not there, or none at all.
    """

    def __init__(
        self, sources: Mapping[str, Callable[[np.random.Generator], Batch]], shares: Mapping[str, float]
    ) -> None:
        self.names = [name for name in sources if shares.get(name, 0) > 0]
        odds = np.array([float(shares[name]) for name in self.names])
        self.odds, self.sources = odds / odds.sum(), sources

    def __call__(self, rng: np.random.Generator) -> Batch:
        """A batch of one source."""
        name = self.names[0] if len(self.names) == 1 else str(rng.choice(self.names, p=self.odds))
        return self.sources[name](rng)


def shares(given: Mapping[str, float], cases: bool, scans: bool) -> dict[str, float]:
    """The shares of real and rendered lesions; by default only real ones where there are cases.

    Raises:
        InputError: Unknown or negative shares, or of what is not given.
    """
    if unknown := [name for name in given if name not in (REAL, RENDERED)]:
        raise InputError(f"[mix] knows {REAL} and {RENDERED}, not {unknown[0]}")
    found = {name: float(value) for name, value in given.items()} or {REAL: float(cases), RENDERED: float(not cases)}
    if min(found.values()) < 0 or sum(found.values()) <= 0:
        raise InputError("the shares in [mix] must be 0 or more, and one of them above 0")
    if found.get(REAL) and not cases:
        raise InputError("[mix] wants real lesions: add --cases CASES.jsonl, or set real = 0")
    if found.get(RENDERED) and not scans:
        raise InputError("[mix] wants rendered lesions: add --data DIR with the scans of [data], or set rendered = 0")
    return {name: value for name, value in found.items() if value}


def draw_pairs(
    sizes: Mapping[int, Pairs], how: BatchSettings, scale: Tensor, words: Words, rng: np.random.Generator
) -> Batch:
    """A batch of pairs of one crop size; both of a pair follow each other in the second axis.

    Pairs 2k and 2k + 1 of the batch have the same texts.

    Returns:
        lesion [N, 2, C, x, y, z], noise [N, C, x, y, z], place [N, C + 4 + 96, x, y, z], weight [N, 1, x, y, z], said
        [N, 2, concepts], organ [N, organs], and tokens [N, 2, L, width] if the denoiser is shown any.
    """
    odds = np.array([how.odds[size] for size in sizes], float)
    size = list(sizes)[rng.choice(len(odds), p=odds / odds.sum())]
    pairs, count = sizes[size], how.count[size]
    index = (2 * rng.integers(len(pairs.said) // 2, size=(count // 2, 1)) + [[0, 1]]).ravel()
    depth = pairs.tensors["depth"][index].float()
    noise = pairs.tensors["noise"][index].float()
    fields = field_channels(noise, depth, pairs.tensors["deepest"][index])
    near = (depth[:, 1:2] > -0.5).float()  # within 4 mm of the mask
    batch = {
        "lesion": pairs.tensors["lesions"][index].float() / scale,
        "noise": noise,
        "place": torch.cat(
            [pairs.tensors["filled"][index].float(), depth, fields if how.coupled else without_fields(fields)], 1
        ),
        "weight": near + OUTSIDE_WEIGHT * (1 - near),
        "organ": torch.stack([words.organ_vector(pairs.organs[int(at)]) for at in index]),
    }
    if how.coupled:
        said = pairs.said[index]
        unsure = torch.from_numpy(rng.uniform(0, MOST_UNSURE, (count, 1, 1)).astype(np.float32))
        other = pairs.said[rng.integers(len(pairs.said), size=count)][:, :1]
        batch["said"] = said + unsure * (other - said)
    if how.coupled and words.encoder is None:
        return batch
    texts = [captions.write(each, rng) for at in index[::2] for each in pairs.descriptions[at]]
    twice = [text for first in range(0, len(texts), 2) for text in 2 * texts[first : first + 2]]  # of both scans
    if not how.coupled:
        told = [pairs.organs[int(at)] for at in index.repeat(2)]
        batch["said"] = words.said(twice, told).unflatten(0, (count, 2))
    if words.encoder is not None:
        batch["tokens"] = words.tokens(twice).unflatten(0, (count, 2))
    return batch


class RealLesions:
    """Draws batches of real lesions, of as many patients as there are lesions in it where there are enough.

    Args:
        lesions: Prepared.
        how: Counts by size.
        scale: [1, C, 1, 1, 1], what latents are divided by.
        words: Texts as the denoiser is told them.

    Raises:
        InputError: There is a size without a count.
    """

    def __init__(self, lesions: Sequence[RealLesion], how: BatchSettings, scale: Tensor, words: Words) -> None:
        self.how, self.scale, self.words = how, scale, words
        self.sizes = sorted({lesion.size for lesion in lesions})
        if missing := [size for size in self.sizes if not how.count.get(size)]:
            raise InputError(f"[batch] count says nothing of lesions in crops of {missing[0]} mm; add {missing[0]} = 2")
        self.lesions = {size: [each for each in lesions if each.size == size] for size in self.sizes}
        self.odds = np.array([len(self.lesions[size]) for size in self.sizes]) / len(lesions)

    def __call__(self, rng: np.random.Generator) -> Batch:
        """A batch of lesions of one size.

        Returns:
            lesion [N, C, x, y, z], place [N, C + 4 + 96, x, y, z] without fields or hints, weight [N, 1, x, y, z], left
            [N], said [N, concepts], tokens [N, L, width], voxel_mm [N, 3], organ [N, organs], and apart [N]: how much
            each text differs from the next one's.
        """
        size = self.sizes[int(rng.choice(len(self.sizes), p=self.odds))]
        chosen = self._chosen(self.lesions[size], self.how.count[size], rng)
        views = [lesion.view(int(rng.integers(lesion.views))) for lesion in chosen]
        together = {name: torch.stack([view[name] for view in views]) for name in views[0]}
        texts = [self._text(lesion, rng) for lesion in chosen]
        said = self.words.said(texts, [lesion.organ for lesion in chosen])
        depth = together["depth"]
        near = (depth[:, 1:2] > -0.5).float()
        nothing = torch.zeros(len(chosen), FIELD_CHANNELS + HINT_CHANNELS, *depth.shape[2:])
        return {
            "lesion": together["lesion"] / self.scale,
            "place": torch.cat([together["filled"], depth, nothing], 1),
            "weight": together["counts"] * (near + OUTSIDE_WEIGHT * (1 - near)),
            "left": (together["left"] / self.scale.flatten()).square().mean(1).sqrt(),
            "said": said,
            "tokens": self.words.tokens(texts),
            "voxel_mm": together["voxel_mm"],
            "organ": torch.stack([self.words.organ_vector(lesion.organ) for lesion in chosen]),
            "apart": self.words.apart(said, said.roll(-1, 0)),
        }

    def _chosen(self, lesions: Sequence[RealLesion], count: int, rng: np.random.Generator) -> list[RealLesion]:
        patients = sorted({lesion.patient for lesion in lesions})
        order = [patients[int(at)] for at in rng.permutation(len(patients))]
        chosen = []
        for number in range(count):
            own = [lesion for lesion in lesions if lesion.patient == order[number % len(order)]]
            chosen.append(own[int(rng.integers(len(own)))])
        return chosen

    def _text(self, lesion: RealLesion, rng: np.random.Generator) -> str:
        others = lesion.texts[1:]
        if not others or rng.random() < self.how.original:
            return lesion.texts[0]
        return others[int(rng.integers(len(others)))]


def real_scale(lesions: Sequence[RealLesion], most: int = 200) -> Tensor:
    """[1, C, 1, 1, 1]: the root mean square of real lesions' latents, where they are known.

    Rendered lesions have others, and by their scale real ones are lost in noise at too many steps in some channels.
    """
    views = [lesion.view(0) for lesion in lesions[:most]]
    return scale_of([view["lesion"][:, (view["depth"][1] > 0) & (view["counts"][0] > 0.5)].T for view in views])


def rendered_scale(tensors: Sequence[dict[str, Tensor]]) -> Tensor:
    """[1, C, 1, 1, 1]: likewise, of rendered lesions near the mask."""
    return scale_of([part["lesions"][:100, 0].float().movedim(1, -1)[part["depth"][:100, 1] > 0] for part in tensors])


def scale_of(values: Sequence[Tensor]) -> Tensor:
    """[1, C, 1, 1, 1]: the root mean square of latents [N, C], without the few largest values."""
    every = torch.cat(list(values))
    limit = every.abs().quantile(0.99, dim=0)
    return every.clamp(-limit, limit).square().mean(0).sqrt().clamp(min=1e-3).view(1, -1, 1, 1, 1)
