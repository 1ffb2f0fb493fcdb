"""What can go wrong or is in doubt, in words a user can act on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

NAMED = 3  # of many that a doubt concerns


_SHORT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


class InputError(ValueError):
    """Bad input; the message is one line that says what is wrong and what to do."""


class DiskError(InputError):
    """The disk refuses (full, read-only, no permission): no fault of one of many inputs, so it ends the work."""


# How one of several labels is chosen where no option of the command names it.
ORGAN_ALONE = "give a mask that holds the organ alone"
ALONE = "give a mask that holds only what is meant"
OF_CASE = 'give it as "label" with the organ\'s numbers in "values"'


def is_short_of_memory(error: BaseException) -> bool:
    """Whether memory has run out: each library says that by another error."""
    told = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, (RuntimeError, OSError)) and any(sign in told for sign in _SHORT_OF_MEMORY)
    )


class SeveralLabelsError(InputError):
    """A mask holds several labels, and none is chosen.

    Attributes:
        held: What it holds, in words,
        choose: and how one is chosen.
    """

    def __init__(self, held: str, choose: str) -> None:
        super().__init__(f"{held}; {choose}")
        self.held, self.choose = held, choose


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """The user stopped the work; nothing was written."""


class Doubt(UserWarning):
    """Input that can be used and may not be what the user means; one line that says why."""


# Who collects doubts here: of one thread alone, and no filter of the process' warnings hides any from them.
_listener: ContextVar[list[str] | None] = ContextVar("_listener", default=None)


def doubt(message: str) -> None:
    """Tell of a doubt, and go on; the command prints it as a warning, and puts it into the report."""
    listener = _listener.get()
    if listener is None:
        warnings.warn(message, Doubt, stacklevel=3)
    else:
        listener.append(message)


@contextmanager
def doubts_kept() -> Iterator[list[str]]:
    """Collects the doubts that the block tells of, for whoever opened it alone.

    Yields:
        The messages, as they come.
    """
    found: list[str] = []
    before = _listener.set(found)
    try:
        yield found
    finally:
        _listener.reset(before)


@contextmanager
def doubts_told() -> Iterator[list[str]]:
    """Collects the doubts that the block tells of.

    Yields:
        The messages, filled when the block ends; they are told on to whoever listens around it, too.
    """
    found: list[str] = []
    try:
        with doubts_kept() as found:
            yield found
    finally:  # what was doubtful may be why the block fails
        for each in found:
            doubt(each)


@contextmanager
def doubts_of_many(count: int) -> Iterator[Callable[[str], AbstractContextManager[None]]]:
    """Tells of each doubt about many once, at the end of the block, with those that it concerns.

    Args:
        count: How many there are.

    Yields:
        Gives, for the name of one of them, the block that is about that one.
    """
    concerned: dict[str, dict[str, None]] = {}

    @contextmanager
    def about(name: str) -> Iterator[None]:
        found: list[str] = []
        try:
            with doubts_kept() as found:
                yield
        finally:
            for message in dict.fromkeys(found):
                concerned.setdefault(message, {})[name] = None

    try:
        yield about
    finally:
        for message, names in concerned.items():
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            doubt(f"{', '.join(list(names)[:NAMED])}{more} ({len(names)} of {count}): {message}")


@contextmanager
def one_of_many(name: str, failed: Callable[[str], object] | None) -> Iterator[None]:
    """What is wrong with one of many in the block concerns it alone, where somebody is told of it.

    Args:
        name: Which one it is, in words.
        failed: Called with what is wrong with it, which is then left out; without it, that is an error.

    Raises:
        InputError: That, with its name.
        DiskError: The disk refuses, which concerns all of them.
    """
    try:
        yield
    except DiskError:
        raise
    except InputError as error:
        told = f"{name}: {error}"
        if failed is None:
            raise InputError(told) from error
        failed(told)
