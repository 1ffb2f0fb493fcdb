"""`slicer.packaging`, which Slicer does not import by itself: `slicer.packaging` is there only once it was imported.

What is missing is decided by the test. Installing only takes note, and fails where the test says so, as pip would.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Any

import slicer
import slicer.util
from packaging.requirements import InvalidRequirement, Requirement

NAME = "slicer.packaging"


class Packages:
    """What is installed, and what a test wants to happen.

    Attributes:
        missing: Names of packages that are not there.
        installed: Names of those that were installed since.
        log: What pip says when it fails; it works if empty.
        offered: Whether this Slicer has `slicer.packaging` at all: 5.10 and older have not.
    """

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.installed: list[str] = []
        self.log = ""
        self.offered = True
        self.real: Any = None  # makes Slicer's own module, where there are its files

    def reset(self) -> None:
        """A Slicer just started."""
        self.missing.clear()
        self.installed.clear()
        self.log, self.offered = "", True
        sys.modules.pop(NAME, None)
        if hasattr(slicer, "packaging"):
            del slicer.packaging

    def load_requirements(self, path: Any) -> list[Requirement]:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
        return [Requirement(line) for line in lines if line and line[0] not in "#-"]

    def pip_check(self, req: Any) -> bool:
        return all(self._is_there(each) for each in _requirements(req))

    def pip_ensure(
        self,
        requirements: Any,
        constraints: Any = None,
        skip_packages: Any = None,
        prompt_install: bool = True,
        prompt_restart: bool = True,
        requester: str | None = None,
        skip_in_testing: bool = True,
        show_progress: bool = True,
    ) -> None:
        wanted = [each for each in _requirements(requirements) if not self._is_there(each)]
        if not wanted:
            return
        if prompt_install and not slicer.util.confirmOkCancelDisplay(
            f"{len(wanted)} Python packages need to be installed.",
            f"{requester} - Install Python Packages",
            detailedText="\n".join(map(str, wanted)),
        ):
            raise RuntimeError("User declined package installation")
        self.pip_install([str(each) for each in wanted], show_progress=show_progress, requester=requester)

    def pip_install(
        self,
        requirements: Any,
        constraints: Any = None,
        no_deps_requirements: Any = None,
        skip_packages: Any = None,
        blocking: bool = True,
        show_progress: bool = True,
        requester: str | None = None,
        parent: Any = None,
        logCallback: Any = None,
        completedCallback: Any = None,
    ) -> None:
        if blocking and (logCallback or completedCallback):
            raise AssertionError("callbacks are called without blocking alone")
        lines = self.log.splitlines() or ["Successfully installed"]
        if not self.log:
            names = [each.name for each in _requirements(requirements)]
            self.installed += names
            self.missing -= set(names)
        if blocking:
            if self.log and show_progress:
                slicer.util.errorDisplay("Package installation failed.", detailedText=self.log)
            if self.log:
                raise subprocess.CalledProcessError(1, "pip install")
            return
        for line in lines:
            if logCallback:
                logCallback(line)
        if completedCallback:
            completedCallback(1 if self.log else 0)

    def _is_there(self, requirement: Requirement) -> bool:
        if requirement.name in self.missing:
            return False
        if requirement.name in self.installed:
            return True
        if requirement.marker is not None and not requirement.marker.evaluate():
            return True
        try:
            return importlib.metadata.version(requirement.name) in requirement.specifier
        except importlib.metadata.PackageNotFoundError:
            return False


def _requirements(given: Any) -> list[Requirement]:
    if isinstance(given, Requirement):
        return [given]
    if isinstance(given, list):
        return [Requirement(each) if isinstance(each, str) else each for each in given]
    if not isinstance(given, str):
        raise TypeError(f"a string, a Requirement or a list is taken, not {given!r}")
    try:
        return [Requirement(given)]
    except InvalidRequirement:
        return [Requirement(each) for each in given.split()]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes the module when it is imported."""

    def __init__(self, packages: Packages) -> None:
        self.packages = packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != NAME or not self.packages.offered:
            return None
        return importlib.machinery.ModuleSpec(name, self)

    def exec_module(self, module: Any) -> None:
        if self.packages.real:
            module.__dict__.update(self.packages.real().__dict__)
            module.pip_install = self.packages.pip_install
            return
        for name in ("load_requirements", "pip_check", "pip_ensure", "pip_install"):
            setattr(module, name, getattr(self.packages, name))


def install() -> Packages:
    """Makes `import slicer.packaging` work."""
    packages = Packages()
    sys.meta_path.insert(0, _Finder(packages))
    packages.reset()
    return packages
