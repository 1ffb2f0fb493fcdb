"""What may be asked of a model: the checks that need neither a scan nor the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from TextoMorphLib.errors import InputError
from TextoMorphLib.text.organs import ORGANS
from TextoMorphLib.text.understanding import MARKED, check_text

if TYPE_CHECKING:
    import numpy as np

PRESETS = ("preview", "final")


@dataclass(frozen=True)
class Wishes:
    """What `Synthesizer.synthesize` is asked for after scan, mask and text, in its order; for all that is called so."""

    organ: str = "liver"
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    progress: Callable[[int, int], object] | None = None
    preset: str = "final"
    terms: bool = True
    texture: bool = True
    replace: bool = False
    exclude: np.ndarray | None = None
    within: np.ndarray | None = None
    hedges: str = MARKED

    def check(self, text: str, timesteps: int = 200) -> None:
        """See `check_request`."""
        check_request(text, self.organ, self.seed, self.steps, self.guidance, self.preset, timesteps)


def check_request(
    text: str,
    organ: str,
    seed: int,
    steps: int | None,
    guidance: float | None,
    preset: str = "final",
    timesteps: int = 200,
) -> None:
    """Checks what needs no scan and no model; steps and guidance that are left out (None) are the preset's.

    Raises:
        InputError: The first thing that is wrong.
    """
    check_preset(preset)
    if organ not in ORGANS:
        raise InputError(f"unknown organ '{organ}'; use one of: {', '.join(ORGANS)}")
    check_text(text, organ)
    if not 0 <= seed < 2**31:
        raise InputError(f"seed {seed} is out of range; use 0 to {2**31 - 1}")
    if steps is not None and not 1 <= steps <= timesteps:
        raise InputError(f"steps {steps} is out of range; use 1 to {timesteps}")
    if guidance is not None and not 0 <= guidance <= 20:
        raise InputError(f"guidance {guidance:g} is out of range; use 0 to 20")


def check_preset(preset: str) -> None:
    """Checks the name of a preset.

    Raises:
        InputError: There is none of that name.
    """
    if preset not in PRESETS:
        raise InputError(f"unknown preset '{preset}'; use one of: {', '.join(PRESETS)}")
