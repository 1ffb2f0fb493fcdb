"""A published checkpoint at work: called as `Synthesizer` is, with the same report and what has to be said of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from TextoMorphLib.errors import Cancelled
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.attributes import Attributes, measure_in
from TextoMorphLib.measurement.surroundings import Surroundings
from TextoMorphLib.models import bundle, published
from TextoMorphLib.models.device import resolve
from TextoMorphLib.spatial.compositing import background, paste, smoothstep
from TextoMorphLib.spatial.preparation import prepared
from TextoMorphLib.spatial.region import Region, resampled
from TextoMorphLib.synthesis.request import Wishes
from TextoMorphLib.synthesis.result import LESION_SEEDS, Synthesis, device_name, report_of
from TextoMorphLib.text.understanding import find

GRID_MM = 32  # mm: the networks halve latents of 4 mm three times
BLURRED_MM = 1.0  # the mask's border, over which the tumour is blended in
NO_NOISE = np.zeros((1, 1, 1), np.float32)  # what is decoded has the noise that it has; the published code adds none


class PublishedSynthesizer:
    """Puts tumours into scans with an imported checkpoint."""

    def __init__(self, model: published.Published, device: torch.device) -> None:
        self.published, self.device = model, device
        model.autoencoder.to(device)
        model.denoiser.to(device)

    @classmethod
    def load(cls, name: str, device: str = "auto") -> PublishedSynthesizer:
        """Loads an imported checkpoint; arguments and errors as `Synthesizer.load`'s."""
        folder = bundle.find(name)
        return cls(published.load(folder, bundle.verify(folder)), resolve(device))

    def synthesize(self, ct: Volume, mask: np.ndarray, text: str, *given: Any, **more: Any) -> Synthesis:
        """As `Synthesizer.synthesize`; the text is held against what came out, and has no effect on it.

        Raises:
            InputError: As there.
            Cancelled: `progress` returned False.
        """
        wanted = Wishes(*given, **more)
        config = self.published.config
        wanted.check(text, int(config["schedule"]["timesteps"]))
        steps = int(config["presets"][wanted.preset]["steps"] if wanted.steps is None else wanted.steps)
        start = time.perf_counter()
        mentions = find(text, wanted.organ)
        context_mm = (float(config["side_mm"]) - GRID_MM) / 2
        volume, found, warnings = prepared(
            ct, mask, wanted.replace, wanted.exclude, wanted.within, stride=GRID_MM, context_mm=context_mm
        )
        volume, lesions = self._put_all(volume, found, wanted.seed, steps, wanted.progress)
        report = report_of(text, mentions, wanted.organ, wanted.seed, lesions)
        report |= {
            "steps": steps,
            "guidance": 1.0 if wanted.guidance is None else float(wanted.guidance),
            "model": {"name": str(config["name"]), "sha256": self.published.sha256},
            "device": device_name(self.device),
            "replace": wanted.replace,
            "notes": [self.published.note],
            "warnings": warnings,
            "seconds": {"all": round(time.perf_counter() - start, 3)},
        }
        return Synthesis(volume, report, tuple(lesions))

    @torch.inference_mode()
    def patch(self, hu: np.ndarray, mask: np.ndarray, text: str, *, spacing_mm: float = 1.0, **more: Any) -> np.ndarray:
        """As `Synthesizer.patch`, whose other arguments are given by name."""
        ct = Volume.from_array(np.asarray(hu, np.float32), np.diag([*[spacing_mm] * 3, 1.0]))
        return self.synthesize(ct, mask, text, **{"preset": "preview", **more}).volume.hu()  # type: ignore[no-any-return]

    def _put_all(
        self,
        volume: Volume,
        found: list[Region],
        seed: int,
        steps: int,
        progress: Callable[[int, int], object] | None,
    ) -> tuple[Volume, list[Attributes]]:
        """The scan with a tumour in each region, and what was measured of each."""
        lesions = []
        for number, region in enumerate(found):

            def on_step(done: int, before: int = number * steps) -> None:
                if progress is not None and progress(before + done, steps * len(found)) is False:
                    raise Cancelled("cancelled")

            volume, lesion = self._put(volume, region, seed + number * LESION_SEEDS, steps, on_step)
            lesions.append(lesion)
        return volume, lesions

    def _put(self, volume: Volume, region: Region, seed: int, steps: int, on_step: Any) -> tuple[Volume, Attributes]:
        """One tumour, in the scan and measured."""
        image = torch.from_numpy(np.ascontiguousarray(region.ct))[None, None].to(self.device)
        inside = torch.from_numpy((region.depth > 0).astype(np.float32))[None, None].to(self.device)
        shown = published.condition(self.published, image, inside, seed)
        made = published.sample(self.published, shown, seed, steps, on_step)[0, 0].cpu().numpy()
        filled = background(region)
        delta = smoothstep(0.5 + region.depth / (2 * BLURRED_MM)) * (made - filled)
        out = paste(volume, region, filled, np.asarray(delta, np.float32), seed, NO_NOISE)
        return out, measure_in(Surroundings.of(region), resampled(out, region))
