"""What may be asked of a model: the checks that need neither a scan nor the model."""

from __future__ import annotations

from TextoMorphLib.errors import InputError
from TextoMorphLib.vocabulary import ORGANS

PRESETS = ("preview", "final")


def check_request(text: str, organ: str, seed: int, steps: int, guidance: float, timesteps: int = 200) -> None:
    """Checks what needs no scan and no model.

    Raises:
        InputError: Something is out of range.
    """
    if not text.strip():
        raise InputError("the text is empty; describe the tumour, for example 'hypoattenuating, ill-defined'")
    if organ not in ORGANS:
        raise InputError(f"unknown organ '{organ}'; use one of: {', '.join(ORGANS)}")
    if not 0 <= seed < 2**31:
        raise InputError(f"seed {seed} is out of range; use 0 to {2**31 - 1}")
    if not 1 <= steps <= timesteps:
        raise InputError(f"steps {steps} is out of range; use 1 to {timesteps}")
    if not 0 <= guidance <= 20:
        raise InputError(f"guidance {guidance:g} is out of range; use 0 to 20")


def check_preset(preset: str) -> None:
    """Checks the name of a preset.

    Raises:
        InputError: There is none of that name.
    """
    if preset not in PRESETS:
        raise InputError(f"unknown preset '{preset}'; use one of: {', '.join(PRESETS)}")
