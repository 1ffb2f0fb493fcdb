"""Several lesions in one scan, each with its own words: each is put into the scan that holds those before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from TextoMorphLib.errors import InputError
from TextoMorphLib.spatial import placement
from TextoMorphLib.spatial.geometry import Box, grow, tight_box
from TextoMorphLib.spatial.region import REACH_MM

if TYPE_CHECKING:
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.synthesis import Synthesizer
    from TextoMorphLib.synthesis.result import Synthesis

SEEDS = 15_485_863  # from a lesion's seed to that of the next in the list
PARTS = 1000  # of the progress of each lesion
# What a report says of all lesions alike.
SHARED = ("synthetic", "steps", "guidance", "model", "versions", "device", "replace")
# Its lists, one entry a lesion, and what is told of all in one.
LISTS, MERGED = ("candidates", "lesions", "asked"), ("notes", "warnings", "seconds")


@dataclass(frozen=True)
class Lesion:
    """A lesion that is asked for.

    Attributes:
        box: The part of the scan's grid that its mask fills.
        inside: The mask on `box`, bool; components far from each other become lesions of their own, alike in words.
        text: Terms or sentences.
        organ: liver, pancreas or kidney.
        seed: Its own, 0 to 2^31 - 1; from the run's seed and its place in the list if None.
    """

    box: Box
    inside: np.ndarray
    text: str
    organ: str = "liver"
    seed: int | None = None

    @classmethod
    def of(cls, mask: np.ndarray, text: str, organ: str = "liver", seed: int | None = None) -> Lesion:
        """From a mask: boolean, of the scan's shape, not empty."""
        box = tight_box(mask)
        return cls(box, mask[box].copy(), text, organ, seed)

    def mask(self, shape: tuple[int, ...]) -> np.ndarray:
        """The mask on the scan's whole grid."""
        whole = np.zeros(shape, bool)
        whole[self.box] = self.inside
        return whole


def synthesize(
    synthesizer: Synthesizer,
    ct: Volume,
    lesions: Sequence[Lesion],
    seed: int = 0,
    progress: Callable[[int, int], Any] | None = None,
    replace: bool = False,
    **settings: Any,
) -> Synthesis:
    """Puts lesions into a scan, one after the other; to each, the others are no healthy tissue.

    Args:
        synthesizer: The loaded model.
        ct: The scan, HU.
        lesions: One or more that do not overlap, in the order in which they are put in. Of one alone the result is that
            of `Synthesizer.synthesize`.
        seed: The first lesion's; the n-th one after it has `lesion_seed(seed, n)`, unless it names its own.
        progress: Called with (done, in all); may raise, or return False to cancel.
        replace: The masks hold tumours that are to be replaced.
        settings: As `Synthesizer.synthesize` takes them: steps, guidance, preset, texture, terms, hedges.

    Returns:
        The scan with all of them, and one report. Its lists (`lesions`, `asked`, `candidates`) go through all lesions
        in turn; `each` has an entry for each lesion that was asked for, with its text, terms, organ and seed, and
        under `lesions` the numbers, from 1, of what the lists hold of it. Warnings name the lesion by its number.

    Raises:
        InputError: No lesion, two that overlap, or what `Synthesizer.synthesize` says of one of them.
        Cancelled: `progress` returned False.
    """
    check(lesions)
    made: list[Synthesis] = []
    for number, lesion in enumerate(lesions):
        others = lesions if replace else lesions[:number]
        taken = union([other for other in others if other is not lesion], ct.shape)
        try:
            made.append(
                synthesizer.synthesize(
                    made[-1].volume if made else ct,
                    lesion.mask(ct.shape),
                    lesion.text,
                    organ=lesion.organ,
                    seed=lesion_seed(seed, number) if lesion.seed is None else lesion.seed,
                    progress=_part(progress, number, len(lesions)),
                    replace=replace,
                    exclude=taken if taken.any() else None,
                    **settings,
                )
            )
        except InputError as error:
            raise InputError(f"{_named(number, lesions)}{error}") from error
    return made[0] if len(made) == 1 else _together(made, seed, doubts(lesions, ct.spacing))


def lesion_seed(seed: int, number: int) -> int:
    """The seed of a lesion in a list, the first of which (number 0) has the run's."""
    return (seed + number * SEEDS) % 2**31


def union(lesions: Sequence[Lesion], shape: tuple[int, ...]) -> np.ndarray:
    """Where any of the lesions is: boolean, of the scan's shape."""
    whole = np.zeros(shape, bool)
    for lesion in lesions:
        whole[lesion.box] |= lesion.inside
    return whole


