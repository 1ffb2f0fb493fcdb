"""What the denoiser is trained by: the diffusion loss, and pull and push between words (paper, Eq. 1 and section 3.3).

Rendered lesions come in pairs whose difference is known; real ones come one to a place, so that there words are told
apart by features of the one-step estimate (Eq. 2): the same words on another scan nearer, other words on the same scan
farther. All of it has gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from TextoMorphLib.errors import InputError
from TextoMorphLib.models.schedule import Schedule
from TextoMorphLib.training.loop import Batch

# Losses are relative to what is to be learnt, so that faint attributes (a margin's width) count as much as strong ones
# (calcium); these keep the quotients finite, in units of the latent's variance.
LEAST_POWER, LEAST_CHANGE = 0.1, 0.02
LEAST_EFFECT = 0.02  # what words do to a lesion's features, relative to those of the latent; likewise


@dataclass(frozen=True)
class LossSettings:
    """How losses are put together.

    Attributes:
        text_dropout: Share of the examples that train without text, for classifier-free guidance.
        push: Weight of the push between different words on one scan.
        pull: Weight of the pull between the same words on different scans.
        margin: How far apart the features of opposite words are pushed, in units of the latent's spread.
        pure_noise: Share of the examples that are seen at the last time alone, where words decide everything.
        coupled: Whether a rendered lesion's noise is the one that its random fields are made of.
    """

    text_dropout: float = 0.1
    push: float = 1.0
    pull: float = 0.05
    margin: float = 0.5
    pure_noise: float = 0.8
    coupled: bool = True

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        if not (0 <= self.text_dropout < 1 and 0 <= self.pure_noise <= 1 and self.margin > 0):
            raise InputError("[batch] text_dropout must be 0 to 1, pure_noise 0 to 1, and margin above 0")
        if min(self.push, self.pull) < 0:
            raise InputError("[batch] push and pull must be 0 (none) or more")


def pair_losses(model: nn.Module, schedule: Schedule, batch: Batch, how: LossSettings) -> dict[str, Tensor]:
    """The latent diffusion loss of both of each pair, on the clean latent, with a push and a pull.

    Both see the same noise at the same time, so that the difference of the predictions is what the words did. Its
    error is the push between texts on one scan: how far apart, and in what, is known. The pull is between scans: the
    same two texts must change the same features of the lesion there, whatever the scans and the masks themselves bring.

    Args:
        model: The denoiser.
        schedule: Noise levels.
        batch: As `diffusion_batches.draw_pairs` makes it.
        how: Weights and shares.
    """
    lesion = batch["lesion"]
    count = len(lesion)
    time = _times(schedule, torch.zeros(count, device=lesion.device), how)
    noise = batch["noise"] if how.coupled else torch.randn_like(batch["noise"])
    kept = (torch.rand(count, device=lesion.device) >= how.text_dropout).float()
    clean = lesion.transpose(0, 1).flatten(0, 1)
    said = torch.cat([batch["said"][:, i] * kept[:, None] for i in (0, 1)])
    tokens = None
    if "tokens" in batch:
        tokens = torch.cat([batch["tokens"][:, i] * kept[:, None, None] for i in (0, 1)])
    noisy = schedule.noised(clean, noise.repeat(2, 1, 1, 1, 1), time.repeat(2))
    told_of = (None, tokens, batch["organ"].repeat(2, 1))  # no scanner blurred them: voxels are the grid's own
    estimate = model(noisy, time.repeat(2), batch["place"].repeat(2, 1, 1, 1, 1), said, *told_of).float()
    error = (estimate - clean).unflatten(0, (2, count))
    weight = weight_shares(batch["weight"])
    size = (power(lesion[:, 0], weight) + power(lesion[:, 1], weight)) / 2
    both = (power(error[0], weight) + power(error[1], weight)) / 2
    change = power(lesion[:, 0] - lesion[:, 1], weight)
    found = {
        "diffusion": (both / (size + LEAST_POWER)).mean(),
        "push": (kept * power(error[0] - error[1], weight) / (change + LEAST_CHANGE)).mean(),
        "pull": unlike(estimate.unflatten(0, (2, count)), batch, kept),
    }
    return {"loss": found["diffusion"] + how.push * found["push"] + how.pull * found["pull"], **found}


def real_losses(model: nn.Module, schedule: Schedule, batch: Batch, how: LossSettings) -> dict[str, Tensor]:
    """The latent diffusion loss of real lesions, on the clean latent, with a push and a pull between their words.

    No seed made their texture, so the noise is drawn here and tells nothing of it. What noise the scan left in a latent
    is not learnt: it is trained at no time at which the diffusion's own noise is less. The lesions are of different
    scans; each is also told the words of the next one: these must change its features (push), to those of the next
    (pull), the more so the more of the latent is still noise.

    Args:
        model: The denoiser.
        schedule: Noise levels.
        batch: As `diffusion_batches.draw_real` makes it.
        how: Weights and shares.
    """
    clean = batch["lesion"]
    count = len(clean)
    time = _times(schedule, batch["left"], how)
    noisy = schedule.noised(clean, torch.randn_like(clean), time)
    kept = (torch.rand(count, device=clean.device) >= how.text_dropout).float()
    said, tokens = batch["said"] * kept[:, None], batch["tokens"] * kept[:, None, None]
    told_of = (batch["voxel_mm"], tokens, batch["organ"])
    estimate = model(noisy, time, batch["place"], said, *told_of).float()
    weight = weight_shares(batch["weight"])
    relative = power(estimate - clean, weight) / (power(clean, weight) + LEAST_POWER)
    found = {"diffusion": relative.mean()}
    if count < 2 or not (how.push or how.pull):
        return {"loss": found["diffusion"], **found}
    following = torch.arange(count, device=clean.device).roll(-1)
    told_of = (batch["voxel_mm"], tokens[following], batch["organ"])
    other = model(noisy, time, batch["place"], said[following], *told_of).float()
    own, told = features(estimate, batch), features(other, batch)
    sigma = schedule.levels(time)[1].flatten()
    both_told = kept * kept[following]
    apart = how.margin * batch["apart"].sqrt()
    away = (own - told).square().mean(1)
    near = (1 - (away + 1e-6).sqrt() / apart.clamp(min=1e-3)).clamp(min=0).square() * (apart > 0)
    beside = (told - own[following]).square().mean(1)
    found["push"] = (both_told * sigma.square() * near).mean()
    found["pull"] = (both_told * (sigma * sigma[following]) * beside).mean()
    return {"loss": found["diffusion"] + how.push * found["push"] + how.pull * found["pull"], **found}


def features(estimate: Tensor, batch: Batch) -> Tensor:
    """Means and spreads of a latent in a lesion's border and in its core, where anything is known of it.

    Args:
        estimate: [N, C, x, y, z] latents.
        batch: Whose `place` and `weight` they are of.

    Returns:
        [N, 4 C].
    """
    latents = estimate.shape[1]
    inside, _, relative = batch["place"][:, latents : latents + 3].split(1, dim=1)
    known = inside * (batch["weight"] > 0)
    found = []
    for zone in (known * (relative < 0.5), known * (relative >= 0.5)):
        share = zone / zone.sum(dim=(2, 3, 4), keepdim=True).clamp(min=1e-3)
        mean = (estimate * share).sum(dim=(2, 3, 4), keepdim=True)
        spread = ((estimate - mean).square() * share).sum(dim=(2, 3, 4))
        found += [mean.flatten(1), (spread + 1e-4).sqrt()]
    return torch.cat(found, 1)


def unlike(estimate: Tensor, batch: Batch, kept: Tensor) -> Tensor:
    """How much two scans differ in what the same two texts change there, relative to what they change.

    Args:
        estimate: [2, N, C, x, y, z] one-step estimates of the clean latent under either text; 2k and 2k + 1 of the
            second axis are of one pair of texts.
        batch: What they were made from.
        kept: [N] 1 where the model was told the texts.
    """
    first, second = (features(each, batch) for each in estimate)
    one, other = (first - second).unflatten(0, (-1, 2)).unbind(1)
    told = kept.unflatten(0, (-1, 2)).prod(1)
    size = one.square().mean(1) + other.square().mean(1)
    return (told * (one - other).square().mean(1) / (size + LEAST_EFFECT)).mean()


def _times(schedule: Schedule, left: Tensor, how: LossSettings) -> Tensor:
    """[N] steps, more of them late; none at which the diffusion's noise is less than what is left in the target.

    Most coupled pairs are seen as pure noise: there the words alone decide, later the latent shows what to draw.
    """
    drawn = torch.rand(len(left), device=left.device)
    ratio = (schedule.sigma / schedule.alpha).to(left.device)
    first = torch.searchsorted(ratio, left.contiguous()).clamp(max=schedule.timesteps - 1)
    time = first + (schedule.timesteps - first) * (1 - drawn.square() if how.coupled else drawn)
    pure = torch.rand(len(left), device=left.device) < how.pure_noise
    return torch.where(pure, schedule.timesteps - 1, time.long().clamp(max=schedule.timesteps - 1))


def weight_shares(weight: Tensor) -> Tensor:
    return weight / weight.sum(dim=(1, 2, 3, 4), keepdim=True).clamp(min=1e-3)


def power(values: Tensor, shares: Tensor) -> Tensor:
    """[N]: the weighted mean square of each example."""
    return (values.square() * shares).sum(dim=(1, 2, 3, 4)) / values.shape[1]
