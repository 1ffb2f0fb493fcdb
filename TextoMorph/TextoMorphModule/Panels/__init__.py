"""The panels of the module: one file a panel, each with the `.ui` of its name, found by what they define."""

import importlib
import pkgutil
from typing import Any


def panelClasses() -> list[Any]:
    """The panels of this folder's files, in working order: by their `order`, then by name."""
    from TextoMorphModule.Panels.panel import Panel

    found = []
    for file in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{file.name}")
        for each in vars(module).values():
            own = isinstance(each, type) and issubclass(each, Panel) and each.__module__ == module.__name__
            if own and each.name:  # without one it is what panels are made of
                found.append(each)
    return sorted(found, key=lambda each: (each.order, each.name))
