"""cases.jsonl: what every training and every evaluation reads."""

from __future__ import annotations

from TextoMorphLib.cases.case import ORGAN, TUMOUR, Case, read_cases, tumour_classes, write_cases

__all__ = ["ORGAN", "TUMOUR", "Case", "read_cases", "tumour_classes", "write_cases"]
