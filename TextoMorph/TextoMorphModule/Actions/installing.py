"""What is installed, and installing what is missing: only when asked, and only after saying what it will be."""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from TextoMorphModule.Actions import background, packages
from TextoMorphModule.Actions.background import Progress


@dataclass(frozen=True)
class Model:
    """A model bundle.

    Attributes:
        name: What `generate` is given.
        card: What it is, how it was trained, what it can and cannot do; Markdown.
    """

    name: str
    card: str


class Installing:
    """Packages, models and devices."""

    def missingPackages(self) -> list[str]:
        """Names of the Python packages that are not installed.

        Raises:
            RuntimeError: This Slicer is too old.

        Example:
            >>> logic.missingPackages()
            ['torch', 'monai']
        """
        tool = packages.tool()
        missing = [each.name for each in packages.required() if not tool.pip_check(each)]
        return missing if tool.pip_check("torch") else ["torch", *missing]

    def installPackages(self, onLine: Callable[[str], None] = print) -> None:
        """Installs what is missing, without asking; Slicer stays alive meanwhile.

        torch comes through the PyTorch extension, which knows the build for the computer's graphics card. What Slicer
        itself needs (numpy, SimpleITK and so on) stays as it is.

        Args:
            onLine: Called with each line that pip writes.

        Raises:
            RuntimeError: The PyTorch extension is not there, or pip failed; with its last line.

        Example:
            >>> logic.installPackages()
        """
        tool = packages.tool()
        if not tool.pip_check("torch"):
            self._installTorch()
        packages.install([each for each in packages.required() if not tool.pip_check(each)], onLine)

    def _installTorch(self) -> None:
        if importlib.util.find_spec("PyTorchUtils") is None:
            raise RuntimeError(
                _(
                    "PyTorch is needed, and Slicer's PyTorch extension installs it. Get 'PyTorch' in the "
                    "Extensions Manager, restart Slicer, and press this button again."
                )
            )
        import PyTorchUtils

        with packages.pipErrors():
            if PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=False) is None:
                raise RuntimeError(_("PyTorch was not installed; nothing else was changed."))

    def models(self) -> list[Model]:
        """The models that draw tumours: those that come with TextoMorph, and those in the user's models folder.

        Example:
            >>> [model.name for model in logic.models()]
            ['starter']
        """
        found: dict[str, Model] = {}
        for folder in _folders():
            for card in sorted(folder.glob("*/MODEL_CARD.md")):
                if _config(card.parent).get("kind", "synthesis") == "synthesis":
                    found.setdefault(card.parent.name, Model(card.parent.name, card.read_text(encoding="utf-8")))
        return list(found.values())

    def preset(self, model: str = "starter", name: str = "final") -> dict[str, float]:
        """The `steps` and `guidance` that a model comes with; empty if there is no such model.

        Example:
            >>> logic.preset("starter", "preview")["steps"]
            1
        """
        for folder in (*(models / model for models in _folders()), Path(model)):
            if usual := _config(folder).get("presets", {}).get(name):
                return {"steps": usual["steps"], "guidance": usual["guidance"]}
        return {}

    def modelsFolder(self) -> Path:
        """Where further model bundles may be put, a folder each: the user's own, which no update of Slicer touches.

        Example:
            >>> logic.modelsFolder() / "my-model"
        """
        from TextoMorphLib import paths

        folder: Path = paths.user() / "Models"
        return folder

    def memory(self) -> str:
        """How much of the computer's memory is free, in words; empty where psutil is not installed yet.

        Example:
            >>> logic.memory()
            '11.2 of 16.0 GiB of memory free'
        """
        try:
            import psutil
        except ImportError:
            return ""
        memory = psutil.virtual_memory()
        return _free(memory.available, memory.total)

    def checkDevice(self, device: str = "auto", progress: Progress | None = None) -> str:
        """What the networks would run on, in words. Imports torch, which takes seconds the first time.

        Args:
            device: auto, cpu, cuda, cuda:N or mps.
            progress: Called about twenty times a second; returns False to cancel.

        Raises:
            InputError: There is no such device.
            Cancelled: `progress` returned False.

        Example:
            >>> logic.checkDevice("auto")
            'CPU, 8 threads, 11.2 of 16.0 GiB of memory free'
        """

        def look() -> str:
            background.importTorch()
            import torch

            from TextoMorphLib.models.device import resolve

            found = resolve(device)
            if found.type == "cuda":
                card = torch.cuda.get_device_properties(found)
                return f"{card.name}, {_free(torch.cuda.mem_get_info(found)[0], card.total_memory)}"
            count = torch.get_num_threads()
            cpu = f"CPU, {count} thread{'' if count == 1 else 's'}"
            return f"{cpu if found.type == 'cpu' else found}, {self.memory()}"

        words: str = background.run(background.inOneGo(look), progress)
        return words


def _free(left: float, of: float) -> str:
    return f"{left / 2**30:.1f} of {of / 2**30:.1f} GiB of memory free"


def _folders() -> list[Path]:
    """The folders that hold models."""
    from TextoMorphLib import paths

    found: list[Path] = paths.folders("Models")
    return found


def _config(folder: Path) -> dict[str, Any]:
    """What a model's config.json says; what cannot be read is no model, and "kind" says so."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"kind": ""}
    return config if isinstance(config, dict) else {"kind": ""}
