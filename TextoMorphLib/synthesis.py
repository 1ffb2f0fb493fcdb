"""A scan, a mask and a text in; the scan with the described tumour out. A reader of the library starts here.

volume -> region -> filled -> latent -> denoised under the text -> decoded -> composited -> volume
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io.masks import check_mask
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.attributes import Attributes, measure
from TextoMorphLib.measurement.expectations import compare
from TextoMorphLib.models import bundle, samplers
from TextoMorphLib.models.denoiser import depth_channels, field_channels
from TextoMorphLib.models.device import autocast, resolve
from TextoMorphLib.models.memory_fallback import Thrift
from TextoMorphLib.models.samplers import Progress, guided
from TextoMorphLib.models.schedule import Schedule
from TextoMorphLib.models.seed_fields import latent_noise
from TextoMorphLib.published_synthesis import PublishedSynthesizer
from TextoMorphLib.request import check_request
from TextoMorphLib.result import LESION_SEEDS, Synthesis, device_name, plain, versions
from TextoMorphLib.spatial.compositing import background, deblurred, no_darker_than_fluid, noise_around, paste, vessels
from TextoMorphLib.spatial.geometry import smallness
from TextoMorphLib.spatial.region import Region, regions, resampled
from TextoMorphLib.text import encoders, vocabulary
from TextoMorphLib.text.concepts import sharpness
from TextoMorphLib.text.understanding import Understanding, understand

DRAWS_MM = 96.0  # the side of a region for which a preset's draws are given: smaller ones, where more fails, get more
DRAWS = (2, 16)  # in which bounds
# Guidance of the draws in turn, relative to the first's: of what is asked there may be too little or too much.
LEANING = (1.0, 1.5, 0.8)
DRAW_SEEDS = 7_919_000_003  # from a lesion's seed to its next draw's


@dataclass(frozen=True)
class _Request:
    """What is asked of every lesion.

    Attributes:
        said: [1, concepts], probabilities of what the text says.
        understood: The likely ones of these.
        mentions: The vocabulary's terms, which are held against the measurements.
        sampler: Takes the steps.
        steps: Sampling steps.
        guidance: Guidance scale.
        draws: How often it may be tried in a region of `DRAWS_MM`.
    """

    said: Tensor
    understood: dict[str, dict[str, float]]
    mentions: list[vocabulary.Mention]
    sampler: samplers.Sampler
    steps: int
    guidance: float
    draws: int

    @property
    def sharp(self) -> float:
        """How surely the border is sharp."""
        return sharpness(self.understood)

    @property
    def vessels(self) -> bool:
        """Whether the scan's own vessels go on through the lesion."""
        return vocabulary.vessels_pass(self.mentions)


@dataclass(frozen=True)
class _Draw:
    """One lesion as it was drawn: the scan with it, what was measured, what of the text holds, and which draw it is."""

    volume: Volume
    lesion: Attributes
    asked: list[dict[str, Any]]
    number: int

    @property
    def misses(self) -> int:
        """How much of what was asked does not hold."""
        return sum(row["ok"] is False for row in self.asked)


@dataclass(frozen=True)
class _Place:
    """Where a lesion goes, and all of it that no text changes.

    Attributes:
        region: The neighbourhood, on a 1 mm grid.
        filled: The region with healthy tissue in the mask, HU.
        covariance: The autocovariance of the scan's noise around the mask.
        condition: [1, C + 4, x, y, z]: the filled region's latent and the depth channels.
        decoded: [1, 1, X, Y, Z]: what the decoder makes of the filled region's latent, HU.
    """

    region: Region
    filled: np.ndarray
    covariance: np.ndarray
    condition: Tensor
    decoded: Tensor

    @cached_property
    def vessels(self) -> np.ndarray:
        """The share of each of the region's voxels that is the scan's own vessel; for texts that ask for them."""
        return vessels(self.region, self.filled)


