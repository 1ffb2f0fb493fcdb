"""A scan, a mask and a text in; the scan with the described tumour out. A reader of the library starts here.

volume -> region -> filled -> latent -> denoised under the text -> decoded -> composited -> volume
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import Tensor

from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.attributes import Attributes, measure_in
from TextoMorphLib.models import bundle, conditions, contours, samplers
from TextoMorphLib.models.denoiser import depth_channels
from TextoMorphLib.models.device import autocast, resolve
from TextoMorphLib.models.memory_fallback import Thrift
from TextoMorphLib.models.samplers import Progress
from TextoMorphLib.models.schedule import Schedule
from TextoMorphLib.models.seed_fields import latent_noise
from TextoMorphLib.spatial.compositing import paste
from TextoMorphLib.spatial.region import diameters_mm, resampled
from TextoMorphLib.spatial.texturing import paste_textured
from TextoMorphLib.synthesis import candidates, phase, textures, unsaid
from TextoMorphLib.synthesis.candidates import Candidate, Place, Request
from TextoMorphLib.synthesis.drawing import Drawn, Wanted, drawn, drawn_together, textured
from TextoMorphLib.synthesis.finishing import finished, outlined
from TextoMorphLib.synthesis.published import PublishedSynthesizer
from TextoMorphLib.synthesis.request import check_request
from TextoMorphLib.synthesis.result import LESION_SEEDS, Clock, Synthesis, device_name, versions
from TextoMorphLib.synthesis.scene import Scene, as_lying, key_of, look_at
from TextoMorphLib.text import effects, encoders, plausibility
from TextoMorphLib.text.concepts import ATTRIBUTES, as_drawn
from TextoMorphLib.text.understanding import MARKED, Understanding, understand

Mask = np.ndarray | None
AT_ONCE = 8
CANDIDATE_SEEDS = 7_919_000_003  # from a lesion's seed to its next candidate's


class Synthesizer:
    """A loaded model that puts described tumours into scans.

    What it learns of a scan and a mask is kept for the next text: only the first tumour at a place pays for it.

    Attributes:
        at_once: How many lesions of one size are drawn together. A processor is no faster for it, and 1 draws them one
            by one; on a graphics card they share each look of the networks, and may round otherwise than one alone.
    """

    def __init__(self, model: bundle.Bundle, text: encoders.TextEncoder, device: torch.device) -> None:
        self.model, self.text, self.device = model, text, device
        self.autoencoder, self.classifier, self.denoiser = model.autoencoder, model.classifier, model.denoiser
        self.thrift = Thrift(device, self._move)
        self.schedule = Schedule(**model.config["schedule"])
        self.at_once = AT_ONCE if device.type == "cuda" else 1
        self._known: Scene | None = None
        self._placed: torch.device | None = None

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
        texture: bool = True,
        replace: bool = False,
        exclude: np.ndarray | None = None,
        within: np.ndarray | None = None,
        hedges: str = MARKED,
    ) -> Synthesis:
        """Puts a tumour as the text describes it where the mask is.

        Args:
            ct: The scan, HU.
            mask: Boolean, of the scan's shape; each component far from the others becomes a lesion of its own.
            text: Terms or sentences.
            organ: liver, pancreas or kidney; decides which terms are looked for, and what is usual if nothing is said.
            seed: Same inputs, seed and device give the same result.
            steps: Sampling steps, 1 to 200; the preset's if None.
            guidance: Classifier-free guidance scale; the preset's if None.
            progress: Called with (steps done, steps there may be in all); may raise, or return False to cancel.
            preset: "preview" (fastest) or "final", which where something asked does not hold tries other candidates.
            terms: Whether what rules understand of the text is taken as said, and nothing else; if not, the text is the
                model's attribute classifier's alone.
            texture: Whether lesions get the texture of real ones, where the model has it for the organ.
            replace: The mask holds a tumour that is to be replaced: healthy tissue is judged from outside it alone.
            exclude: Boolean, of the scan's shape: what else is no healthy tissue, such as other lesions.
            within: Likewise, the organ, where it is known: healthy tissue is judged in it alone.
            hedges: What doubt in the text counts for: "said", "marked" or "ignored".

        Returns:
            The synthetic scan, the input's farther than 4 mm outside the mask, and its report.

        Raises:
            InputError: Empty text, unknown organ or preset, a mask that does not fit, or numbers out of range.
            Cancelled: `progress` returned False.
        """
        check_request(text, organ, seed, steps, guidance, preset, self.schedule.timesteps)
        clock = Clock()
        with clock("text"):
            meant = understand(text, organ, hedges)
            said = self.read(text, meant if terms else None)
        request = self._request(said, meant, organ, self.model.preset(preset), steps, guidance, texture)

        volume, found, warnings = self.thrift.run(
            lambda: self._drawn(self._scene(ct, mask, replace, exclude, within, clock), request, seed, progress, clock)
        )
        lesions = tuple(best.lesion for best in found)
        warnings += plausibility.differences(meant, diameters_mm(ct, mask), [one.mean_hu for one in lesions])
        told = {"seed": seed, "replace": replace, "warnings": list(dict.fromkeys(warnings))}
        report = {**self._told(text, request, meant), **told, "seconds": clock.rounded(), **candidates.told(found)}
        return Synthesis(volume, report, lesions)

    def patch(
        self,
        hu: np.ndarray,
        mask: np.ndarray,
        text: str,
        organ: str = "liver",
        seed: int = 0,
        spacing_mm: float = 1.0,
        preset: str = "preview",
    ) -> np.ndarray:
        """Puts a tumour into a patch, for training: what `synthesize` draws, but nothing is hashed, kept or reported.

        Args:
            hu: The patch, axes towards Right, Anterior and Superior.
            mask: Boolean, of its shape.
            text: As in `synthesize`,
            organ: and so here,
            seed: here,
            spacing_mm: Of the patch's voxels.
            preset: As in `synthesize`; "preview" measures nothing.

        Returns:
            HU with the tumour, float32.
        """
        check_request(text, organ, seed, None, None, preset)
        meant, clock = understand(text, organ), Clock()
        request = self._request(self.read(text, meant), meant, organ, self.model.preset(preset), None, None, True)
        ct = Volume.from_array(np.asarray(hu, np.float32), np.diag([*[spacing_mm] * 3, 1.0]))
        made, *_ = self.thrift.run(
            lambda: self._drawn(look_at(ct, mask, clock, self._encoded), request, seed, None, clock)
        )
        return made.hu()  # type: ignore[no-any-return]

    def _request(
        self,
        said: Tensor,
        meant: Understanding,
        organ: str,
        usual: dict[str, Any],
        steps: int | None,
        guidance: float | None,
        texture: bool,
    ) -> Request:
        """What is asked of every lesion; what is None is the preset's."""
        after = self.model.config.get("drawn_after", [])
        drawn = as_drawn(meant.description).items()
        ruled = {kind: {value: 1.0} for kind, value in drawn if kind in after and value != ATTRIBUTES[kind].default}
        return Request(
            said,
            {**self.classifier.understood(said[0]), **ruled},
            list(meant.mentions),
            organ,
            samplers.load(str(usual.get("sampler", "dpm_solver"))),
            int(usual["steps"] if steps is None else steps),
            float(usual["guidance"] if guidance is None else guidance),
            int(usual["candidates"]),
            texture and self.model.texture is not None and organ in self.model.config["texture"]["organs"],
            conditions.tokens(self.denoiser, self.text, meant.text),
        )

    def _told(self, text: str, request: Request, meant: Understanding) -> dict[str, Any]:
        """What a report says of the text, the settings and the model."""
        left = self.model.choice("unsaid")
        return {
            "synthetic": True,
            "text": text,
            "terms": [mention.name for mention in request.mentions],
            "understood": request.understood,
            "drawn_by_rule": [kind for kind in self.model.config.get("drawn_after", []) if kind in request.understood],
            "understanding": meant.as_dict(),
            **effects.told(meant, self.classifier.kinds, self._unlearned(meant), request.tokens is not None, left),
            "organ": request.organ,
            "steps": request.steps,
            "guidance": request.guidance,
            "texture": request.textured,
            "model": {"name": self.model.name, "sha256": self.model.sha256},
            "versions": versions(),
            "device": device_name(self.device),
            "notes": [*meant.warnings(), *unsaid.told(request), *self._unknown(meant, request)],
        }

    def _drawn(
        self, scene: Scene, request: Request, seed: int, progress: Progress | None, clock: Clock
    ) -> tuple[Volume, list[Candidate], list[str]]:
        """The scan with all lesions, each of them, and what is doubtful."""
        scene = as_lying(scene, request.understood)
        volume, found, warnings = scene.healthy, list[Candidate](), list(scene.warnings)
        most = [request.most(place.region) for place in scene.places]
        seen = [phase.seen(request, place.parenchyma_hu, self.classifier) for place in scene.places]
        requests = [here for here, _ in seen]
        told = 0

        def tell(done: int) -> None:
            nonlocal told
            if progress is not None and done > told and progress(done, sum(most) * request.steps) is False:
                raise Cancelled("cancelled")
            told = max(told, done)

        ahead = self._ahead(scene.places, requests, seed, lambda _: tell(told + 1), clock)
        for lesion in range(len(scene.places)):
            before, own_seed = sum(most[:lesion]), seed + lesion * LESION_SEEDS

            def draw(number: int, guidance: float, into: Volume = volume, lesion: int = lesion) -> Candidate:
                so_far = (before + number - 1) * request.steps  # noqa: B023 - drawn within this turn of the loop
                leaning = dataclasses.replace(requests[lesion], guidance=guidance)
                first = ahead.pop(lesion, None) if number == 1 else None
                where = (into, scene.places[lesion], leaning, own_seed, number)  # noqa: B023
                return self._candidate(*where, lambda done: tell(so_far + done), clock, first)

            best, hopeless = candidates.best(draw, request.guidance, most[lesion])
            tell(sum(most[: lesion + 1]) * request.steps)
            volume = best.volume
            found.append(best)
            doubts = [*scene.places[lesion].doubts(requests[lesion]), *seen[lesion][1], *hopeless]
            warnings += [f"lesion {lesion + 1}: {each}" if len(most) > 1 else each for each in doubts]
        return volume, found, warnings

    def _ahead(
        self, places: list[Place], requests: list[Request], seed: int, on_step: Any, clock: Clock
    ) -> dict[int, Drawn]:
        """The first candidates of lesions, drawn together where that is quicker, by the lesions' numbers."""
        if self.at_once == 1 or self.thrift.parts:
            return {}
        several = enumerate(zip(places, requests, strict=True))
        wanted = [self._wanted(place, request, seed + number * LESION_SEEDS) for number, (place, request) in several]
        return drawn_together(self.model, self.thrift, self.schedule, wanted, self.at_once, on_step, clock)

    def _wanted(self, place: Place, request: Request, seed: int) -> Wanted:
        """A lesion to draw, of a seed."""
        noise = latent_noise(place.filled.shape, seed, self.denoiser.latent_channels)
        return Wanted(outlined(place, noise, request, self.denoiser.latent_channels), request, noise)

    def _candidate(
        self,
        volume: Volume,
        place: Place,
        request: Request,
        seed: int,
        number: int,
        on_step: Any,
        clock: Clock,
        ahead: Drawn | None,
    ) -> Candidate:
        """One lesion, put into the scan and measured there; `ahead` is what was drawn of it before."""
        own_seed = seed + (number - 1) * CANDIDATE_SEEDS
        if ahead is None:
            wanted = self._wanted(place, request, own_seed)
            (lesion,) = drawn(self.model, self.thrift, self.schedule, [wanted], on_step, clock)
        else:
            wanted, lesion = ahead
        region, around, place, noise = place.region, place.surroundings, wanted.place, wanted.noise
        with clock("composite"):
            stands_out = bool(self.model.config.get("structures"))
            delta = unsaid.as_usual(lesion.delta, place, request, seed)
            delta = finished(delta, place, region.depth, noise, request, stands_out, lesion.words)
            own = place.kept(request)
            kept = np.maximum(place.vessels, own) if request.vessels else own
            made = self._pasted(volume, place, delta, request, kept, own_seed)

        def look() -> Attributes:
            with clock("measure"):
                return measure_in(around, resampled(made, region), own)

        return Candidate(made, number, look, request.mentions)

    def _pasted(
        self, volume: Volume, place: Place, delta: np.ndarray, request: Request, kept: np.ndarray, seed: int
    ) -> Volume:
        """A lesion in the scan; with the texture of real ones where the model has it for such a lesion."""
        region, covariance = place.region, place.covariance
        # An outline of its own needs the room outside the mask, however sharp it is.
        sharp = 0.0 if contours.changed(request.understood) else request.sharp
        if not textured(request, region):
            return paste(volume, region, place.filled, delta, seed, covariance, kept, sharp)
        assert self.model.texture is not None
        config = self.model.config["texture"]
        covariance = textures.noise_in(config, place.site, covariance, request.understood)
        where = (place.site, volume, region, place.filled, delta, covariance, place.parenchyma_hu)
        texture = textures.made(self.model.texture, config, *where, request.understood, seed, self.device)
        return paste_textured(volume, region, place.filled, delta, seed, covariance, texture, kept, sharp)

    def _move(self, device: torch.device) -> None:
        """Brings the networks that draw to a device, if they are not there."""
        if device == self._placed:
            return
        self._placed = None  # until all of them are there: the memory may end midway
        for network in (self.autoencoder, self.denoiser, self.model.texture):
            if network is not None:
                network.to(device)
        self._placed = device
        if device != self.device:
            self.device, self._known = device, None

    def _scene(self, ct: Volume, mask: np.ndarray, replace: bool, exclude: Mask, within: Mask, clock: Clock) -> Scene:
        """What is to be known of a scan and a mask; computed once for the last of them."""
        with clock("recognise"):
            key = key_of(ct, replace, exclude, within)
            if self._known is None or self._known.key != key or not np.array_equal(self._known.mask, mask):
                self._known = None
        if self._known is None:
            self._known = look_at(ct, mask, clock, self._encoded, replace, exclude, within, key)
        return self._known

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
            drawn = as_drawn(meant.description)
            if self.model.choice("unsaid") == "unknown":
                return self.classifier.said([drawn])
            return self.classifier.told(self.classifier.vectors([{}]), drawn)
        tokens = self.text.encode([text])
        return self.classifier(tokens.hidden, tokens.mask)  # type: ignore[no-any-return]

    def _unlearned(self, meant: Understanding) -> list[tuple[str, str]]:
        """What the text says and the model knows no value for."""
        after = self.model.config.get("drawn_after", [])
        return self.classifier.unknown({kind: said for kind, said in meant.description.items() if kind not in after})

    def _unknown(self, meant: Understanding, request: Request) -> list[str]:
        """What is asked and the model does not know, and what it does to save memory, in words."""
        spared = [self.thrift.note] if self.thrift.note else []
        without = f"the model {self.model.name} does not know"
        missing = [f"{without} {kind} '{value}'; drawn without" for kind, value in self._unlearned(meant)]
        return [*missing, *conditions.untold(self.denoiser, request.organ), *spared]

    def _tensor(self, image: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(image))[None, None].to(self.device)
