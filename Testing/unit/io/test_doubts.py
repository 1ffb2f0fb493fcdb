"""Doubts reach who listens for them, whatever filters of warnings a program has set, and nobody else."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

from TextoMorphLib.errors import InputError, doubt, doubts_kept, doubts_told


def test_doubts_are_kept_whatever_a_programs_filters_of_warnings_are() -> None:
    with warnings.catch_warnings(record=True) as others, doubts_kept() as found:
        warnings.simplefilter("always")
        doubt("one")
        warnings.warn("of a library", DeprecationWarning, stacklevel=1)
        warnings.simplefilter("error")
        doubt("one")
    assert found == ["one", "one"]
    assert [str(each.message) for each in others] == ["of a library"]


def test_what_was_doubtful_is_told_where_the_work_then_fails() -> None:
    with doubts_kept() as found, suppress(InputError), doubts_told():
        doubt("one")
        raise InputError("a damaged file")
    assert found == ["one"]


def test_each_thread_hears_of_its_own_doubts() -> None:
    at_once = Barrier(2)

    def work(name: str) -> list[str]:
        with doubts_kept() as found:
            at_once.wait(10)
            doubt(name)
            at_once.wait(10)
        return found

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(work, "ab")) == [["a"], ["b"]]
