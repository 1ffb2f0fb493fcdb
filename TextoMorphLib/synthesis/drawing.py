"""From noise to a lesion's HU, as words and place ask for it: one lesion, or several of one size at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from TextoMorphLib.models import conditions
from TextoMorphLib.models.bundle import Bundle
from TextoMorphLib.models.device import autocast
from TextoMorphLib.models.memory_fallback import Thrift
from TextoMorphLib.models.samplers import guided, steadied
from TextoMorphLib.models.schedule import Schedule
from TextoMorphLib.spatial.geometry import along_patient, ball_mm, smallness
from TextoMorphLib.spatial.region import Region
from TextoMorphLib.synthesis import textures
from TextoMorphLib.synthesis.candidates import Place, Request
from TextoMorphLib.synthesis.result import Clock
from TextoMorphLib.text.concepts import share


@dataclass(frozen=True)
class Wanted:
    """A lesion to draw.

    Attributes:
        place: Where, with the outline that the text asks for.
        request: What is asked.
        noise: [1, C, x, y, z], of its seed.
    """

    place: Place
    request: Request
    noise: Tensor


WALLS = ("wall", "wall_thickness")  # kinds


@dataclass(frozen=True)
class Lesion:
    """What the networks have drawn, on the region's grid, noise free.

    Attributes:
        delta: Lesion minus the filled background, HU, without the words that layers of their own draw.
        words: What these add, HU; None where the text asks for none of them.
    """

    delta: np.ndarray
    words: np.ndarray | None = None


Drawn = tuple[Wanted, Lesion]


@torch.inference_mode()
def drawn(
    model: Bundle,
    thrift: Thrift,
    schedule: Schedule,
    wanted: Sequence[Wanted],
    on_step: Callable[[int], None],
    clock: Clock,
) -> list[Lesion]:
    """Lesions of several places.

    Args:
        model: Its networks are on the device of the places' conditions.
        thrift: How sparing with memory they are run.
        schedule: The model's.
        wanted: Lesions whose regions have one shape, with the same sampler, steps and guidance.
        on_step: Called with the number of steps done, after each; may raise to stop.
        clock: Gets the seconds of "diffusion" and "decode".
    """
    request, denoiser = wanted[0].request, model.denoiser
    device = wanted[0].place.condition.device
    coupled = model.choice("noise") == "coupled"
    said = torch.cat([_said(model, each) for each in wanted]).to(device)
    shown = [
        conditions.shown(
            denoiser,
            each.place.condition,
            each.noise.to(device),
            float(each.place.region.depth.max()),
            coupled,
            each.request.understood,
        )
        for each in wanted
    ]
    where, noise = (torch.cat(parts) for parts in zip(*shown, strict=True))
    told = [
        conditions.told(denoiser, _voxel_mm(each.place), each.request.tokens, each.request.organ) for each in wanted
    ]
    more, nothing = (tuple(map(torch.cat, zip(*parts, strict=True))) for parts in zip(*told, strict=True))
    with_and_no_text = torch.cat([said, torch.zeros_like(said)])
    both = torch.cat([where, where])
    more_and_none = tuple(torch.cat(parts) for parts in zip(more, nothing, strict=True))
    with autocast(device):

        def with_and_without(noisy: Tensor, now: Tensor) -> Tensor:
            return thrift.each(denoiser)(noisy, now, both, with_and_no_text, *more_and_none).float()

        def with_text(noisy: Tensor, now: Tensor) -> Tensor:
            return denoiser(noisy, now, where, said, *more).float()  # type: ignore[no-any-return]

        denoise = with_text if request.guidance == 1 else guided(with_and_without, request.guidance)
        with clock("diffusion"):
            if coupled:  # the first look is what was learned; others refine it
                denoise = steadied(denoise)
            lesions = request.sampler(denoise, noise, schedule, request.steps, on_step) * denoiser.latent_scale
        with clock("decode"):  # minus what the decoder makes of the place: what it gets wrong of that cancels
            filled = torch.cat([each.place.condition[:, : denoiser.latent_channels] for each in wanted])
            decoded = torch.cat([each.place.decoded for each in wanted])
            whole = thrift.decode(model.autoencoder, filled + lesions).float()
            made = [Lesion(delta) for delta in (whole - decoded)[:, 0].cpu().numpy()]
        return list(map(partial(_worded, model, thrift, clock), wanted, made, whole.split(1), lesions.split(1)))


def _worded(
    model: Bundle, thrift: Thrift, clock: Clock, wanted: Wanted, lesion: Lesion, whole: Tensor, latent: Tensor
) -> Lesion:
    """A lesion with what the denoiser's layers for further words add, where its text asks for any."""
    condition, region = wanted.place.condition, wanted.place.region
    with clock("diffusion"):
        noise, said = wanted.noise, wanted.request.understood
        worded = conditions.worded(model.denoiser, latent, condition, noise, region.depth, said, region.up)
    if worded is latent:
        return lesion
    with clock("decode"):
        filled = condition[:, : model.denoiser.latent_channels]
        added = thrift.decode(model.autoencoder, filled + worded).float() - whole
    return Lesion(lesion.delta, added[0, 0].cpu().numpy())


def drawn_together(
    model: Bundle,
    thrift: Thrift,
    schedule: Schedule,
    wanted: Sequence[Wanted],
    most: int,
    on_step: Callable[[int], None],
    clock: Clock,
) -> dict[int, Drawn]:
    """Lesions by their numbers in `wanted`: those of one shape together, `most` at once; for the rest as `drawn`."""
    by_size: dict[tuple[int, ...], list[int]] = {}
    for number, each in enumerate(wanted):
        by_size.setdefault(each.place.filled.shape, []).append(number)
    found: dict[int, Drawn] = {}
    for alike in by_size.values():
        for start in range(0, len(alike), most):
            numbers = alike[start : start + most]
            part = [wanted[number] for number in numbers]
            made = drawn(model, thrift, schedule, part, on_step, clock)
            found |= zip(numbers, zip(part, made, strict=True), strict=True)
    return found


def textured(request: Request, region: Region) -> bool:
    """Whether a lesion gets a texture of its own: one that is asked for, and room for it."""
    return request.textured and ball_mm(np.count_nonzero(region.depth > 0)) >= textures.LEAST_TEXTURED_MM


def _said(model: Bundle, wanted: Wanted) -> Tensor:
    """[1, concepts]: what the text says, with the model's emphasis, which small lesions have no room for."""
    request, region = wanted.request, wanted.place.region
    asked, emphasis = request.said, dict(model.config.get("emphasis", {}))
    if textured(request, region):  # what varies inside comes later
        asked = model.classifier.told(asked, {"texture": "homogeneous"})
    elif model.config.get("structures") and share(request.understood, "texture", "heterogeneous") >= textures.SURE:
        for kind in WALLS:  # driven so far they take the texture away, and a rule makes them stand out as well
            emphasis.pop(kind, None)
    diameter = ball_mm(np.count_nonzero(region.depth > 0))
    room = 1 - smallness(diameter)
    return model.classifier.emphasised(asked, {kind: 1 + room * (most - 1) for kind, most in emphasis.items()})


def _voxel_mm(place: Place) -> Tensor:
    return torch.from_numpy(along_patient(place.healthy.affine)).float()[None]
