"""What is drawn by rule, measured on the image, held against the range of its term."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from TextoMorphLib.measurement.attributes import measure
from TextoMorphLib.models import contours
from TextoMorphLib.models.seed_fields import latent_noise
from TextoMorphLib.models.word_structures import drawn
from TextoMorphLib.simulation.anatomy_fields import smooth_field
from TextoMorphLib.text.concepts import ATTRIBUTES
from TextoMorphLib.text.vocabulary import Term, terms

SHAPE = (64, 64, 64)
DEPTH = np.float32(14 - np.linalg.norm(np.indices(SHAPE).T - 31.5, axis=-1).T)
HEALTHY = np.full(SHAPE, 110, np.float32) + 6 * smooth_field(SHAPE, 0.6, np.random.default_rng(0))
FLUID = {"fluid", "layering", "nodule", "locules", "gas"}
RULED = [
    term for term in terms() if term.kinds.keys() & {"fat", "pattern", "scar", "contour"} | term.kinds.keys() & FLUID
]


def made(term: Term, seed: int) -> np.ndarray:
    """The lesion of a term, HU above what is around: on a cyst where it needs one, else on a dark lesion."""
    said = {kind: {value: 1.0} for kind, value in term.kinds.items()}
    noise = latent_noise(SHAPE, seed)
    depth = contours.outlined(DEPTH, noise, said)
    body = -95.0 if term.kinds.keys() & FLUID else -45.0
    delta = np.asarray(body / (1 + np.exp(-np.clip(2 * depth, -30, 30))), np.float32)
    delta = contours.spiculated(delta, DEPTH, noise, said)
    return drawn(delta, np.full(SHAPE, 110, np.float32), depth, noise, said)


def test_a_targets_ring_is_uneven_and_closed() -> None:
    (target,) = (term for term in RULED if term.kinds == {"pattern": "target"} and term.name == "target appearance")
    ring, centre, halo = (DEPTH > 5.5) & (DEPTH < 8.5), DEPTH > 11, (DEPTH > 1.5) & (DEPTH < 3.5)
    x, y, z = np.indices(SHAPE) - 31.5
    turn = ((np.arctan2(y, x) / np.pi + 1) * 8).astype(int) % 16
    seen = ring & (abs(z) < 3)
    brightest = []
    for seed in range(4):
        hu = made(target, seed)
        around = np.bincount(turn[seen], hu[seen], minlength=16) / np.bincount(turn[seen], minlength=16)
        assert np.ptp(around) > 12
        assert around.min() > max(hu[halo].mean(), hu[centre].mean())  # nowhere lost
        brightest.append(int(around.argmax()))
    assert len(set(brightest)) > 1  # the seed decides where


@pytest.mark.parametrize("term", RULED, ids=lambda term: term.name)
def test_what_is_asked_is_measured(term: Term) -> None:
    for seed in range(4):
        delta = made(term, seed)
        found = measure(HEALTHY, HEALTHY + delta, DEPTH)
        for check in term.measured:
            assert check.low <= getattr(found, check.attribute) <= check.high, (seed, check)
        assert np.abs(delta[DEPTH < -4.5]).max() < 3


@pytest.mark.parametrize("term", RULED, ids=lambda term: term.name)
def test_seeds_differ(term: Term) -> None:
    inside = DEPTH > 0
    lesions = [made(term, seed)[inside] for seed in range(3)]
    if term.kinds.get("gas") != "level" and not term.kinds.keys() & {"layering", "fluid"}:  # levels are levels
        assert all(np.abs(one - other).mean() > 0.5 for one, other in combinations(lesions, 2))


def test_no_two_terms_draw_the_same() -> None:
    after = {kind for kind, attribute in ATTRIBUTES.items() if not attribute.learned}
    lesions = {tuple((k, v) for k, v in term.kinds.items() if k in after): made(term, 1) for term in RULED}
    assert len(lesions) == 13
    for one, other in combinations(lesions.values(), 2):
        assert np.abs(one - other).max() > 15


def test_a_text_that_asks_for_none_of_it_changes_nothing() -> None:
    delta, noise = np.where(DEPTH > 0, np.float32(-45), np.float32(0)), latent_noise(SHAPE, 1)
    said = {"content": {"solid": 1.0}, "fat": {"none": 1.0}, "contour": {"plain": 1.0}}
    assert drawn(delta, HEALTHY, DEPTH, noise, said) is delta
    assert contours.outlined(DEPTH, noise, said) is DEPTH
    assert contours.spiculated(delta, DEPTH, noise, said) is delta


@pytest.mark.parametrize("value", ["lobulated", "spiculated"])
def test_an_outline_stays_near_the_mask(value: str) -> None:
    depth = contours.outlined(DEPTH, latent_noise(SHAPE, 2), {"contour": {value: 1.0}})
    assert DEPTH[depth > 0].min() > -3.1
    assert (depth > 0).sum() > 0.5 * (DEPTH > 0).sum()


def test_the_smallest_lesions_hold_what_they_have_room_for() -> None:
    small = DEPTH - 11
    for term in RULED:
        said = {kind: {value: 1.0} for kind, value in term.kinds.items()}
        noise = latent_noise(SHAPE, 3)
        depth = contours.outlined(small, noise, said)
        delta = np.where(depth > 0, np.float32(-45), np.float32(0))
        assert np.isfinite(drawn(delta, HEALTHY, depth, noise, said)).all()
