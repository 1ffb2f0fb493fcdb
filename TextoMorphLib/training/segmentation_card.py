"""What the card of a trained segmenter says: from what it learned, and how its checkpoint was chosen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from TextoMorphLib.cases import Case
from TextoMorphLib.training.checkpoint_choice import TEST, Choice
from TextoMorphLib.training.patches import Patches


def card(
    told: Mapping[str, Any],
    settings: Mapping[str, Any],
    train: Sequence[Case],
    inner: Sequence[Case],
    tested: Sequence[Case],
    validation: Choice,
    best: Mapping[str, Any] | None,
    draw: Patches,
) -> str:
    """The card of a segmenter that was trained.

    Args:
        told: The bundle's configuration.
        settings: The training's.
        train: Cases of the training folds.
        inner: Those among them, or of the tested fold, that the checkpoint was chosen on.
        tested: Cases of the tested fold.
        validation: How it was chosen.
        best: What the look found whose weights are kept; None if nothing was looked at.
        draw: Where the patches came from.
    """
    shares = ", ".join(f"{name} {odds:.2f}" for name, odds in zip(draw.kinds, draw.odds, strict=True))
    warning = (
        "The checkpoint was chosen on the tested fold, as in the published protocol: figures there are optimistic."
        if validation.select_on == TEST
        else "No tested case had a part in choosing the checkpoint."
    )
    whose = "of the tested ones" if validation.select_on == TEST else "of them"
    looked_at = f"{len(inner)} {whose} looked at for choosing the checkpoint alone ({validation.select_on})"
    start = settings.get("start")
    started = f"- Started from the model {start}, whose card says what taught it.\n" if start else ""
    source, steps = settings.get("source"), settings["training"]["steps"]
    chosen = (
        f"the last look, step {best['step']} of {steps}: none has found any of the tumours on\n  "
        f"{validation.patches} fixed patches"
        if best and not best["validation_dsc"]
        else f"step {best['step']} of {steps}, the highest pooled tumour DSC ({best['validation_dsc']:.3f})\n  on "
        f"{validation.patches} fixed patches. This figure chose the checkpoint, so it is no result"
        if best
        else f"the last, step {steps}; nothing was looked at to choose it"
    )
    return f"""# {told["name"]}

Segments {told["organ"]} (1) and {", ".join(f"{name} ({2 + at})" for at, name in enumerate(told["classes"]))}. For
research only; not a medical device.

{started}- Network: {json.dumps(told["network"])}, patches of {told["patch"]} voxels at {told["spacing_mm"]:g} mm,
  {told["window_hu"]} HU.
- Trained on {len(train)} cases ({sum(case.healthy for case in train)} healthy), {looked_at}; {len(tested)} cases kept
  for testing. {warning}
- Shares of the patches: {shares}. Source of synthetic tumours: {json.dumps(source) if source else "none"}.
- Checkpoint: {chosen}.
- Cases: {", ".join(case.id for case in train)}.
"""
