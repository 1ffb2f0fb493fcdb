"""What words do: one scan, mask and seed under many texts, and the influence of each word of a text."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from TextoMorphLib.measurement.attributes import Attributes
from TextoMorphLib.spatial.geometry import tight_box
from TextoMorphLib.synthesis import pictures, seen

if TYPE_CHECKING:
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.synthesis import Synthesis, Synthesizer

NEUTRAL = "lesion"  # what is left of a text of one word when that word is left out
_WORD = re.compile(r"[^\W_]+(?:[-'\u2019][^\W_]+)*")


@dataclass(frozen=True)
class Word:
    """What a word adds to the result: the same text and seed with it, minus without it, over the mask.

    Attributes:
        word: As it is written.
        change_hu: Root mean square of the difference, HU: how much it changes.
        shift_hu: Mean of the difference, HU: whether it makes the lesion brighter or darker.
    """

    word: str
    change_hu: float
    shift_hu: float


@dataclass(frozen=True)
class Preview:
    """One text's result.

    Attributes:
        text: The description.
        flat: HU of the axial slice through the largest lesion's middle, or of one that shows what is asked.
        above_mm: How far above the middle that slice lies.
        lesions: The measured attributes of each lesion.
        words: The influence of each word, in the text's order; empty if not asked for.
    """

    text: str
    flat: np.ndarray
    above_mm: float
    lesions: tuple[Attributes, ...]
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Previews:
    """One lesion under many texts.

    Attributes:
        view: What is shown of the scan.
        healthy: The healthy scan's slice, HU.
        rows: One for each text.
        seed: The seed that all share.
        notes: What the reports warn of, and their notes; each once, with the texts that it is of where it is not
            of all.
    """

    view: pictures.View
    healthy: np.ndarray
    rows: tuple[Preview, ...]
    seed: int
    notes: tuple[str, ...] = ()

    def picture(self, note: str, columns: int = 4) -> bytes:
        """The grid as a PNG; `note` is the provenance, shown below and kept in the file."""
        variants = []
        for row in self.rows:
            contrast = ", ".join(f"{lesion.contrast_hu:.0f} HU" for lesion in row.lesions)
            where = f", {abs(row.above_mm):.0f} mm {'above' if row.above_mm > 0 else 'below'}" if row.above_mm else ""
            variants.append((f"{row.text}\n{contrast}{where}", row.flat))
        return pictures.text_grid(self.view, self.healthy, variants, note, columns)

    def table(self) -> str:
        """The measured attributes as CSV: a line for each lesion of each text."""
        names = [field.name for field in fields(Attributes)]
        lines = [
            [row.text, self.seed, number, *(_cell(asdict(lesion)[name]) for name in names)]
            for row in self.rows
            for number, lesion in enumerate(row.lesions, 1)
        ]
        return _csv(["text", "seed", "lesion", *names], lines)

    def word_table(self) -> str:
        """The influence of each word as CSV: a line for each word of each text."""
        lines = [
            [row.text, self.seed, number, word.word, _cell(word.change_hu), _cell(word.shift_hu)]
            for row in self.rows
            for number, word in enumerate(row.words, 1)
        ]
        return _csv(["text", "seed", "position", "word", "change_hu", "shift_hu"], lines)


def preview(
    synthesizer: Synthesizer,
    ct: Volume,
    mask: np.ndarray,
    texts: Sequence[str],
    organ: str = "liver",
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
    preset: str = "preview",
    words: bool = False,
    progress: Callable[[int, int], Any] | None = None,
    window: tuple[float, float] = pictures.WINDOW_HU,
    **healthy: Any,
) -> Previews:
    """Makes the same lesion under many texts, so that what differs is the text alone.

    Args:
        synthesizer: The loaded model.
        ct: The scan, HU.
        mask: Boolean, of the scan's shape.
        texts: One description a picture.
        organ: liver, pancreas or kidney.
        seed: The same for all.
        steps: Sampling steps; the preset's if None.
        guidance: Guidance scale; the preset's if None.
        preset: "preview" or "final".
        words: Also leave out each word in turn, which takes one more synthesis a word.
        progress: Called with (steps done, steps in all); may return False to cancel.
        window: Level and width of the picture's grey values, HU.
        healthy: Where healthy tissue is judged, as `synthesize` takes it: replace, exclude, within.

    Raises:
        InputError: As `Synthesizer.synthesize`.
        Cancelled: `progress` returned False.
    """
    runs = sum(1 + (len(list(_WORD.finditer(text))) if words else 0) for text in texts)
    view = pictures.View.around(ct, mask, 90.0, window)
    box, done = tight_box(mask), 0
    inside = mask[box]

    def make(text: str) -> tuple[np.ndarray, Any]:
        nonlocal done

        def overall(step: int, total: int) -> bool:
            return progress is None or progress(done * total + step, runs * total) is not False

        made = synthesizer.synthesize(ct, mask, text, organ, seed, steps, guidance, overall, preset, **healthy)
        done += 1
        return made.volume.hu(box)[inside], made

    rows, notes = [], []
    for text in texts:
        whole, made = make(text)
        notes += [(note, text) for note in (*made.report["warnings"], *made.report["notes"])]
        found = _WORD.finditer(text) if words else ()
        influences = [_influence(match.group(), whole - make(without(text, match))[0]) for match in found]
        rows.append(Preview(text, *_shown(view, made), made.lesions, tuple(influences)))
    return Previews(view, view.cut(ct, "axial"), tuple(rows), seed, _told(notes, len(texts)))


def _shown(view: pictures.View, made: Synthesis) -> tuple[np.ndarray, float]:
    """The axial slice in which what was asked shows, HU, and how far above the middle it lies, mm."""
    axial = seen.slice_with(view.whole(made.volume), view.mask, view.centre[2], made.report["understood"])
    return view.at(axial).cut(made.volume, "axial"), (axial - view.centre[2]) * float(view.spacing[2])


def _told(notes: Sequence[tuple[str, str]], texts: int) -> tuple[str, ...]:
    """Each note once, behind the texts that it is of, where it is not of all of them."""
    of: dict[str, list[str]] = {}
    for note, text in notes:
        of.setdefault(note, []).append(text)
    return tuple(note if len(its) == texts else f"{'; '.join(its)}: {note}" for note, its in of.items())


def _influence(word: str, difference: np.ndarray) -> Word:
    """What a word changes: the result with it minus the result without it, HU."""
    return Word(word, float(np.sqrt(np.mean(difference**2))), float(difference.mean()))


def without(text: str, word: re.Match[str]) -> str:
    """A text without one of its words; "lesion" where nothing would be left."""
    left = text[: word.start()].rstrip() + " " + text[word.end() :].lstrip()
    left = re.sub(r"\s+([,;.:])", r"\1", left)  # no gap before a mark
    left = re.sub(r"^[\s,;.:]+|([,;:])(?:\s*[,;:])+|[\s,;:]+$", lambda match: match[1] or "", left)
    return left if _WORD.search(left) else NEUTRAL


def _cell(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else ""


def _csv(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    return text.getvalue()
