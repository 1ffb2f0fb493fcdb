"""`slicer.parameterNodeWrapper.validators`: what a parameter may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class WithinRange:
    """The least and the greatest value."""

    minimum: float
    maximum: float

    def validate(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within {self.minimum} to {self.maximum}")


@dataclass
class Choice:
    """The values that there are."""

    choices: list[Any]

    def validate(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"{value} is none of {self.choices}")
