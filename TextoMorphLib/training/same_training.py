"""Whether a checkpoint is of the training that is to go on from it: with other settings it would be another one."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from TextoMorphLib.errors import InputError

# What nothing of the weights depends on: where and how fast they come, and what is made of them afterwards.
FREE = (
    *("workers", "checkpoint_minutes", "bf16", "fp16", "device", "folder"),
    *("presets", "emphasis", "start_share", "bundle"),
)
MARKED = "marked"  # what lists of `told_of` call what only shows once cases are read
NAMES = ("name", "model.name")  # likewise; other names choose a network
LONGEST = 60  # letters of a value that are said
ANEW = "start anew in another folder"
# The learning rate has fallen to zero at the last step, so that more of them are another training.
INSTEAD = {
    "steps": "train the model that comes of it on for as many steps as you like, in another folder: "
    'start = "FOLDER/model" in the configuration (segmentation: at its top, diffusion: in [model])'
}


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
                f"use {then} again, or {INSTEAD.get(name, ANEW)}"
            )


def checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise InputError(f"{path} cannot be read ({type(error).__name__}); {ANEW}") from error


def check_checkpoint(path: Path, saved: Mapping[str, Any], own: Mapping[str, Any], told: Mapping[str, str]) -> None:
    """Refuses a checkpoint of other settings.

    Args:
        path: Where it is.
        saved: What it holds; older ones do not say all of it.
        own: Settings of the loop.
        told: Of `told_of`.

    Raises:
        InputError: The first that is another one.
    """
    check_same(path, {name: saved.get(name, now) for name, now in own.items()}, own)
    check_same(path, saved.get("told", told), told)


def check_finished(path: Path, own: Mapping[str, Any], told: Mapping[str, str]) -> None:
    """Makes sure that a training that has ended is the one that is asked for; nothing where its checkpoint is gone.

    Args:
        path: The checkpoint's.
        own: Settings of the loop.
        told: What of `told_of` is known without reading its data.

    Raises:
        InputError: It is another one, or its checkpoint cannot be read.
    """
    if path.exists():
        saved = checkpoint(path)
        known = {name: value for name, value in saved.get("told", told).items() if name != MARKED}
        check_checkpoint(path, {**saved, "told": known}, own, told)


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
