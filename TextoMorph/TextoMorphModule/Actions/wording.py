"""A painted lesion into words: what is measured of it, how surely, and what cannot be known."""

import html
from dataclasses import dataclass
from functools import partial
from typing import Any

from slicer.i18n import tr as _

from TextoMorphModule.Actions import background, nodes
from TextoMorphModule.Actions.background import Progress

MOST_SURE = 99  # percent: a measurement is never surer
# Of attributes by the ends of their names: what is written behind, what a value is multiplied with, digits.
UNITS = (("_hu", " HU", 1, 0), ("_mm", " mm", 1, 1), ("_ml", " ml", 1, 1), ("_fraction", "%", 100, 0))


@dataclass(frozen=True)
class LesionWords:
    """A lesion in words.

    Attributes:
        text: What can be said, as a phrase with its size; of use to `generate`.
        details: Each term with how sure it is and what was measured, those that are not sure enough to be said, and of
            what nothing is said, and why; HTML.
        volume: Millilitres.
    """

    text: str
    details: str
    volume: float


class Wording:
    """Words for what is in a scan."""

    def describeLesions(
        self,
        ctNode: Any,
        segmentationNode: Any,
        segmentId: str,
        organ: str = "liver",
        inside: tuple[Any, str] | None = None,
        progress: Progress | None = None,
    ) -> list[LesionWords]:
        """Describes the lesions of a mask, real or synthetic, the largest first. Slicer stays alive meanwhile.

        Args:
            ctNode: The CT that they are in.
            segmentationNode: Where the mask is.
            segmentId: The mask.
            organ: liver, pancreas or kidney.
            inside: Segmentation node and segment ID of the organ, which healthy tissue is then taken from.
            progress: Called about twenty times a second; returns False to cancel.

        Raises:
            InputError: What is wrong with the CT or the mask.
            Cancelled: `progress` returned False.

        Example:
            >>> logic.describeLesions(ctNode, *mask)[0].text
            'hypoattenuating, well-defined lesion, 24 x 22 mm'
        """
        volume = nodes.volumeOf(ctNode)
        mask = nodes.maskOf(segmentationNode, segmentId, ctNode, progress)
        healthy = nodes.organOf(inside, ctNode, progress)
        work = partial(_described, volume, mask, organ, healthy)
        found: list[LesionWords] = background.run(background.inOneGo(work), progress)
        return found


def _described(volume: Any, mask: Any, organ: str, healthy: Any) -> list[LesionWords]:
    from TextoMorphLib.io.masks import check_mask
    from TextoMorphLib.io.volume import check_ct
    from TextoMorphLib.measurement import description
    from TextoMorphLib.spatial.region import check_organ

    check_ct(volume)
    check_mask(mask, volume)
    if healthy is not None:
        check_organ(volume, mask, healthy)
    found = description.describe(volume, mask, organ, healthy=healthy)
    made = [LesionWords(each.text, _details(each), each.attributes.volume_ml) for each in found]
    return sorted(made, key=lambda each: -each.volume)


def _details(words: Any) -> str:
    lines = [
        _("<b>{term}</b>: {sure:.0f}% sure, {number}").format(
            term=html.escape(said.term),
            sure=min(100 * said.confidence, MOST_SURE),
            number=_number(said.attribute, said.measured),
        )
        for said in words.said
    ]
    lines += [
        _("unsure, not said: {term}: {sure:.0f}% sure, {number}").format(
            term=html.escape(each.term),
            sure=100 * each.confidence,
            number=_number(each.attribute, each.measured),
        )
        for each in words.unsure
    ]
    lines += [
        _("{kind} not said: {why}").format(kind=_plain(kind), why=_plain(why)) for kind, why in words.unsaid.items()
    ]
    lines += [html.escape(note) for note in words.notes]
    return "<br>".join(lines)


def _number(attribute: str, value: float) -> str:
    """A measurement as one reads it: contrast_hu of -52.3 is "contrast -52 HU"."""
    for end, unit, scale, digits in UNITS:
        if attribute.endswith(end):
            return f"{_plain(attribute.removesuffix(end))} {scale * value:.{digits}f}{unit}"
    return f"{_plain(attribute)} {value:.3g}"


def _plain(words: str) -> str:
    return html.escape(words.replace("_", " "))
