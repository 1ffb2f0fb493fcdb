"""`slicer.dicomDatabase`, a ctkDICOMDatabase: what modules ask it of slices, with pydicom in the place of DCMTK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6 import QtCore
from PySide6.QtCore import Property

from host.pythonqt import stands_for_cxx


@stands_for_cxx
class DICOMDatabase(QtCore.QObject):
    """Open, and empty until a test puts files into it."""

    def __init__(self) -> None:
        super().__init__()
        self._files: dict[str, Path] = {}

    isOpen = Property(bool, lambda self: True)

    def fileForInstance(self, instance: str) -> str:
        return str(self._files.get(instance, ""))

    def instanceValue(self, instance: str, tag: str) -> str:
        import pydicom

        if instance not in self._files:
            return ""
        group, element = (int(part, 16) for part in tag.split(","))
        found: Any = pydicom.dcmread(self._files[instance], stop_before_pixels=True).get((group, element))
        return "" if found is None or found.value is None else str(found.value)
