"""What has a denoiser learned of the words that rules draw, too, in places that it never saw?

    python Testing/experiments/learned_words.py --model MODEL [--place CT MASK ORGAN] [--sizes 20,32,50] [--count 2]

Lesions are rendered with and without each word where each mask says and in invented anatomy of each organ, by seeds
that no training uses. The denoiser draws them in one look, no rule in it. For each word and size, means: the loss of
the training at pure noise of the lesion with the word, drawn without it and with it, and that of the lesion without
the word, drawn so (what is left to be learned of the rest); how much of the HU that the rule would change on what the
denoiser drew it changes by itself ("reached", the share along the rule's change, in the mask), the correlation of both
changes, and in how much of what the rule moves by more than 10 HU the network's own drawing stays ("stands").
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from rendered_pairs import SEED, Place, read

from TextoMorphLib.io.patient_position import ON_BACK
from TextoMorphLib.models import bundle, conditions, word_structures
from TextoMorphLib.models.bundle import Bundle
from TextoMorphLib.models.denoiser import depth_channels, field_channels
from TextoMorphLib.models.device import autocast
from TextoMorphLib.models.word_structures import NEAR_HU, Word
from TextoMorphLib.simulation.backgrounds import background_crop, real_crop
from TextoMorphLib.simulation.examples import Example, place
from TextoMorphLib.simulation.organ_backgrounds import INVENTED
from TextoMorphLib.training.diffusion_batches import OUTSIDE_WEIGHT
from TextoMorphLib.training.diffusion_losses import LEAST_POWER
from TextoMorphLib.training.word_examples import plain_of

CONTEXT_MM = 24
MOVED_HU = 10.0


def example_of(where: Place, word: Word, mm: int, number: int) -> Example:
    """A place for a lesion of a size: always the same one."""
    _, organ, scan = where
    rng = np.random.default_rng([SEED, len(organ), mm, word_structures.WORDS.index(word), number])
    side = 16 * -(-(mm + CONTEXT_MM) // 16)
    crop = background_crop([], side, rng, 1.0, organ) if scan is None else real_crop([scan], side, rng)
    return place(crop, rng, organ=organ, diameter_mm=mm)


@torch.inference_mode()
def found(model: Bundle, example: Example, word: Word) -> tuple[float, ...]:
    """The three losses, reached, correlation, and stands."""
    plain = plain_of({word[0]: word[1]})
    said = {kind: {value: 1.0} for kind, value in {**plain, word[0]: word[1]}.items()}
    lesions = [example.render(plain), example.render({**plain, word[0]: word[1]})]
    images = [example.background, *(example.background + lesion for lesion in lesions)]
    denoiser, depth = model.denoiser, torch.from_numpy(example.depth)[None, None]
    shown = depth_channels(depth)
    fields = field_channels(example.noise, shown, depth.amax().view(1), denoiser.prior_numbers)
    last = torch.full((1,), int(model.config["schedule"]["timesteps"]) - 1)
    with autocast(torch.device("cpu")):
        encode = model.autoencoder.encode
        latents = torch.cat([encode(torch.from_numpy(image)[None, None]) for image in images]).float()
        condition = torch.cat([latents[:1], shown], 1)
        where, asked = torch.cat([condition, fields], 1), model.classifier.vectors((plain,))
        organ = denoiser.organ_vector(example.organ)[None]
        drawn = denoiser(example.noise, last, where, asked, organ=organ).float() * denoiser.latent_scale
        worded = conditions.worded(denoiser, drawn, condition, example.noise, example.depth, said, ON_BACK)
        both = torch.cat([latents[:1], latents[:1] + drawn, latents[:1] + worded])
        hu = torch.cat([model.autoencoder.decode(each[None]) for each in both]).float()[:, 0].numpy()
    near = (shown[:, 1:2] > -0.5).float()
    weight = near + OUTSIDE_WEIGHT * (1 - near)

    def loss(made: torch.Tensor, clean: torch.Tensor) -> float:
        parts = [(each / denoiser.latent_scale).square() * weight for each in (made - clean, clean)]
        error, size = (float(part.sum() / weight.sum() / made.shape[1]) for part in parts)
        return error / (size + LEAST_POWER)

    before, after = latents[1:2] - latents[:1], latents[2:] - latents[:1]
    delta, inside = hu[1] - hu[0], example.depth > 0
    filled = example.background
    rule = (word_structures.drawn(delta, filled, example.depth, example.noise, said) - delta)[inside]
    own, moved = (hu[2] - hu[1])[inside], np.abs(rule) > MOVED_HU
    reached = float(own @ rule / (rule @ rule))
    alike = float(np.corrcoef(own, rule)[0, 1]) if own.any() else 0.0
    stands = float(np.mean(np.abs(own - rule)[moved] <= NEAR_HU)) if moved.any() else 0.0
    return loss(drawn, after), loss(worded, after), loss(drawn, before), reached, alike, stands


def main() -> None:
    """Prints the table, and writes every lesion."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--place", nargs=3, action="append", default=[], metavar=("CT", "MASK", "ORGAN"))
    parser.add_argument("--sizes", default="20,32,50")
    parser.add_argument("--count", type=int, default=2)
    parser.add_argument("--invented", action="store_true", help="in invented organs, too")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    model = bundle.load(given.model)
    wheres: list[Place] = [read(Path(ct), Path(mask), organ) for ct, mask, organ in given.place]
    wheres += [(f"{organ}, invented", organ, None) for organ in INVENTED if given.invented]
    rows = []
    print("| word | mm | loss without it | loss with it | loss of the rest | reached | alike | stands |")
    print(f"|{'---|' * 8}")
    for word in word_structures.WORDS:
        for mm in (int(size) for size in given.sizes.split(",")):
            every = [(where, number) for where in wheres for number in range(given.count)]
            numbers = np.array([found(model, example_of(where, word, mm, n), word) for where, n in every])
            rows += [
                {"word": word, "mm": mm, "place": where[0], "found": row.tolist()}
                for (where, _), row in zip(every, numbers, strict=True)
            ]
            told = " | ".join(f"{value:.3f}" for value in numbers.mean(0)[:3])
            shares = " | ".join(f"{value:.2f}" for value in numbers.mean(0)[3:])
            print(f"| {word[0]} {word[1]} | {mm} | {told} | {shares} |", flush=True)
    if given.json:
        given.json.write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
