"""The order in which a reader sees the cases: random, balanced and blocked, twins far apart."""

from __future__ import annotations

import random
from collections.abc import Sequence

from TextoMorphLib.errors import InputError

Group = tuple[str, ...]  # a real tumour and its synthetic twins, the sources in the same places in every group


def draw_order(
    groups: Sequence[Group], strata: Sequence[str], apart: int, repeats: int, rng: random.Random
) -> list[str]:
    """Draw one reader's order.

    The reading has as many parts as a group has members, and each part shows one member of each group. Within each
    stratum (organ and size), which member comes in which part is balanced, and each stratum is spread evenly over a
    part. Repeats go in last, anywhere far enough from their group.

    Args:
        groups: Cases that belong together.
        strata: Each group's stratum.
        apart: Two cases of one group are at least this many places apart.
        repeats: How many cases to show a second time.
        rng: Decides.

    Returns:
        The cases; a repeated one comes twice.

    Raises:
        InputError: Too few groups to keep their members that far apart.
    """
    count = max(len(group) for group in groups)
    parts: list[list[int]] = [[] for _ in range(count)]  # indices of groups
    member: list[dict[int, str]] = [{} for _ in range(count)]  # which case of a group a part shows
    by_stratum: dict[str, list[int]] = {}
    for index, stratum in enumerate(strata):
        by_stratum.setdefault(stratum, []).append(index)
    turn = rng.randrange(2 * count)
    for stratum in sorted(by_stratum):
        for index in rng.sample(by_stratum[stratum], len(by_stratum[stratum])):
            for place, case in enumerate(groups[index]):
                # Every second round runs backwards, so that no source tends to come before another.
                part = (turn + (place if turn // count % 2 else -place)) % count
                parts[part].append(index)
                member[part][index] = case
            turn += 1
    order: list[str] = []
    owner: list[int] = []
    for own, shows in zip(parts, member, strict=True):
        waiting = _spread(own, strata, rng)
        while waiting:
            recent = set(owner[max(len(owner) - apart + 1, 0) :]) if apart > 1 else set()
            chosen = next((index for index in waiting if index not in recent), None)
            if chosen is None:
                raise InputError(
                    f"{len(groups)} pairs are too few to keep twins {apart} cases apart; "
                    f"use --apart {max(min(map(len, parts)), 1)} or less"
                )
            waiting.remove(chosen)
            owner.append(chosen)
            order.append(shows[chosen])
    _add_repeats(order, owner, groups, strata, apart, repeats, rng)
    return order


def _spread(part: list[int], strata: Sequence[str], rng: random.Random) -> list[int]:
    """The groups of a part in random order, each stratum spread evenly over it."""
    by_stratum: dict[str, list[int]] = {}
    for index in part:
        by_stratum.setdefault(strata[index], []).append(index)
    keyed = []
    for members in by_stratum.values():
        rng.shuffle(members)
        keyed += [((rank + rng.random()) / len(members), index) for rank, index in enumerate(members)]
    return [index for _, index in sorted(keyed)]


def _add_repeats(
    order: list[str],
    owner: list[int],
    groups: Sequence[Group],
    strata: Sequence[str],
    apart: int,
    repeats: int,
    rng: random.Random,
) -> None:
    """Repeat cases of different groups; their sources take turns, and strata are spread."""
    turn = rng.randrange(max(len(group) for group in groups))
    for index in _spread(list(range(len(groups))), strata, rng):
        if not repeats:
            return
        case = groups[index][turn % len(groups[index])]
        own = [place for place, other in enumerate(owner) if other == index]
        # A repeat comes after its first showing, or which of the two is the first would be open.
        free = [
            place
            for place in range(order.index(case) + 1, len(order) + 1)
            if all((place - other if other < place else other + 1 - place) >= apart for other in own)
        ]
        if free:
            place = rng.choice(free)
            order.insert(place, case)
            owner.insert(place, index)
            repeats, turn = repeats - 1, turn + 1
    if repeats:
        raise InputError(
            f"{repeats} repeats too many for {len(groups)} pairs kept {apart} cases apart; use fewer --repeats"
        )
