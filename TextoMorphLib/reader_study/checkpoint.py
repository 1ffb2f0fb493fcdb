"""The cases of a study that is not finished, kept beside its key: whatever stops the work, the same command goes on.

It tells real from synthetic, as the key does. Nothing of it goes into the study's folder but the finished cases.
"""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from TextoMorphLib.errors import InputError
from TextoMorphLib.io import contents, outputs
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.reader_study import study
from TextoMorphLib.reader_study.answers import lock


class Work:
    """Finished cases, each under the name of its recipe: what it was made from, and how."""

    def __init__(self, key: Path) -> None:
        """Look at what is there; `begin` starts.

        Args:
            key: The study's key, which the work lies beside.
        """
        self.folder = key.with_name(f"{key.stem}.unfinished")
        self._begun = self.folder / "begun.json"
        self._lock: Any = None
        # The study's id, the key's salt and a seed: drawn once, or the work would start anew when it goes on.
        self.drawn: dict[str, Any] = {}
        if self._begun.is_file():
            self.drawn = study.read_json(self._begun, f"delete {self.folder} to start anew")[1]

    def begin(self) -> None:
        """Start, or go on.

        Raises:
            InputError: Another program makes this study, or the disk refuses.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {self.folder}: {error.strerror or error}") from error
        self._lock = lock(self.folder / "lock", "this study is being made by another program; wait for it")
        if not self.drawn:
            self.drawn = {
                "study": secrets.token_hex(8),
                "salt": secrets.token_hex(16),
                "seed": secrets.randbelow(2**31),
            }
            try:
                outputs.write_bytes(self._begun, json.dumps(self.drawn).encode())
            except InputError:
                self.discard()
                raise

    def files(self, recipe: str) -> tuple[Path, Path]:
        """Where a case's scan and mask lie."""
        return self.folder / f"{recipe}.nii", self.folder / f"{recipe}-mask.nii"

    def find(self, recipe: str) -> dict[str, Any] | None:
        """What `keep` was told of a case; None if it is not finished."""
        path = self.folder / f"{recipe}.json"
        if not path.is_file():
            return None
        facts = study.read_json(path, f"delete {self.folder} to start anew")[1]
        whole = all(file.is_file() for file in self.files(recipe)) and facts["sha256"] == self._sums(recipe)
        return facts if whole else None

    def keep(self, recipe: str, volumes: Sequence[Volume], note: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Write a case; it counts as finished when its facts are there, which go last.

        Returns:
            The facts, with the files' checksums.
        """
        for volume, path in zip(volumes, self.files(recipe), strict=True):
            volume.write(path, note=note)
        facts = {**facts, "sha256": self._sums(recipe)}
        outputs.write_bytes(self.folder / f"{recipe}.json", outputs.to_json(facts).encode())
        return facts

    def _sums(self, recipe: str) -> list[str]:
        return [study.sha256(path.read_bytes()) for path in self.files(recipe)]

    def close(self) -> None:
        """Let other programs go on with it."""
        if self._lock is not None:
            self._lock.release()

    def discard(self) -> None:
        """Delete everything."""
        self._begun.unlink(missing_ok=True)
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def stamp(path: Path) -> list[list[Any]]:
    """What changes when somebody changes a file, or a file of a folder, without reading it all."""
    return [[str(path.resolve())], *contents.looks([path])]


def chance(seed: int, paths: Iterable[Path]) -> random.Random:
    """Chance that the same seed and the same scans bring again.

    Of a seed alone it would not do: readers see the cases' names and their order, and could try one seed after the
    other until it gives these, and with them which case is real. Without the scans they cannot.

    Raises:
        InputError: A file cannot be read.
    """
    drawn = hashlib.sha256(str(seed).encode())
    for file in (file for path in paths for file in _files(path)):
        try:
            drawn.update(hashlib.sha256(file.read_bytes()).digest())
        except OSError as error:
            raise InputError(f"cannot read {file}: {error.strerror or error}") from error
    return random.Random(drawn.digest())


def _files(path: Path) -> list[Path]:
    """A file, or those of a folder."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
