"""What can go wrong, in words a user can act on."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input; the message is one line that says what is wrong and what to do."""


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """The user stopped the work; nothing was written."""
