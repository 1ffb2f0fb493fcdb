"""What is doubtful of a twin that was made: told while the study can still be made otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from TextoMorphLib.errors import doubt
from TextoMorphLib.measurement import expectations


def tell(report: Mapping[str, Any], of_text: bool) -> None:
    """Tells what a twin's report warns of, and which of its words did not come out.

    Args:
        report: Of `Synthesizer.synthesize`.
        of_text: Whether it was to follow its text; one of the mask alone was not.
    """
    for each in report["warnings"]:
        doubt(f"its twin: {each}")
    rows = [row for lesion in report["asked"] for row in lesion if row["ok"] is False]
    if rows and of_text:
        doubt(f"its twin is not all that its text says: {', '.join(expectations.lines(rows))}")
