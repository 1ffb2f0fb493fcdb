"""The checkpoint that is kept: the one that is best on fixed patches of patients who are not trained on."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.segmentation.networks import MISSING
from TextoMorphLib.sources import TumourSource
from TextoMorphLib.training.loop import LossFunction
from TextoMorphLib.training.patches import Patches, PatchSettings, Prepared, healthy_of

BEST, HISTORY, FIXED = "best.safetensors", "validation.jsonl", "validation.npz"
INNER, TEST, LAST = "inner", "test", "last"
SELECT = (INNER, TEST, LAST)


@dataclass(frozen=True)
class Choice:
    """How the checkpoint is chosen.

    Attributes:
        select_on: "inner": patients of the training folds that are not trained on; "test": those of the tested fold,
            as the published protocol does, which makes its result optimistic; "last": no choice, the last step.
        share: Of the training patients, kept for "inner".
        patches: Fixed patches that are looked at.
        every: Steps between looks.
    """

    select_on: str = "inner"
    share: float = 0.2
    patches: int = 24
    every: int = 250

    def __post_init__(self) -> None:
        """Refuses what is no choice."""
        if not 0 < self.share < 1 or min(self.patches, self.every) < 1:
            raise ValueError("share must lie between 0 and 1, patches and every must be 1 or more")


def dice_ce() -> LossFunction:
    """Dice and cross-entropy."""
    try:
        from monai.losses.dice import DiceCELoss
    except ImportError as error:
        raise InputError(MISSING) from error
    criterion = DiceCELoss(softmax=True, to_onehot_y=True, squared_pred=True)

    def losses(network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"loss": criterion(network(batch["image"]).float(), batch["target"])}

    return losses


def fixed_patches(
    cases: Sequence[Prepared], how: PatchSettings, source: TumourSource | None, choice: Choice, place: Path
) -> tuple[np.ndarray, np.ndarray]:
    """The patches that the checkpoint is chosen on: the same ones throughout, drawn from the mix, as they are."""
    path = place / FIXED
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            return file["image"], file["label"]
    mix = dict(how.mix)
    if not any(len(case.tumour) for case in cases):
        mix["real"] = 0.0
    if not healthy_of(cases):
        mix["synthetic"] = mix["healthy"] = 0.0
    if not any(len(case.organ) for case in cases):
        mix["anywhere"] = 0.0
    if not any(mix.values()):
        raise InputError(
            "the patients that are kept for choosing the checkpoint have nothing of what [mix] asks for; add cases, "
            f'or set select_on = "{LAST}" in [validation]'
        )
    plain = replace(how, mix=mix, rotate=0.0, shift_chance=0.0, flip=0.0)
    patches = Patches(cases, plain, source)
    drawn = [patches.one(np.random.default_rng([7, number])) for number in range(choice.patches)]
    image, label = np.stack([each[0] for each in drawn]).astype(np.float16), np.stack([each[1] for each in drawn])
    with replacing(path) as (beside,), open(beside, "wb") as file:
        np.savez_compressed(file, image=image, label=label)
    return image, label


class Validation:
    """Looks at fixed patches and keeps the weights that are best there: the highest pooled tumour DSC, the earliest.

    Where no look has found any of the tumours, none is better than another: then the last weights are kept.
    """

    def __init__(self, fixed: tuple[np.ndarray, np.ndarray], place: Path, classes: int) -> None:
        self.images, self.labels, self.place, self.classes = *fixed, place, classes
        self.history = place / HISTORY

    def __call__(self, network: nn.Module, step: int) -> dict[str, float]:
        before = [row for row in self.rows() if row["step"] <= step]
        if before and before[-1]["step"] == step:  # a run that was stopped looked at the very weights of its checkpoint
            return {name: value for name, value in before[-1].items() if name != "step"}
        device = next(network.parameters()).device
        criterion, losses = dice_ce(), []
        both = np.zeros((self.classes, 2))
        network.eval()
        with torch.inference_mode():
            for image, label in zip(self.images, self.labels, strict=True):
                seen = torch.from_numpy(image.astype(np.float32))[None, None].to(device)
                target = torch.from_numpy(label.astype(np.int64))[None, None].to(device)
                losses.append(float(criterion(network, {"image": seen, "target": target})["loss"]))
                called = network(seen).argmax(1)[0].cpu().numpy()
                for at in range(self.classes):
                    one, other = label == 2 + at, called == 2 + at
                    both[at] += 2 * np.count_nonzero(one & other), np.count_nonzero(one) + np.count_nonzero(other)
        network.train()
        dsc = round(float(np.mean([a / b if b else 0.0 for a, b in both])), 6)
        found = {"validation_dsc": dsc, "validation_loss": round(float(np.mean(losses)), 6)}
        if not before or all(
            self._worth(dsc, step) > self._worth(row["validation_dsc"], row["step"]) for row in before
        ):
            state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
            with replacing(self.place / BEST) as (beside,):
                save_file(state, beside)
        lines = [json.dumps(row) + "\n" for row in [*before, {"step": step, **found}]]
        outputs.write_bytes(self.history, "".join(lines).encode())
        return found

    def rows(self) -> list[dict[str, Any]]:
        """What every look found."""
        return [json.loads(line) for line in self.history.read_text().splitlines()] if self.history.exists() else []

    def best(self) -> dict[str, Any]:
        """What the look found whose weights are kept."""
        return max(self.rows(), key=lambda row: self._worth(row["validation_dsc"], row["step"]))

    @staticmethod
    def _worth(dsc: float, step: int) -> tuple[float, int]:
        return dsc, -step if dsc else step

    def picture(self) -> bytes:
        """Both curves, as PNG."""
        from matplotlib.figure import Figure

        rows, best = self.rows(), self.best()
        figure = Figure((8, 3), layout="constrained", dpi=110)
        for axes, name, label in zip(
            figure.subplots(1, 2), ("validation_loss", "validation_dsc"), ("loss", "tumour DSC"), strict=True
        ):
            axes.plot([row["step"] for row in rows], [row[name] for row in rows], "o-", markersize=3)
            axes.axvline(best["step"], color="grey", linestyle=":")
            axes.set(xlabel="step", title=f"{label} on the fixed validation patches")
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": "TextoMorph"})
        return file.getvalue()
