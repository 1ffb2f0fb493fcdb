"""How the patient lay in the scanner, which decides where gas rises to, and what is heavy sinks to."""

from __future__ import annotations

Up = tuple[int, int]  # an axis of Right, Anterior, Superior, and 1 or -1: the way along it that is up

ON_BACK: Up = (1, 1)  # what is taken for granted where nothing is known
# DICOM's PatientPosition (0018,5100): head or feet first, then what the patient lay on, by its last letters.
_LYING = {"S": ON_BACK, "P": (1, -1), "DR": (0, -1), "DL": (0, 1)}


def upward(position: str) -> Up | None:
    """Which way is up in a patient.

    Args:
        position: As DICOM codes it, such as "HFS" or "FFDL"; empty where it is not known.

    Returns:
        None for what is no such code.
    """
    code = position.strip().upper()
    return _LYING.get(code[2:]) if code[:2] in ("HF", "FF") else None
