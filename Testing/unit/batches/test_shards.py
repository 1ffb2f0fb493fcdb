"""Whose part of the jobs is whose."""

from __future__ import annotations

import pytest

from TextoMorphLib.batches.shards import Shard, parse
from TextoMorphLib.errors import InputError


def test_every_line_is_in_one_shard_and_neighbours_stay_together() -> None:
    for lines in (0, 1, 7, 100):
        parts = [range(*Shard(index, 8).bounds(lines)) for index in range(1, 9)]
        assert [line for part in parts for line in part] == list(range(lines))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ID": "0", "MIN": "0", "COUNT": "4", "MAX": "3"}, Shard(1, 4)),
        ({"ID": "4", "MIN": "1", "COUNT": "4", "MAX": "4"}, Shard(4, 4)),
        ({"ID": "5", "MIN": "1", "COUNT": "3", "MAX": "9", "STEP": "4"}, Shard(2, 3)),
    ],
)
def test_slurm_tells(variables: dict[str, str], expected: Shard) -> None:
    assert parse("auto", {f"SLURM_ARRAY_TASK_{name}": value for name, value in variables.items()}) == expected


def test_kubernetes_tells() -> None:
    assert parse("auto", {"JOB_COMPLETION_INDEX": "0", "TEXTOMORPH_SHARDS": "5"}) == Shard(1, 5)
    assert parse("2/8", {}) == Shard(2, 8)


@pytest.mark.parametrize(
    ("text", "environment", "reason"),
    [
        ("0/4", {}, "I from 1 to N"),
        ("5/4", {}, "I from 1 to N"),
        ("half", {}, "I from 1 to N"),
        ("auto", {}, "neither SLURM"),
        ("auto", {"JOB_COMPLETION_INDEX": "0"}, "TEXTOMORPH_SHARDS"),
        ("auto", {"JOB_COMPLETION_INDEX": "5", "TEXTOMORPH_SHARDS": "5"}, "completions"),
        # --array=1,5,7: which of the three is 5?
        (
            "auto",
            {f"SLURM_ARRAY_TASK_{k}": v for k, v in (("ID", "5"), ("MIN", "1"), ("COUNT", "3"), ("MAX", "7"))},
            "gaps",
        ),
    ],
)
def test_what_is_no_shard_is_refused(text: str, environment: dict[str, str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse(text, environment)
