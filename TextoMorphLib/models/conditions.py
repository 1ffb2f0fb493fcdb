"""What a denoiser is shown of a place, a seed and a text, as its bundle says that it learned."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from TextoMorphLib.io.patient_position import Up
from TextoMorphLib.models import structures, word_structures
from TextoMorphLib.models.denoiser import Denoiser, field_channels, without_fields
from TextoMorphLib.models.seed_fields import unrelated
from TextoMorphLib.models.word_layers import shape_channels
from TextoMorphLib.text.encoders import TextEncoder


def shown(
    denoiser: Denoiser, condition: Tensor, noise: Tensor, deepest: float, coupled: bool, said: structures.Said
) -> tuple[Tensor, Tensor]:
    """The place and the noise to start from.

    Args:
        denoiser: The model's.
        condition: [1, C + 4, x, y, z]: the filled region's latent and the depth channels.
        noise: [1, C, x, y, z] of the seed, on the same device.
        deepest: The mask's deepest point, mm.
        coupled: Whether the random fields of that noise are shown, and it is started from. If not, as for models that
            learned from real lesions, whose texture no field made, other noise is, and only hints of rare words are
            shown of the fields.
        said: What the text says: kinds, and the probabilities of their values.

    Returns:
        [1, C + 4 + 96, x, y, z] and [1, C, x, y, z].
    """
    depth = condition[:, denoiser.latent_channels :]
    numbers = structures.room(denoiser.prior_numbers, said, deepest)
    fields = field_channels(noise, depth, torch.tensor([deepest]), numbers)
    if not coupled:
        fields, noise = without_fields(fields), unrelated(noise).to(noise.device)
    return torch.cat([condition, fields], 1), noise


def worded(
    denoiser: Denoiser,
    lesion: Tensor,
    condition: Tensor,
    noise: Tensor,
    depth: np.ndarray,
    said: structures.Said,
    up: Up,
) -> Tensor:
    """A lesion's latent with the words that the denoiser has layers of their own for.

    Args:
        denoiser: The model's.
        lesion: [1, C, x, y, z] minus that of the filled region, as it was drawn without them.
        condition: [1, C + 4, x, y, z]: the filled region's latent and the depth channels.
        noise: [1, C, x, y, z] of the seed.
        depth: Signed distance to the lesion's border, mm, positive inside.
        said: What the text says: kinds, and the probabilities of their values.
        up: Which way is up in the patient.

    Returns:
        [1, C, x, y, z]; the same tensor where the text asks for none of these words.
    """
    layers = denoiser.told
    for word, share in word_structures.words_of(said).items():
        if layers is not None and word in layers.words:
            shape = shape_channels(word_structures.shape(word, depth, noise, said, up))[None].to(lesion.device)
            asked = layers.vector(word)[None].to(lesion.device)
            lesion = lesion + share * layers(lesion, condition, shape, asked).float()
    return lesion


def tokens(denoiser: Denoiser, encoder: TextEncoder, text: str) -> Tensor | None:
    """[1, L, width]: a text's tokens, for a denoiser that is shown them."""
    if not denoiser.text_width:
        return None
    found = encoder.encode([text])
    return found.hidden[:, : int(found.mask.sum())]


def told(
    denoiser: Denoiser, voxel_mm: Tensor, words: Tensor | None, organ: str | None
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """What else a denoiser is told: nothing, or the size of the scan's voxels [1, 3], words [1, L, width], the organ.

    Returns:
        For the text, and for no text.
    """
    if denoiser.voxels is None and denoiser.organs is None and not denoiser.text_width:
        return (), ()
    device = denoiser.latent_scale.device
    words = (torch.zeros(1, 1, max(denoiser.text_width, 1)) if words is None else words).to(device)
    voxel_mm, where = voxel_mm.to(device), denoiser.organ_vector(organ)[None].to(device)
    return (voxel_mm, words, where), (voxel_mm, torch.zeros_like(words), where)


def untold(denoiser: Denoiser, organ: str) -> list[str]:
    """A note where a denoiser was told of organs, and not of this one."""
    if not denoiser.told_organs or organ in denoiser.told_organs:
        return []
    known = ", ".join(denoiser.told_organs)
    return [f"the model was told of lesions in: {known}; not in the {organ}, where it draws as if no organ were known"]
