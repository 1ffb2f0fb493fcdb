"""Small jobs, and the command that does them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def job(number: int, **more: Any) -> dict[str, Any]:
    return {
        **{"ct": "ct.nii.gz", "mask": "mask.nii.gz", "text": "cyst", "output": f"{number}.nii.gz"},
        **{"seed": number, "steps": 1, **more},
    }


def command(folder: Path, jobs: list[dict[str, Any]], *options: str) -> list[str]:
    (folder / "jobs.jsonl").write_text("\n".join(map(json.dumps, jobs)))
    return ["batch", str(folder / "jobs.jsonl"), "--model", str(folder / "model"), "--device", "cpu", *options]


def events(out: str) -> list[tuple[str, int]]:
    return [(event["event"], event["line"]) for event in map(json.loads, out.splitlines())]
