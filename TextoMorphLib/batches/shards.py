"""Which part of a file of jobs is whose: by number, or by what Slurm and Kubernetes tell their tasks."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from TextoMorphLib.errors import InputError

COUNT = "TEXTOMORPH_SHARDS"  # Kubernetes tells a pod its index, not how many there are


@dataclass(frozen=True)
class Shard:
    """The `index`-th of `count` parts, counted from 1."""

    index: int
    count: int

    def bounds(self, lines: int) -> tuple[int, int]:
        """First line and the one after the last, of `lines` that are no blank ones, counted from 0.

        Parts are runs of neighbours, so that lines of one scan that stand together stay together; they differ by one
        line at the most.
        """
        return (self.index - 1) * lines // self.count, self.index * lines // self.count

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Shard(1, 1)


def parse(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
    """A shard as it is written: I/N, or auto.

    Args:
        text: "2/8" is the second of eight; "auto" asks the scheduler's variables.
        environment: Where these stand.

    Raises:
        InputError: It is neither, or the scheduler's variables are missing or contradict each other.
    """
    if text == "auto":
        return _scheduled(environment)
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(f"shard '{text}' is none; write I/N with I from 1 to N, such as 2/8, or auto")
    return Shard(int(found[1]), int(found[2]))


def _scheduled(environment: Mapping[str, str]) -> Shard:
    if "SLURM_ARRAY_TASK_ID" in environment:
        return _slurm(environment)
    if "JOB_COMPLETION_INDEX" in environment:
        index, count = _number(environment, "JOB_COMPLETION_INDEX"), _number(environment, COUNT)
        if not 0 <= index < count:
            raise InputError(f"JOB_COMPLETION_INDEX is {index} and {COUNT} {count}; set it to the job's completions")
        return Shard(index + 1, count)
    raise InputError(
        "--shard auto finds neither SLURM_ARRAY_TASK_ID (a Slurm array) nor JOB_COMPLETION_INDEX (an indexed job of "
        "Kubernetes); give --shard I/N"
    )


def _slurm(environment: Mapping[str, str]) -> Shard:
    task, first = _number(environment, "SLURM_ARRAY_TASK_ID"), _number(environment, "SLURM_ARRAY_TASK_MIN")
    count = _number(environment, "SLURM_ARRAY_TASK_COUNT")
    step = _number(environment, "SLURM_ARRAY_TASK_STEP") if environment.get("SLURM_ARRAY_TASK_STEP") else 1
    index, rest = divmod(task - first, max(step, 1))
    last = environment.get("SLURM_ARRAY_TASK_MAX", "")
    gaps = last.isdecimal() and first + (count - 1) * step != int(last)
    if rest or gaps or not 0 <= index < count:
        raise InputError(
            f"the Slurm array has gaps ({count} tasks from {first}, this one is {task}), so that its shards cannot be "
            "counted; use --array=1-N, or give --shard I/N"
        )
    return Shard(index + 1, count)


def _number(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name, "")
    if not re.fullmatch(r"\d{1,9}", value):
        raise InputError(f"{name} is {value!r}, no number; set it, or give --shard I/N")
    return int(value)
