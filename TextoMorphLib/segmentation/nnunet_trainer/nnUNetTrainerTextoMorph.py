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
        spacing_mm = float(json.loads((folder / "bank.json").read_text())["spacing_mm"])
        mixed = _WithBank(
            train,
            files,
            share,
            [spacing_mm / float(mm) for mm in self.configuration_manager.spacing],
            list(self.plans_manager.transpose_forward),
            self.plans_manager.foreground_intensity_properties_per_channel["0"],
            list(self.label_manager.all_labels),
        )
        self.print_to_log_file(
            f"TextoMorph: {len(files)} patches in the bank, {share:.2f} of the samples are drawn from it"
        )
        return mixed, validation


class _WithBank:
    """nnU-Net's data set of training cases, which gives a patch of the bank in a share of the calls.

    Args:
        cases: The data set; what is asked of it besides a case's voxels is its own.
        bank: The patches' files.
        share: Of the calls.
        zoom: Plan's voxels a voxel of the bank, along the plan's axes.
        axes: The plan's order of superior, posterior, left.
        intensities: What nnU-Net's CTNormalization knows of the training cases.
        labels: All values of a label map.
    """

    def __init__(
        self,
        cases: Any,
        bank: list[Path],
        share: float,
        zoom: list[float],
        axes: list[int],
        intensities: dict[str, float],
        labels: list[int],
    ) -> None:
        self.cases, self.bank, self.share = cases, bank, share
        self.zoom, self.axes, self.intensities, self.labels = zoom, axes, intensities, labels

    def __getattr__(self, name: str) -> Any:
        """What is the data set's own; nothing before it is there, as while a copy is unpickled."""
        if name == "cases" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.cases, name)

    def load_case(self, identifier: str) -> tuple[Any, ...]:
        """A patch of the bank in `share` of the calls, else the case."""
        if np.random.uniform() >= self.share:
            return tuple(self.cases.load_case(identifier))
        path = self.bank[np.random.randint(len(self.bank))]
        with np.load(path, allow_pickle=False) as file:
            image, label = file["ct"].astype(np.float32), file["label"].astype(np.int16)
        image, label = self._on_plan(image, 1), self._on_plan(label, 0)
        places = {}
        for value in self.labels:
            found = np.argwhere(label == value)
            if len(found) > MOST_PLACES:
                found = found[np.random.choice(len(found), MOST_PLACES, replace=False)]
            places[value] = np.concatenate([np.zeros((len(found), 1), int), found], 1)
        return self._normalised(image)[None], label[None], None, {"class_locations": places}

    def _on_plan(self, image: np.ndarray, order: int) -> np.ndarray:
        """From R, A, S to nnU-Net's axes (Superior, Posterior, Left, in the plan's order) and spacing."""
        turned = np.transpose(image[::-1, ::-1], (2, 1, 0))
        turned = np.transpose(turned, self.axes)
        if np.allclose(self.zoom, 1):
            return np.ascontiguousarray(turned)
        return np.asarray(ndimage.zoom(turned, self.zoom, order=order, mode="nearest", grid_mode=True))

    def _normalised(self, image: np.ndarray) -> np.ndarray:
        """As nnU-Net's CTNormalization does it."""
        known = self.intensities
        clipped = np.clip(image, known["percentile_00_5"], known["percentile_99_5"])
        return (clipped - known["mean"]) / max(known["std"], 1e-8)
