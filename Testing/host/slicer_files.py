"""Slicer's own Python files in the place of the host's: `SLICER_PYTHON=/path/to/Slicer/Base/Python/slicer`.

None of Slicer's files is part of this repository. With a checkout of Slicer beside it, the same tests run on its files,
unmodified, and so tell whether the host's stand-ins are as strict: `ScriptedLoadableModule.py`, `i18n.py`,
`parameterNodeWrapper/` and `packaging.py` (all but installing, which takes note as the host's does).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
import types
from pathlib import Path
from typing import Any

import slicer

from host import packages, pythonqt
from host.qmrml import SceneWidget

VARIABLE = "SLICER_PYTHON"


def folder() -> Path | None:
    """Where Slicer's files are, or None for the host's own."""
    return Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def install(ctk: Any, installed: packages.Packages) -> None:
    """Loads Slicer's files.

    Args:
        ctk: The module, which gets names for the widgets that Slicer's files only ask for.
        installed: What is said to be missing.
    """
    for owner in (ctk, slicer):
        _name_all_widgets(owner)
    slicer.app.translate = lambda context, text: text
    for name in ("i18n", "ScriptedLoadableModule", "parameterNodeWrapper"):
        setattr(slicer, name, _load(name))
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name in installed.missing:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    importlib.metadata.version = version
    installed.real = lambda: _load("packaging", register=False)


def _load(name: str, register: bool = True) -> types.ModuleType:
    where = folder()
    assert where
    path = where / name / "__init__.py" if (where / name).is_dir() else where / f"{name}.py"
    inside = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(f"slicer.{name}", path, submodule_search_locations=inside)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    if register:
        sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _name_all_widgets(owner: Any) -> None:
    """A class for each widget that Slicer's connectors know, so that they can look whether one is of it."""
    names = (
        *("ctkCheckBox", "ctkCheckablePushButton", "ctkComboBox", "ctkDoubleSlider", "ctkDoubleSpinBox"),
        *("ctkRangeWidget", "ctkDoubleRangeSlider", "ctkPathLineEdit", "ctkDirectoryButton", "ctkColorPickerButton"),
        *("qMRMLSliderWidget", "qMRMLSpinBox", "qMRMLRangeWidget"),
    )
    for name in names:
        if not hasattr(owner, name):
            setattr(owner, name, pythonqt.stands_for_cxx(type(name, (SceneWidget,), {})))
