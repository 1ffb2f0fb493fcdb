"""Whether a checkpoint is of the training that is to go on from it: with other settings it would be another one."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from TextoMorphLib.errors import InputError

# What nothing of the weights depends on: where and how fast they come, and what is made of them afterwards.
FREE = (
    *("workers", "checkpoint_minutes", "bf16", "fp16", "device", "folder"),
    *("presets", "emphasis", "start_share", "bundle"),
)
NAMES = ("name", "model.name")  # likewise; other names choose a network
LONGEST = 60  # letters of a value that are said


def told_of(settings: Mapping[str, Any], **more: Collection[str]) -> dict[str, str]:
    """What a training is made from, by name: settings with their tables' names, lists of cases by number and sum.

    Args:
        settings: A configuration; `[training]` is the loop's own and left out.
        more: Names of cases or patients, in any order.
    """
    found = dict(_flat({name: value for name, value in settings.items() if name != "training"}))
    for name, listed in more.items():
        every = "\n".join(sorted(listed))
        found[name] = f"{len(listed)} ({hashlib.sha256(every.encode()).hexdigest()[:8]})"
    return found


def check_same(path: object, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuses a checkpoint of other settings.

    Args:
        path: The checkpoint's.
        before: What it was trained with.
        now: What is asked for.

    Raises:
        InputError: The first that is another one.
    """
    for name in dict.fromkeys((*before, *now)):
        then, wanted = (_said(each.get(name)) for each in (before, now))
        if then != wanted:
            raise InputError(
                f"{path} was trained with {name} {then}, not {wanted}: going on would not be the same training; "
                f"use {then} again, or start anew in another folder"
            )


def _said(value: Any) -> str:
    text = "unset" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if name in NAMES or name.rpartition(".")[2] in FREE:
        return
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _flat(each, f"{name}.{key}" if name else str(key))
    else:
        yield name, str(value)
