"""nnU-Net's trainer with synthetic tumours among its training cases; runs in nnU-Net's environment, without TextoMorph.

    export nnUNet_extTrainer=$(textomorph nnunet trainers)
    export TEXTOMORPH_BANK=bank            # made by textomorph nnunet bank
    export TEXTOMORPH_SHARE=0.5            # of the samples that come from it
    nnUNetv2_train 501 3d_fullres 0 -tr nnUNetTrainerTextoMorph

A patch of the bank (HU, 0 elsewhere, 1 organ, 2 and above tumours, axes R, A, S, isotropic) takes the place of a loaded
case: it is normalised as nnU-Net normalises CT, brought to the plan's spacing and axes, and then cropped and augmented
like any case. Validation sees real cases alone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from scipy import ndimage

MOST_PLACES = 10_000  # voxels of each class that nnU-Net may centre a patch on


class nnUNetTrainerTextoMorph(nnUNetTrainer):  # noqa: N801 - nnU-Net finds it by this name
    """Shows patches of a bank in place of a share of the cases."""

    def get_tr_and_val_datasets(self) -> tuple[Any, Any]:
        """The data sets; the one trained on gives patches of the bank, too."""
        train, validation = super().get_tr_and_val_datasets()
        folder, share = Path(os.environ.get("TEXTOMORPH_BANK", "")), float(os.environ.get("TEXTOMORPH_SHARE", "0.5"))
        files = sorted(folder.glob("*.npz")) if os.environ.get("TEXTOMORPH_BANK") else []
        if not files:
            raise RuntimeError("TEXTOMORPH_BANK must name a folder made by: textomorph nnunet bank")
        train.bank = files
        train.bank_share = share
        train.bank_spacing_mm = float(json.loads((folder / "bank.json").read_text())["spacing_mm"])
        train.plan_spacing = [float(mm) for mm in self.configuration_manager.spacing]
        train.axes = list(self.plans_manager.transpose_forward)
        train.intensities = self.plans_manager.foreground_intensity_properties_per_channel["0"]
        train.labels = list(self.label_manager.all_labels)
        train.__class__ = type("WithBank", (_WithBank, type(train)), {})
        self.print_to_log_file(
            f"TextoMorph: {len(files)} patches in the bank, {share:.2f} of the samples are drawn from it"
        )
        return train, validation


class _WithBank:
    """Mixed into nnU-Net's data set of training cases."""

    def load_case(self, identifier: str) -> tuple[Any, ...]:
        """A patch of the bank in `bank_share` of the calls, else the case."""
        if np.random.uniform() >= self.bank_share:  # type: ignore[attr-defined]
            return super().load_case(identifier)  # type: ignore[misc,no-any-return]
        path = self.bank[np.random.randint(len(self.bank))]  # type: ignore[attr-defined]
        with np.load(path, allow_pickle=False) as file:
            image, label = file["ct"].astype(np.float32), file["label"].astype(np.int16)
        image, label = self._on_plan(image, 1), self._on_plan(label, 0)
        places = {}
        for value in self.labels:  # type: ignore[attr-defined]
            found = np.argwhere(label == value)
            if len(found) > MOST_PLACES:
                found = found[np.random.choice(len(found), MOST_PLACES, replace=False)]
            places[value] = np.concatenate([np.zeros((len(found), 1), int), found], 1)
        return self._normalised(image)[None], label[None], None, {"class_locations": places}

    def _on_plan(self, image: np.ndarray, order: int) -> np.ndarray:
        """From R, A, S to nnU-Net's axes (Superior, Posterior, Left, in the plan's order) and spacing."""
        turned = np.transpose(image[::-1, ::-1], (2, 1, 0))
        turned = np.transpose(turned, self.axes)  # type: ignore[attr-defined]
        zoom = [self.bank_spacing_mm / mm for mm in self.plan_spacing]  # type: ignore[attr-defined]
        if np.allclose(zoom, 1):
            return np.ascontiguousarray(turned)
        return np.asarray(ndimage.zoom(turned, zoom, order=order, mode="nearest", grid_mode=True))

    def _normalised(self, image: np.ndarray) -> np.ndarray:
        """As nnU-Net's CTNormalization does it."""
        known = self.intensities  # type: ignore[attr-defined]
        clipped = np.clip(image, known["percentile_00_5"], known["percentile_99_5"])
        return (clipped - known["mean"]) / max(known["std"], 1e-8)  # type: ignore[no-any-return]
