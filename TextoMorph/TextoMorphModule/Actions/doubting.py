"""What is doubtful about what is to be generated, kept for whoever shows it."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any


class Doubting:
    """Doubts, by what they are about: "ct", "mask" or "lesions"."""

    _doubts: Mapping[str, list[str]] = {}

    def tellDoubts(self, about: str, doubts: list[str]) -> bool:
        """Takes down what is doubtful about something, in the place of what was; whether that is news.

        Example:
            >>> logic.tellDoubts("mask", ["72% of the mask lies in air"])
            True
        """
        news = doubts != self._doubts.get(about, [])
        self._doubts = {**self._doubts, about: doubts}
        return news

    def doubts(self, *about: str) -> list[str]:
        """What is doubtful, in sentences without a full stop.

        Example:
            >>> logic.doubts("ct", "mask")
            ['72% of the mask lies in air']
        """
        return list(dict.fromkeys(each for key in about for each in self._doubts.get(key, [])))


def told(check: Callable[[], Any]) -> list[str]:
    """What the library tells of doubts while it checks something."""
    from TextoMorphLib.errors import Doubt, doubts_told

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Doubt)
        with doubts_told() as found:
            check()
    return list(dict.fromkeys(found))