def check(lesions: Sequence[Lesion]) -> None:
    """Makes sure that there are lesions, and that no two overlap.

    Raises:
        InputError: What is wrong.
    """
    if not lesions:
        raise InputError("no lesion is given; name a mask and a text for each")
    for (first, one), (second, other) in combinations(enumerate(lesions, start=1), 2):
        if (_within(other, one.box) & one.inside).any():
            raise InputError(f"lesions {first} and {second} overlap; move one of them, or paint them apart")


def doubts(lesions: Sequence[Lesion], spacing: np.ndarray) -> list[str]:
    """Which lesions lie so near to each other that the border of one changes the other, in words."""
    said = []
    for (first, one), (second, other) in combinations(enumerate(lesions, start=1), 2):
        apart = _apart_mm(one, other, spacing)
        if apart <= REACH_MM:
            said.append(f"lesions {first} and {second} lie {apart:.1f} mm apart: the border of one changes the other")
    return said


def placement_warnings(ct: Volume, lesions: Sequence[Lesion], organ_mask: np.ndarray | None = None) -> list[str]:
    """What is doubtful about where each lesion lies, and how near they lie, in words."""
    said = [
        _named(number, lesions) + each
        for number, lesion in enumerate(lesions)
        for each in placement.warnings(ct, lesion.mask(ct.shape), organ_mask)
    ]
    return [*said, *doubts(lesions, ct.spacing)]


def _together(made: Sequence[Synthesis], seed: int, near: Sequence[str]) -> Synthesis:
    """The last scan, with the reports of all as one."""
    reports = [each.report for each in made]
    told = [*near, *(f"{_named(n, made)}{each}" for n, report in enumerate(reports) for each in report["warnings"])]
    stages = dict.fromkeys(stage for report in reports for stage in report["seconds"])
    report = {
        **{name: reports[0][name] for name in SHARED},
        "text": "; ".join(f"{number}: {report['text']}" for number, report in enumerate(reports, start=1)),
        "organ": ", ".join(dict.fromkeys(report["organ"] for report in reports)),
        "seed": seed,
        "terms": list(dict.fromkeys(term for report in reports for term in report["terms"])),
        "texture": any(report["texture"] for report in reports),
        "notes": list(dict.fromkeys(note for report in reports for note in report["notes"])),
        "warnings": list(dict.fromkeys(told)),
        "seconds": {stage: round(sum(each["seconds"].get(stage, 0.0) for each in reports), 3) for stage in stages},
        **{name: [one for each in reports for one in each[name]] for name in LISTS},
        "each": list(_each(reports)),
    }
    return type(made[-1])(made[-1].volume, report, tuple(one for each in made for one in each.lesions))


def _each(reports: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What was asked of each lesion, and which of the report's lists are of it."""
    before = 0
    for report in reports:
        after = before + len(report["lesions"])
        own = {name: told for name, told in report.items() if name not in (*SHARED, *LISTS, *MERGED)}
        yield {**own, "lesions": list(range(before + 1, after + 1))}
        before = after


def _part(progress: Callable[[int, int], Any] | None, number: int, count: int) -> Callable[[int, int], Any] | None:
    """Progress of one lesion as that of all."""
    if progress is None or count == 1:
        return progress
    return lambda done, total: progress(number * PARTS + PARTS * done // max(total, 1), count * PARTS)


def _named(number: int, lesions: Sequence[Any]) -> str:
    return f"lesion {number + 1}: " if len(lesions) > 1 else ""


def _within(lesion: Lesion, box: Box) -> np.ndarray:
    """What of a lesion lies in a box, as a mask of the box's size."""
    found = np.zeros([part.stop - part.start for part in box], bool)
    both = [(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(lesion.box, box, strict=True)]
    if all(start < stop for start, stop in both):
        to, source = (
            tuple(slice(start - part.start, stop - part.start) for (start, stop), part in zip(both, frame, strict=True))
            for frame in (box, lesion.box)
        )
        found[to] = lesion.inside[source]
    return found


def _apart_mm(one: Lesion, other: Lesion, spacing: np.ndarray) -> float:
    """How far two lesions' nearest voxels lie apart; infinity where it is clearly more than the border's reach."""
    ends = [max(a.stop, b.stop) for a, b in zip(one.box, other.box, strict=True)]
    near = grow(one.box, np.ceil(REACH_MM / spacing) + 1, tuple(ends))
    others = _within(other, near)
    if not others.any():
        return float("inf")
    away = ndimage.distance_transform_edt(~others, sampling=spacing)
    return float(away[_within(one, near)].min())
