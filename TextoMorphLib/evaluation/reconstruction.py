"""`textomorph benchmark autoencoder`: what the latent keeps of a scan, and of lesions by themselves, in HU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import ndimage

from TextoMorphLib.models import bundle
from TextoMorphLib.models.autoencoder import Autoencoder
from TextoMorphLib.models.device import autocast, resolve
from TextoMorphLib.models.seed_fields import latent_noise
from TextoMorphLib.simulation.backgrounds import Scan, real_crop
from TextoMorphLib.simulation.lesion_parameters import sample_lesion
from TextoMorphLib.simulation.renderer import render
from TextoMorphLib.simulation.shapes import lesion_depth
from TextoMorphLib.spatial.tissue import SOFT_TISSUE_HU

CROP_MM = 64
LESIONS_MM = (5.0, 10.0)


def run(model: str, device: str, scan: Scan, crops: int = 24, seed: int = 0) -> dict[str, Any]:
    """Reconstructs crops of a scan, bare and with a rendered lesion of 5 to 10 mm in the middle.

    Args:
        model: A model's name or folder.
        device: As for `Synthesizer.load`.
        scan: A scan that the model was not trained on.
        crops: How many.
        seed: Chooses them.

    Returns:
        Mean absolute error and bias in HU over soft tissue; the error after 1 mm smoothing, which leaves out most of
        the scan noise; and the share of small lesions' contrast that comes back.
    """
    where = resolve(device)
    network = bundle.load(model).autoencoder.to(where)
    rng = np.random.default_rng(seed)
    errors: list[tuple[float, float, float]] = []
    kept: list[float] = []
    for number in range(crops):
        crop = real_crop([scan], CROP_MM, rng)
        depth = lesion_depth(crop.shape, rng.uniform(*LESIONS_MM), 0.5, rng)
        lesion = sample_lesion({"density": "hypo" if number % 2 else "hyper"}, 100.0, 8.0, number)
        drawn = render(depth, lesion, 100.0, latent_noise(crop.shape, int(rng.integers(2**31))))
        bare, with_lesion = (_reconstructed(network, image, where) for image in (crop, crop + drawn))
        soft = (crop > SOFT_TISSUE_HU[0]) & (crop < SOFT_TISSUE_HU[1])
        error = bare - crop
        smooth = ndimage.gaussian_filter(error, 1.0)
        errors.append((np.abs(error[soft]).mean(), np.abs(smooth[soft]).mean(), error[soft].mean()))
        kept.append(float((with_lesion - bare)[depth > 0].mean() / drawn[depth > 0].mean()))
    error_hu, smooth_hu, bias_hu = np.mean(errors, axis=0)
    return {
        "scan": scan.name,
        "crops": crops,
        "error_hu": round(float(error_hu), 2),
        "error_after_1mm_smoothing_hu": round(float(smooth_hu), 2),
        "bias_hu": round(float(bias_hu), 2),
        "small_lesion_contrast_kept": round(float(np.mean(kept)), 3),
    }


@torch.inference_mode()
def _reconstructed(network: Autoencoder, image: np.ndarray, device: torch.device) -> np.ndarray:
    with autocast(device):
        rebuilt = network(torch.from_numpy(image)[None, None].to(device))
    return rebuilt[0, 0].float().cpu().numpy()  # type: ignore[no-any-return]
