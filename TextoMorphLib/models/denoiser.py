"""The denoiser: a 3D diffusion U-Net on the latent, told what lies around, where the lesion goes, and the words.

Conditions (paper, Eq. 1): the noisy latent, the latent of the scan with the lesion's place filled by healthy tissue,
the mask, the random fields of the seed (`seed_fields.py`), hints of rare words (`spatial_priors.py`), the time, and
what the attribute classifier made of the text (`attribute_classifier.py`), which lies inside the mask and scales and
shifts the features of every block. Three more that a model may have: the text encoder's tokens, for what no attribute
names (`conditioning`), the size of the scan's voxels, for what real scans blur (`told_voxels`), and the organ, in which
the same words look different (`told_organs`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from TextoMorphLib.errors import InputError
from TextoMorphLib.models.attribute_classifier import AttributeClassifier
from TextoMorphLib.models.autoencoder import STRIDE
from TextoMorphLib.models.seed_fields import FIELDS, FINER, in_latent_voxels, lesion_fields
from TextoMorphLib.models.spatial_priors import HINTS, PriorNumbers, hints
from TextoMorphLib.models.unet import UNet
from TextoMorphLib.models.word_layers import WordLayers

DEPTH_CHANNELS = 4
FIELD_CHANNELS = (len(FIELDS) - 1) * FINER**3  # the last one is seen as a hint
HINT_CHANNELS = len(HINTS) * FINER**3
CONDITION = 256  # width of the vector that modulates the blocks
WAVES = 64  # sines and cosines of the time
REACH_MM = 8.0  # how far the depth channels tell distances apart
ATTRIBUTES, TOKENS = "attributes", "attributes+tokens"
CONDITIONINGS = (ATTRIBUTES, TOKENS)


def depth_channels(depth: Tensor) -> Tensor:
    """The mask as the denoiser sees it.

    Args:
        depth: [B, 1, X, Y, Z] signed distance to the mask's border in mm, positive inside.

    Returns:
        [B, 4, X/4, Y/4, Z/4]: the fraction of each latent voxel inside the mask; the depth within 8 mm of the border,
        outside and inside, in -1 to 1; the depth relative to the deepest point, 0 to 1; the deepest point's depth.
    """
    low = functional.avg_pool3d(depth, STRIDE)
    deepest = depth.amax(dim=(2, 3, 4), keepdim=True).clamp(min=1.0)
    return torch.cat(
        [
            functional.avg_pool3d((depth > 0).float(), STRIDE),
            (low / REACH_MM).clamp(-1, 1),
            (low / deepest).clamp(0, 1),
            (deepest / 32.0).clamp(max=2.0).expand_as(low),
        ],
        dim=1,
    )


def field_channels(noise: Tensor, depth: Tensor, deepest: Tensor, numbers: PriorNumbers | None = None) -> Tensor:
    """The seed's random fields, and hints of what rare words make of them and of the mask, as the denoiser sees them.

    Args:
        noise: [B, C, x, y, z] the latent noise that sampling starts from.
        depth: [B, 4, x, y, z] what `depth_channels` makes of the mask.
        deepest: [B] the mask's deepest point, mm.
        numbers: What hints are drawn by, the denoiser's `prior_numbers`; today's if None.

    Returns:
        [B, 96, x, y, z]: the eight 2 mm voxels of each field but the last, and of each hint, in a latent's voxel.
    """
    fields = lesion_fields(noise, deepest)
    finer = functional.interpolate(REACH_MM * depth[:, 1:2].float(), scale_factor=FINER, mode="trilinear")[:, 0]
    shown = torch.cat([fields[:, :-1], hints(fields, finer, deepest, numbers)], 1)
    return in_latent_voxels(shown)


def without_fields(channels: Tensor) -> Tensor:
    """What `field_channels` makes, without the random fields; the hints stay.

    For models that learn from real lesions, whose texture no seed made: what they start from is noise alone.
    """
    hidden, shown = channels.split([FIELD_CHANNELS, channels.shape[1] - FIELD_CHANNELS], 1)
    return torch.cat([torch.zeros_like(hidden), shown], 1)


class Denoiser(nn.Module):
    """Estimates the lesion's clean latent from a noisy one (paper, Eq. 2).

    The clean latent is what it predicts, not the noise or v: a lesion is smooth and nothing outside the mask, which is
    learnt in far fewer steps than to give back white noise.

    Args:
        concepts: Length of the classifier's vector.
        hinted: Which of it are the probabilities of `HINTS`.
        latent_channels: Channels of the autoencoder's latent.
        channels: Widths of the U-Net's levels.
        head_channels: Channels of one attention head.
        prior_numbers: Of `PriorNumbers`, those that differ from today's.
        conditioning: "attributes" (the reader's vector), or "attributes+tokens", which adds the text encoder's tokens.
        text_width: Width of a token.
        told_voxels: Whether it is told the size of the scan's voxels.
        told_organs: Organs that it is told of, by their names.
        organ_words: Whether each of them has a say in what the words mean in it, in terms of other words: what is told
            by no word at all is much darker in a kidney than in a liver, as if it were part fluid. What these four
            add is nothing at the start.
        told_words: Words that layers of their own draw afterwards (`word_layers`): kinds and values.
        word_width: The width of these layers.

    Raises:
        InputError: Unknown conditioning, or an unknown word.
    """

    def __init__(
        self,
        concepts: int,
        hinted: Sequence[int],
        latent_channels: int = 8,
        channels: Sequence[int] = (64, 112, 160),
        head_channels: int = 16,
        prior_numbers: Mapping[str, Any] | None = None,
        conditioning: str = ATTRIBUTES,
        text_width: int = 384,
        told_voxels: bool = False,
        told_organs: Sequence[str] = (),
        organ_words: bool = False,
        told_words: Sequence[Sequence[str]] = (),
        word_width: int = 32,
    ) -> None:
        super().__init__()
        if conditioning not in CONDITIONINGS:
            raise InputError(f"unknown conditioning '{conditioning}'; choose {' or '.join(CONDITIONINGS)}")
        self.text_width = text_width if conditioning == TOKENS else 0
        self.latent_channels, self.hinted = latent_channels, list(hinted)
        self.prior_numbers = PriorNumbers(**(prior_numbers or {}))
        inputs = 2 * latent_channels + DEPTH_CHANNELS + FIELD_CHANNELS + HINT_CHANNELS + concepts
        # What a hint shows is drawn where it shows it; the network around it need only fit it in.
        self.drawn = nn.Conv3d(HINT_CHANNELS, latent_channels, 3, padding=1, bias=False)
        nn.init.zeros_(self.drawn.weight)
        self.unet = UNet(inputs, latent_channels, channels, CONDITION, head_channels, self.text_width)
        self.time = nn.Sequential(nn.Linear(WAVES, CONDITION), nn.SiLU(), nn.Linear(CONDITION, CONDITION))
        self.words = nn.Sequential(nn.Linear(concepts, CONDITION), nn.SiLU(), nn.Linear(CONDITION, CONDITION))
        self.voxels: nn.Linear | None = None
        if told_voxels:
            self.voxels = nn.Linear(3, CONDITION)
            nn.init.zeros_(self.voxels.weight)
            nn.init.zeros_(self.voxels.bias)
        self.told_organs = tuple(told_organs)
        self.organs: nn.Linear | None = None
        if self.told_organs:
            self.organs = nn.Linear(len(self.told_organs), CONDITION, bias=False)
            nn.init.zeros_(self.organs.weight)
        self.organ_words: nn.Linear | None = None
        if self.told_organs and organ_words:
            self.organ_words = nn.Linear(len(self.told_organs) * concepts, concepts, bias=False)
            nn.init.zeros_(self.organ_words.weight)
        self.told: WordLayers | None = None
        if told_words:
            self.told = WordLayers(told_words, latent_channels, DEPTH_CHANNELS, word_width)
        # What the lesion's latent is divided by, channel by channel, before noise is added; set by training.
        self.latent_scale: Tensor
        self.register_buffer("latent_scale", torch.ones(1, latent_channels, 1, 1, 1))

    @classmethod
    def told_by(cls, classifier: AttributeClassifier, **network: Any) -> Denoiser:
        """A denoiser for what a classifier says; the rest is the constructor's."""
        return cls(classifier.size, [classifier.index(*hint) for hint in HINTS], **network)

    def forward(
        self,
        noisy: Tensor,
        time: Tensor,
        place: Tensor,
        concepts: Tensor,
        voxel_mm: Tensor | None = None,
        tokens: Tensor | None = None,
        organ: Tensor | None = None,
    ) -> Tensor:
        """One look at the noisy latent.

        Args:
            noisy: [B, C, x, y, z].
            time: [B] steps, 0 (clean) to T - 1 (noise).
            place: [B, C + 4 + 96, x, y, z]: the filled scan's latent, the depth channels and the field channels.
            concepts: [B, concepts]: the classifier's probabilities; zero means "no text", and zero for all values of a
                kind that nothing is said of it.
            voxel_mm: [B, 3]: the size of the scan's voxels along R, A and S; 1 mm, the grid's own, if None.
            tokens: [B, L, text_width]: the text's tokens, zero where there is none; no text if None.
            organ: [B, organs], 1 for each one's of `told_organs`, as `organ_vector` makes it; not known if None.

        Returns:
            [B, C, x, y, z], the clean latent.
        """
        frequency = torch.exp(-math.log(10_000.0) / (WAVES // 2) * torch.arange(WAVES // 2, device=time.device))
        angle = time.float()[:, None] * frequency
        meant = concepts
        if self.organ_words is not None and organ is not None:
            meant = concepts + self.organ_words((organ[:, :, None] * concepts[:, None]).flatten(1))
        condition = self.time(torch.cat([angle.cos(), angle.sin()], 1)) + self.words(2 * meant)
        if self.voxels is not None and voxel_mm is not None:
            condition = condition + self.voxels(voxel_mm.clamp(min=1.0).log())
        elif self.voxels is not None:
            condition = condition + self.voxels.bias
        if self.organs is not None and organ is not None:
            condition = condition + self.organs(organ)
        if self.text_width and tokens is None:
            tokens = noisy.new_zeros(len(noisy), 1, self.text_width)
        inside = place[:, self.latent_channels : self.latent_channels + 1]
        asked = inside * concepts[:, :, None, None, None]
        rest, hinted = place.split([place.shape[1] - HINT_CHANNELS, HINT_CHANNELS], 1)
        hinted = hinted * asked[:, self.hinted].repeat_interleave(FINER**3, 1)
        clean: Tensor = self.unet(torch.cat([noisy, rest, hinted, asked], 1), functional.silu(condition), tokens)
        return clean + self.drawn(hinted)

    def organ_vector(self, organ: str | None) -> Tensor:
        """[organs]: an organ as `forward` is told of it; zeros for one that the model was not told of, or None."""
        return torch.tensor([float(name == organ) for name in self.told_organs])

    def hidden_weights(self) -> list[nn.Parameter]:
        """The weights between the first and the last layer, which Muon trains."""
        ends = [self.unet.enter.weight, self.unet.leave.weight, self.drawn.weight]
        ends += [layer.weight for layer in (self.organs, self.organ_words) if layer is not None]
        return [weight for weight in self.parameters() if weight.ndim > 1 and all(weight is not end for end in ends)]

    def added_weights(self) -> list[nn.Parameter]:
        """The weights of what it is told besides words: nothing at the start, and so with far to go."""
        layers = (self.voxels, self.organs, self.organ_words)
        return [weight for layer in layers if layer is not None for weight in layer.parameters()]
