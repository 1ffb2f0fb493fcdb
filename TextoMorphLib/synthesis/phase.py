"""Which phase of a contrast study a scan shows, where a text tells two: early enhancement, and washout after it."""

from __future__ import annotations

import dataclasses

from torch import Tensor

from TextoMorphLib.models.attribute_classifier import AttributeClassifier
from TextoMorphLib.synthesis.candidates import Request
from TextoMorphLib.text.plausibility import ENHANCES, WASHOUT

# HU of a liver in the portal venous phase, at least: 55 to 65 without contrast, 100 to 120 then, little more in the
# arterial phase than without.
PORTAL_VENOUS_HU = 85.0
WASHED_OUT = {"density": "hypo", "degree": "mild"}


def seen(request: Request, parenchyma_hu: float, classifier: AttributeClassifier) -> tuple[Request, list[str]]:
    """A request as the scan can show it: one picture has one phase.

    Args:
        request: What is asked.
        parenchyma_hu: HU of the healthy tissue around.
        classifier: Knows where in the request each probability is.

    Returns:
        The request, and what the user should know of it; nothing where the text tells of one phase alone.
    """
    asserted = {mention.term.name for mention in request.mentions if not mention.negated}
    if not {ENHANCES, WASHOUT} <= asserted:
        return request, []
    if parenchyma_hu < PORTAL_VENOUS_HU:
        return request, [
            f"the text tells of two phases; the organ's {parenchyma_hu:.0f} HU are of an early or an unenhanced scan: "
            "the lesion is drawn bright, and washout does not show"
        ]
    said: Tensor = classifier.told(request.said, WASHED_OUT)
    understood = {**request.understood, **{kind: {value: 1.0} for kind, value in WASHED_OUT.items()}}
    mentions = [mention for mention in request.mentions if mention.term.name != ENHANCES]
    return dataclasses.replace(request, said=said, understood=understood, mentions=mentions), [
        f"the text tells of two phases; the organ's {parenchyma_hu:.0f} HU are of a portal venous or a later one: "
        "the lesion is drawn washed out, and arterial enhancement does not show"
    ]
