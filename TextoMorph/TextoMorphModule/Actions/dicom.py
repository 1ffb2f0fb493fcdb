"""What Slicer's DICOM database tells of a volume that was loaded from it, and of results made from such a volume."""

from pathlib import Path
from typing import Any

import slicer

CT = "TextoMorph.ct"  # node reference of a result
INSTANCES = "DICOM.instanceUIDs"  # attribute that Slicer gives such a volume: a slice's UID each
POSITION = "0018,5100"  # how the patient lay

_known: dict[str, str] = {}  # positions by UID: a header that is not in the database's cache is read each time


def lyingOf(node: Any) -> str:
    """How the patient lay, as DICOM codes it ("HFP"); empty where that is not known."""
    database, instance = _found(node)
    if instance and not _known.get(instance):
        _known[instance] = str(database.instanceValue(instance, POSITION) or "")
    return _known.get(instance, "")


def fileOf(node: Any) -> Path | None:
    """A file of the series; None where it was no DICOM, or the database has lost it."""
    database, instance = _found(node)
    file = database.fileForInstance(instance) if instance else ""
    return Path(file) if file else None


def _found(node: Any) -> tuple[Any, str]:
    """Slicer's database, and the UID of a slice; empty where there is no database, or it cannot know one."""
    while node and not node.GetAttribute(INSTANCES):
        node = node.GetNodeReference(CT)
    database = getattr(slicer, "dicomDatabase", None)  # none in a Slicer without DICOM
    instances = node.GetAttribute(INSTANCES).split() if node and database and database.isOpen else []
    return database, instances[0] if instances else ""
