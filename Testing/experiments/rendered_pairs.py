"""How near does a denoiser's first look come to the lesions that it is taught by, in places that it never saw?

    python Testing/experiments/rendered_pairs.py --model starter --model OTHER [--place CT MASK ORGAN] [--count 24]

Lesions of random attributes are rendered where each mask says, in the scan as it is, and in invented anatomy of each
organ, by seeds that no training uses; each denoiser draws them from the same noise in one step, told the attributes
and, if it knows any, the organ. No rule, emphasis or further candidate is in it. For each place and model: the loss
of the training at pure noise, how far the lesion's mean is off, and the root of the mean square in the mask, HU; with
two models, too, in how many the second is nearer (root mean square), and Wilcoxon's p. Densities are said, so that
both models are asked the same: what is not said has the organ's own density since the organ is told. `--describe
KIND=VALUE,...` asks of one description instead of random ones (`--describe ""`: of nothing said).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models import bundle
from TextoMorphLib.models.bundle import Bundle
from TextoMorphLib.models.denoiser import depth_channels, field_channels
from TextoMorphLib.models.device import autocast
from TextoMorphLib.simulation.backgrounds import Scan, background_crop, on_1mm_grid, real_crop
from TextoMorphLib.simulation.examples import Example, place, random_description
from TextoMorphLib.simulation.organ_backgrounds import INVENTED
from TextoMorphLib.text.concepts import Description
from TextoMorphLib.training.diffusion_batches import OUTSIDE_WEIGHT
from TextoMorphLib.training.diffusion_losses import LEAST_POWER

SEED = 104_729  # of these places; no configuration has it
SIZE_MM = 64
Place = tuple[str, str, Scan | None]  # name, organ, and the scan; None where the anatomy is invented


def read(ct: Path, mask: Path, organ: str) -> Place:
    """A scan and where in it the organ is."""
    inside = on_1mm_grid(Volume.read(mask)) > 0.5
    sites = np.argwhere(inside).astype(np.int32)
    return f"{organ}, {ct.name.split('.')[0]}", organ, Scan(ct.name, on_1mm_grid(Volume.read(ct)), sites)


def examples(where: Place, count: int, told: Description | None) -> Iterator[tuple[Example, Description]]:
    """Lesions of one place: always the same ones."""
    _, organ, scan = where
    for number in range(count):
        rng = np.random.default_rng([SEED, len(organ), number])
        crop = background_crop([], SIZE_MM, rng, 1.0, organ) if scan is None else real_crop([scan], SIZE_MM, rng)
        example, drawn = place(crop, rng, organ=organ), random_description(rng)
        while drawn["density"] == "default" and drawn["content"] in ("solid", "haemorrhagic"):
            drawn = random_description(rng)
        yield example, drawn if told is None else told


@torch.inference_mode()
def errors(model: Bundle, example: Example, description: Description) -> tuple[float, float, float]:
    """The training's loss, the mean's error and the root mean square in the mask, HU, of the one-step estimate."""
    truth = example.render(description)
    images = torch.from_numpy(np.stack([example.background, example.background + truth]))[:, None]
    denoiser, depth = model.denoiser, torch.from_numpy(example.depth)[None, None]
    shown, deepest = depth_channels(depth), depth.amax().view(1)
    fields = field_channels(example.noise, shown, deepest, denoiser.prior_numbers)
    said = model.classifier.vectors((description,))
    last = torch.full((1,), int(model.config["schedule"]["timesteps"]) - 1)
    with autocast(torch.device("cpu")):
        latents = model.autoencoder.encode(images).float()
        where = torch.cat([latents[:1], shown, fields], 1)
        organ = denoiser.organ_vector(example.organ)[None]
        estimate = denoiser(example.noise, last, where, said, organ=organ).float()
        both = torch.cat([latents[:1] + estimate * denoiser.latent_scale, latents[:1]])
        decoded = model.autoencoder.decode(both).float()[:, 0].numpy()
    clean = (latents[1:] - latents[:1]) / denoiser.latent_scale
    near = (shown[:, 1:2] > -0.5).float()
    weight = near + OUTSIDE_WEIGHT * (1 - near)
    loss = _power(estimate - clean, weight) / (_power(clean, weight) + LEAST_POWER)
    off = (decoded[0] - decoded[1] - truth)[example.depth > 0]
    return float(loss), float(off.mean()), float(np.sqrt(np.square(off).mean()))


def _power(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return (values.square() * weight).sum() / weight.sum() / values.shape[1]


def description_of(text: str) -> Description:
    """`kind=value,kind=value` as a description."""
    return dict(part.split("=", 1) for part in text.split(",") if part)  # type: ignore[return-value]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--place", nargs=3, action="append", default=[], metavar=("CT", "MASK", "ORGAN"))
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--describe", type=description_of)
    given = parser.parse_args()
    models = [bundle.load(name) for name in given.model]
    wheres: list[Place] = [read(Path(ct), Path(mask), organ) for ct, mask, organ in given.place]
    wheres += [(f"{organ}, invented", organ, None) for organ in INVENTED]
    print("| place | model | loss | mean off, HU | mean off at all, HU | RMS, HU | nearer |")
    print(f"|{'---|' * 7}")
    for where in wheres:
        found = np.array([[errors(m, *each) for m in models] for each in examples(where, given.count, given.describe)])
        for number, name in enumerate(given.model):
            loss, off, rms = found[:, number].T
            nearer = ""
            if number:
                p = stats.wilcoxon(rms, found[:, 0, 2]).pvalue
                nearer = f"{np.sum(rms < found[:, 0, 2])} of {len(rms)}, p = {p:.2g}"
            told = f"{loss.mean():.3f} | {off.mean():+.1f} | {np.abs(off).mean():.1f} | {rms.mean():.1f}"
            print(f"| {where[0]} | {Path(name).name} | {told} | {nearer} |", flush=True)


if __name__ == "__main__":
    main()
