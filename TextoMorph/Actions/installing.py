"""What is installed, and installing what is missing: only when asked, and only after saying what it will be."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from TextoMorph.Actions import background
from TextoMorph.Actions.background import Progress


@dataclass(frozen=True)
class Model:
    """A model bundle.

    Attributes:
        name: What `generate` is given.
        card: What it is, how it was trained, what it can and cannot do; Markdown.
    """

    name: str
    card: str


def ensured(extra: str) -> bool:
    """Whether the packages of an extra are there; if not, Slicer asks whether to install them.

    Args:
        extra: dicom or reading: what not everybody needs.
    """
    from TextoMorphLib.paths import resources

    wanted = slicer.packaging.load_requirements(resources() / f"requirements-{extra}.txt")
    try:
        slicer.packaging.pip_ensure(wanted, requester="TextoMorph")
    except RuntimeError:  # declined
        return False
    return True


class Installing:
    """Packages, models and devices."""

    def missingPackages(self) -> list[str]:
        """Names of the Python packages that are not installed.

        Example:
            >>> logic.missingPackages()
            ['torch', 'monai']
        """
        from TextoMorphLib.paths import resources

        requirements = slicer.packaging.load_requirements(resources() / "requirements.txt")
        missing = [each.name for each in requirements if not slicer.packaging.pip_check(each)]
        return missing if slicer.packaging.pip_check("torch") else ["torch", *missing]

    def installPackages(self) -> None:
        """Installs what is missing, after Slicer has shown what that is and the user has agreed.

        torch comes through the PyTorch extension, which knows the build for the computer's graphics card.

        Raises:
            RuntimeError: The PyTorch extension is not there, or the user declines.

        Example:
            >>> logic.installPackages()
        """
        from TextoMorphLib.paths import resources

        if not slicer.packaging.pip_check("torch"):
            if importlib.util.find_spec("PyTorchUtils") is None:
                raise RuntimeError(
                    _(
                        "PyTorch is needed, and Slicer's PyTorch extension installs it. Get 'PyTorch' in the "
                        "Extensions Manager, restart Slicer, and press this button again."
                    )
                )
            import PyTorchUtils

            if PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True) is None:
                raise RuntimeError(_("PyTorch was not installed; nothing else was changed."))
        requirements = slicer.packaging.load_requirements(resources() / "requirements.txt")
        slicer.packaging.pip_ensure(requirements, requester="TextoMorph")

    def models(self) -> list[Model]:
        """The models that come with TextoMorph or lie in its models folder.

        Example:
            >>> [model.name for model in logic.models()]
            ['starter']
        """
        cards = sorted(self.modelsFolder().glob("*/MODEL_CARD.md"))
        return [Model(card.parent.name, card.read_text(encoding="utf-8")) for card in cards]

    def preset(self, model: str = "starter", name: str = "final") -> dict[str, float]:
        """The `steps` and `guidance` that a model comes with; empty if there is no such model.

        Example:
            >>> logic.preset("starter", "preview")["steps"]
            1
        """
        for folder in (self.modelsFolder() / model, Path(model)):
            config = folder / "config.json"
            if config.is_file():
                usual: dict[str, float] = json.loads(config.read_text(encoding="utf-8"))["presets"][name]
                return usual
        return {}

    def modelsFolder(self) -> Path:
        """Where further model bundles may be put, a folder each.

        Example:
            >>> logic.modelsFolder() / "my-model"
        """
        from TextoMorphLib.paths import models

        folder: Path = models()
        return folder

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
            'CPU, 8 threads'
        """

        def look() -> str:
            background.importTorch()
            import torch

            from TextoMorphLib.models.device import resolve

            found = resolve(device)
            if found.type == "cuda":
                card = torch.cuda.get_device_properties(found)
                return f"{card.name}, {card.total_memory / 2**30:.0f} GiB"
            count = torch.get_num_threads()
            return f"CPU, {count} thread{'' if count == 1 else 's'}" if found.type == "cpu" else str(found)

        words: str = background.run(background.inOneGo(look), progress)
        return words
