"""What became of each job, one line each, in a file of its own for every process: nobody waits for another to write.

A line that a crash cut short is left out when read. Lines are appended, not moved into place: a journal grows.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from TextoMorphLib.batches import claims

SUFFIX = ".jsonl"


def note(output: Path, event: str, **more: Any) -> None:
    """Notes what became of a job; a full disk loses the note, not the job.

    Args:
        output: What the job writes; the journal lies in the folder of claims beside it.
        event: done or failed.
        more: What else is known, for JSON.
    """
    line = {"event": event, "output": output.name, "machine": claims.machine(), "time": round(time.time(), 2), **more}
    folder = output.parent / claims.FOLDER
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        with open(folder / _name(os.getpid()), "a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """All notes of an output folder, each journal's in its order."""
    for path in sorted((folder / claims.FOLDER).glob(f"*{SUFFIX}")):
        with suppress(OSError):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(ValueError):
                    found = json.loads(line)
                    if isinstance(found, dict) and {"event", "output", "time"} <= set(found):
                        yield found


@lru_cache(maxsize=2)
def _name(process: int) -> str:
    return f"{int(time.time())}-{os.urandom(4).hex()}-{process}{SUFFIX}"
