"""Python packages: through Slicer's own `slicer.packaging`, so that what Slicer itself needs is never replaced."""

import importlib.metadata
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import CalledProcessError
from typing import Any

import slicer
from slicer.i18n import tr as _

from TextoMorphModule.Actions import background

KEPT = ("numpy", "scipy", "SimpleITK", "requests", "pydicom", "torch", "vtk")  # what other modules rely on


def tool() -> Any:
    """`slicer.packaging`, which Slicer does not import by itself.

    Raises:
        RuntimeError: This Slicer is too old to have it.
    """
    try:
        import slicer.packaging
    except ImportError:
        raise RuntimeError(_("This module needs Slicer 5.12 or newer.")) from None
    return slicer.packaging


def required(extra: str = "") -> Any:
    """What the module needs besides torch; or what an extra needs: dicom, pdf, reading, segmentation or train."""
    from TextoMorphLib.paths import resources

    return tool().load_requirements(resources() / f"requirements{extra and '-'}{extra}.txt")


def ensured(extra: str) -> bool:
    """Whether the packages of an extra, which not everybody needs, are there; if not, asks whether to install them.

    Args:
        extra: dicom, pdf, reading, segmentation or train.

    Raises:
        RuntimeError: They could not be installed.
    """
    missing = [each for each in required(extra) if not tool().pip_check(each)]
    if not missing:
        return True
    if not agreed([each.name for each in missing]):
        return False
    install(missing)
    return True


def agreed(names: list[str]) -> bool:
    """Whether the user agrees that packages are installed; asked once for all of them."""
    question = _("These Python packages will be installed into Slicer:\n\n{names}\n\nThis needs the network.")
    agrees: bool = slicer.util.confirmOkCancelDisplay(
        question.format(names="\n".join(names)), windowTitle=_("TextoMorph")
    )
    return agrees


def install(requirements: list[Any], onLine: Callable[[str], None] = print) -> None:
    """Installs packages; Slicer stays alive meanwhile.

    Args:
        requirements: What is missing.
        onLine: Called with each line that pip writes.

    Raises:
        RuntimeError: pip failed; with its last line.
    """
    if not requirements:
        return
    lines: list[str] = []
    codes: list[int] = []

    def hear(line: str) -> None:
        lines.append(line)
        onLine(line)

    with _constraints() as constraints, pipErrors():
        tool().pip_install(
            [str(each) for each in requirements],
            constraints=constraints,
            blocking=False,
            show_progress=False,
            logCallback=hear,
            completedCallback=codes.append,
        )
        background.untilSo(lambda: bool(codes))
        if codes[0]:
            raise CalledProcessError(codes[0], "pip install", output="\n".join(lines))


@contextmanager
def pipErrors() -> Iterator[None]:
    """What pip says when it fails, as a plain error."""
    try:
        yield
    except CalledProcessError as error:
        said = error.output or error.stderr or ""
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("[notice]")]
        last = lines[-1] if lines else _("see Slicer's error log")
        raise RuntimeError(_("pip failed: {line}").format(line=last)) from error


@contextmanager
def _constraints() -> Iterator[str]:
    """A file that keeps pip from replacing what Slicer came with."""
    pinned = []
    for name in KEPT:
        try:
            pinned.append(f"{name}=={importlib.metadata.version(name).partition('+')[0]}")
        except importlib.metadata.PackageNotFoundError:
            continue
    handle, path = tempfile.mkstemp(suffix=".txt", text=True)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(pinned))
        yield path
    finally:
        os.remove(path)