class Synthesizer:
    """A loaded model that puts described tumours into scans.

    What it learns of a scan and a mask is kept for the next text: only the first tumour at a place pays for it.
    """

    def __init__(self, model: bundle.Bundle, text: encoders.TextEncoder, device: torch.device) -> None:
        self.model, self.text, self.device = model, text, device
        self.autoencoder, self.reader, self.denoiser = model.autoencoder, model.reader, model.denoiser
        self.thrift = Thrift(device, self._move)
        self.schedule = Schedule(**model.config["schedule"])
        self._known: tuple[bytes, np.ndarray, list[_Place]] | None = None

    @classmethod
    def load(cls, name: str = "starter", device: str = "auto") -> Synthesizer:
        """Loads a model bundle and the text encoder it was trained with.

        Args:
            name: A bundle that comes with TextoMorph, or a bundle's folder.
            device: auto, cpu, cuda, cuda:N or mps.

        Raises:
            InputError: The model, its text encoder or the device is not there, or the model is damaged.
        """
        where = resolve(device)
        folder = bundle.find(name)
        if bundle.read_config(folder)["kind"] == "published":
            return PublishedSynthesizer.load(str(folder), device)  # type: ignore[return-value]  # it is used alike
        model = bundle.load(name)
        wanted = model.config["text_encoder"]
        text = encoders.load(wanted["name"])
        if text.sha256 != wanted["sha256"]:
            raise InputError(f"model {model.name} was trained with another version of the text encoder '{text.name}'")
        return cls(model, text, where)

    def synthesize(
        self,
        ct: Volume,
        mask: np.ndarray,
        text: str,
        organ: str = "liver",
        seed: int = 0,
        steps: int | None = None,
        guidance: float | None = None,
        progress: Progress | None = None,
        preset: str = "final",
        terms: bool = True,
    ) -> Synthesis:
        """Puts a tumour as the text describes it where the mask is.

        Args:
            ct: The scan, HU.
            mask: Boolean, of the scan's shape; each component far from the others becomes a lesion of its own.
            text: Terms or sentences.
            organ: liver, pancreas or kidney; decides which of the vocabulary's terms are looked for in the text.
            seed: Same inputs, seed and device give the same result.
            steps: Sampling steps, 1 to 200; the preset's if None.
            guidance: Classifier-free guidance scale; the preset's if None.
            progress: Called with (steps done, steps in all); may raise, or return False to cancel.
            preset: One of the model's: "preview" (fastest), or "final", which holds the lesion against the text and,
                where something asked does not hold, tries other draws of the seed and keeps the best.
            terms: Whether what is understood of the text by rules is taken as said, and nothing else. If not, the text
                is the model's attribute classifier's alone, to see what it makes of words by itself.

        Returns:
            The synthetic scan and its report. Voxels farther than 4 mm outside the mask are the input's.

        Raises:
            InputError: Empty text, unknown organ or preset, a mask that does not fit, or steps, guidance or seed out
                of range.
            Cancelled: `progress` returned False.
        """
        check_request(text, organ, seed, steps, guidance, preset, self.schedule.timesteps)
        usual = self.model.preset(preset)
        steps = int(usual["steps"] if steps is None else steps)
        guidance = float(usual["guidance"] if guidance is None else guidance)
        clock = _Clock()
        with clock("text"):
            meant = understand(text, organ)
            mentions = list(meant.mentions)
            said = self.read(text, meant if terms else None)
            understood = self.reader.understood(said[0])
        sampler = samplers.load(str(usual.get("sampler", "dpm_solver")))
        request = _Request(said, understood, mentions, sampler, steps, guidance, int(usual.get("draws", 1)))
        volume, found = self.thrift.run(lambda: self._drawn(ct, mask, request, seed, progress, clock))
        report = {
            "synthetic": True,
            "text": text,
            "terms": [mention.name for mention in mentions],
            "understood": understood,
            "understanding": meant.as_dict(),
            "organ": organ,
            "seed": seed,
            "steps": steps,
            "guidance": guidance,
            "model": {"name": self.model.name, "sha256": self.model.sha256},
            "versions": versions(),
            "device": device_name(self.device),
            "notes": [*meant.warnings(), *self._unknown(meant), *([self.thrift.note] if self.thrift.note else [])],
            "seconds": {stage: round(seconds, 3) for stage, seconds in clock.seconds.items()},
            "draws": [best.number for best in found],
            "lesions": [plain(best.lesion) for best in found],
            "asked": [best.asked for best in found],
        }
        return Synthesis(volume, report, tuple(best.lesion for best in found))

    def _drawn(
        self, ct: Volume, mask: np.ndarray, request: _Request, seed: int, progress: Progress | None, clock: _Clock
    ) -> tuple[Volume, list[_Draw]]:
        """The scan with all lesions, and each of them."""
        places = self._places(ct, mask, clock)
        volume, found = ct, []
        for number, place in enumerate(places):

            def on_step(done: int, before: int = number * request.steps) -> None:
                if progress is not None and progress(before + done, request.steps * len(places)) is False:
                    raise Cancelled("cancelled")

            best = self._best(volume, place, request, seed + number * LESION_SEEDS, on_step, clock)
            volume = best.volume
            found.append(best)
        return volume, found

    def _best(self, volume: Volume, place: _Place, request: _Request, seed: int, on_step: Any, clock: _Clock) -> _Draw:
        """The first of a seed's draws in which all that was asked holds, or the one in which most does."""
        best = self._draw(volume, place, request, seed, 1, on_step, clock)
        for number in range(2, _draws(request.draws, place.region) + 1):
            if not best.misses:
                break
            guidance = LEANING[(number - 1) % len(LEANING)] * request.guidance
            drawn = self._draw(volume, place, replace(request, guidance=guidance), seed, number, on_step, clock)
            best = min(best, drawn, key=lambda each: each.misses)
        return best

    def _draw(
        self, volume: Volume, place: _Place, request: _Request, seed: int, number: int, on_step: Any, clock: _Clock
    ) -> _Draw:
        """One lesion, put into the scan and measured there."""
        own_seed = seed + (number - 1) * DRAW_SEEDS
        delta = self._lesion(place, request, own_seed, on_step, clock)
        with clock("composite"):
            delta = no_darker_than_fluid(delta, place.filled, place.region.depth)
            if request.sharp:
                delta = deblurred(delta, place.region.depth, request.sharp)
            kept = place.vessels if request.vessels else None
            made = paste(volume, place.region, place.filled, delta, own_seed, place.covariance, kept, request.sharp)
        with clock("measure"):
            lesion = measure(place.region.ct, resampled(made, place.region), place.region.depth)
        return _Draw(made, lesion, compare(request.mentions, asdict(lesion)), number)

    def _move(self, device: torch.device) -> None:
        """Brings the networks that draw to a device."""
        for network in (self.autoencoder, self.denoiser):
            network.to(device)
        if device != self.device:
            self.device, self._known = device, None

    def _places(self, ct: Volume, mask: np.ndarray, clock: _Clock) -> list[_Place]:
        """What is to be known of a scan and a mask; computed once for the last of them."""
        with clock("recognise"):
            scan = _fingerprint(ct)
            if self._known and self._known[0] == scan and np.array_equal(self._known[1], mask):
                return self._known[2]
        check_mask(mask, ct)
        with clock("regions"):
            found = regions(ct, mask)
        if not all(np.isfinite(region.ct).all() for region in found):
            raise InputError(
                "the scan has NaN or infinite voxels around the mask; replace them, for example by -1000 HU"
            )
        places = []
        for region in found:
            with clock("background"):
                filled, covariance = background(region), noise_around(ct, region)
            with clock("encode"):
                places.append(_Place(region, filled, covariance, *self._encoded(filled, region.depth)))
        self._known = (scan, mask.copy(), places)
        return places

    @torch.inference_mode()
    def _encoded(self, filled: np.ndarray, depth: np.ndarray) -> tuple[Tensor, Tensor]:
        """A place's `condition` and `decoded`."""
        with autocast(self.device):
            latent = self.thrift.encode(self.autoencoder, self._tensor(filled)).float()
            decoded = self.thrift.decode(self.autoencoder, latent).float()
        return torch.cat([latent, depth_channels(self._tensor(depth))], 1), decoded

    @torch.inference_mode()
    def read(self, text: str, meant: Understanding | None) -> Tensor:
        """What a text says of each kind; on the CPU, where that takes no time.

        Args:
            text: Terms or sentences.
            meant: What is understood of it by rules; nothing else counts: what no word says stays at its default. None
                leaves the text to the model's attribute classifier, to see what it makes of words by itself.

        Returns:
            [1, concepts] probabilities.
        """
        if meant is not None:
            return self.reader.told(self.reader.vectors([{}]), meant.description)
        tokens = self.text.encode([text])
        return self.reader(tokens.hidden, tokens.mask)  # type: ignore[no-any-return]

    def _unknown(self, meant: Understanding) -> list[str]:
        """What the text says and the model knows no value for, in words."""
        missing = self.reader.unknown(meant.description)
        return [f"the model {self.model.name} does not know {kind} '{value}'; drawn without" for kind, value in missing]

    def _emphasised(self, said: Tensor, region: Region) -> Tensor:
        """[1, concepts]: with the model's emphasis, which small lesions have no room for."""
        diameter = (6 / np.pi * np.count_nonzero(region.depth > 0)) ** (1 / 3)
        room = 1 - smallness(diameter)
        emphasis = self.model.config.get("emphasis", {})
        return self.reader.emphasised(said, {kind: 1 + room * (most - 1) for kind, most in emphasis.items()})

    @torch.inference_mode()
    def _lesion(self, place: _Place, request: _Request, seed: int, on_step: Any, clock: _Clock) -> np.ndarray:
        """The lesion minus the filled background, HU on the region's grid, noise free."""
        said, guidance = self._emphasised(request.said, place.region).to(self.device), request.guidance
        with_and_no_text = torch.cat([said, torch.zeros_like(said)])
        latent = place.condition[:, : self.denoiser.latent_channels]
        noise = latent_noise(place.filled.shape, seed, self.denoiser.latent_channels).to(self.device)
        depth = place.condition[:, self.denoiser.latent_channels :]
        fields = field_channels(
            noise, depth, torch.tensor([float(place.region.depth.max())]), self.denoiser.prior_numbers
        )
        where = torch.cat([place.condition, fields], 1)
        both = where.expand(2, -1, -1, -1, -1)
        with autocast(self.device):

            def with_and_without(noisy: Tensor, now: Tensor) -> Tensor:
                return self.thrift.each(self.denoiser)(noisy, now, both, with_and_no_text).float()

            def with_text(noisy: Tensor, now: Tensor) -> Tensor:
                return self.denoiser(noisy, now, where, said).float()  # type: ignore[no-any-return]

            denoise = with_text if guidance == 1 else guided(with_and_without, guidance)
            with clock("diffusion"):
                lesion = request.sampler(denoise, noise, self.schedule, request.steps, on_step)
                lesion = lesion * self.denoiser.latent_scale
            with clock("decode"):
                # Subtracting what the decoder makes of the place cancels what it does not get right of the scan itself.
                change = self.thrift.decode(self.autoencoder, latent + lesion).float() - place.decoded
        return change[0, 0].cpu().numpy()  # type: ignore[no-any-return]

    def _tensor(self, image: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(image))[None, None].to(self.device)


def _draws(usual: int, region: Region) -> int:
    """How often a lesion may be drawn, so that it takes about as long in a region of any size."""
    return int(np.clip(round(usual * DRAWS_MM**3 / region.ct.size), *DRAWS)) if usual > 1 else 1


def _fingerprint(ct: Volume) -> bytes:
    """Of a scan's voxels, HU scale and place: an edited scan is another one, whichever object holds it."""
    fortran = ct.data.flags.f_contiguous
    voxels = np.ascontiguousarray(ct.data.T if fortran else ct.data)  # no copy of a Slicer scan
    found = hashlib.sha256(voxels.data)
    found.update(repr((ct.data.shape, ct.data.dtype.str, fortran, ct.slope, ct.intercept)).encode())
    found.update(ct.affine.tobytes())
    return found.digest()


class _Clock:
    """Seconds per stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start
