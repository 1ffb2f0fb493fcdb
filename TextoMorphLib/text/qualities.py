"""The term that qualities come to, of a density, a texture or a margin: "low", "uneven", "blurred"."""

from __future__ import annotations

from collections.abc import Sequence

from TextoMorphLib.text.lexicon import Word

_DENSITIES = (
    ("watery", "cystic"),
    ("fleshy", "solid"),
    ("low", "hypoattenuating"),
    ("high", "hyperattenuating"),
)
_MARGINS = (("ill", "ill-defined"), ("invisible", "ill-defined"), ("well", "well-defined"))
_STRENGTHS = (("strong", "arterial enhancement"), ("low", "hypoattenuating"))
_TEXTURES = (("uneven", "heterogeneous"), ("even", "homogeneous"))


def density_by(qualities: Sequence[Word]) -> str:
    """The name of a density's term; empty if the words say nothing of one."""
    said = {value for quality in qualities for value in quality.roles.get("modifier", ())}
    return next((name for quality, name in _DENSITIES if quality in said), "")


def margin_of(qualities: Sequence[Word]) -> str:
    """The name of a margin's term; empty if the words say nothing of one."""
    return _first(qualities, _MARGINS)


def texture_of(qualities: Sequence[Word]) -> str:
    """The name of a texture's term; empty if the words say nothing of one, or are terms themselves."""
    return _first([word for word in qualities if word.term is None], _TEXTURES)


def strength_of(qualities: Sequence[Word]) -> str:
    """The name of the density's term that an enhancement so strong or weak comes to; empty for none."""
    return _first(qualities, _STRENGTHS)


def _first(qualities: Sequence[Word], names: Sequence[tuple[str, str]]) -> str:
    return next((name for quality, name in names if any(word.has("modifier", quality) for word in qualities)), "")
