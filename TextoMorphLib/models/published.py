"""The checkpoints that the authors of "Text-Driven Tumor Synthesis" and of DiffTumor publish, as a model of ours.

Users fetch them themselves, under the authors' licence; here they are read without running anything in them, checked,
and written as a bundle of kind "published". In these checkpoints text has no learned effect: it enters through a layer
that was made anew, at random, in every call of their training, and that no file holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from TextoMorphLib.errors import InputError
from TextoMorphLib.models import bundle, pickles
from TextoMorphLib.models.published_networks import (
    LATENT_CHANNELS,
    TEXT_CHANNELS,
    VQGAN,
    VideoUNet,
    renamed,
)
from TextoMorphLib.models.schedule import Schedule

NORMALISED_HU = (-175.0, 250.0)  # -1 to 1
SIDE_MM = 96  # of the patches that these networks were trained on
OFFSET, MOST_HIDDEN = 0.008, 0.9999  # of the cosine schedule; of the signal by one step
TEXT_SPREAD = 0.25  # of what a new linear layer makes of a text
NO_EFFECT = (
    "this is a published checkpoint: in it text has no learned effect (a projection drawn anew at each call, never "
    "trained); what is drawn depends on scan, mask and seed alone, whatever the words"
)
NO_TEXT = "this checkpoint was trained without text; what is drawn depends on scan, mask and seed alone"


@dataclass(frozen=True)
class Published:
    """A loaded published model.

    Attributes:
        folder: Where it lies.
        config: What its `config.json` says.
        sha256: Of its manifest.
        autoencoder: The VQGAN.
        denoiser: The U-Net.
    """

    folder: Path
    config: dict[str, Any]
    sha256: str
    autoencoder: VQGAN
    denoiser: VideoUNet

    @property
    def note(self) -> str:
        """What has to be said of words whenever it is used."""
        return NO_EFFECT if self.denoiser.text_channels else NO_TEXT


def convert(denoiser: Path, autoencoder: Path | None, folder: Path, name: str) -> list[str]:
    """Writes a published denoiser and its autoencoder as a bundle.

    Args:
        denoiser: For example `liver.pt`.
        autoencoder: For example `AutoencoderModel.ckpt`; None where the denoiser's file holds it.
        folder: Where to; must not exist.
        name: The model's.

    Returns:
        What the user should know of it, a line each.

    Raises:
        InputError: A file is none of these, or the folder is there.
    """
    if folder.exists():
        raise InputError(f"{folder} exists already; choose another --output")
    held = pickles.read(denoiser)
    weights, notes = _denoiser_weights(held, denoiser)
    source = pickles.read(autoencoder) if autoencoder else held
    codec = _autoencoder_weights(source, autoencoder or denoiser)
    network = _loaded(_unet_like(weights, denoiser), weights, denoiser)
    vqgan = _loaded(VQGAN(), codec, autoencoder or denoiser)
    timesteps = _timesteps(held, denoiser)
    config = {
        "name": name,
        "kind": "published",
        "denoiser": {"text_channels": network.text_channels, "width": network.width},
        "schedule": {"timesteps": timesteps},
        "presets": {"preview": {"steps": min(20, timesteps)}, "final": {"steps": timesteps}},
        "side_mm": SIDE_MM,
        "window_hu": list(NORMALISED_HU),
        "licence": "the authors'; see where the checkpoint came from (TextoMorph: CC BY-NC-ND 4.0)",
        "source": {path.name: bundle.sha256(path) for path in (denoiser, autoencoder) if path},
    }
    notes.append(NO_EFFECT if network.text_channels else NO_TEXT)
    folder.mkdir(parents=True)
    for part, module in (("autoencoder", vqgan), ("denoiser", network)):
        save_file(
            {key: value.contiguous() for key, value in module.state_dict().items()}, folder / f"{part}.safetensors"
        )
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text(_card(name, config, notes), encoding="utf-8")
    bundle.seal(folder)
    return notes


def load(folder: Path, sha256: str) -> Published:
    """The networks of a verified bundle of this kind, frozen.

    Raises:
        InputError: The weights do not fit.
    """
    config = bundle.read_config(folder)
    networks = {"autoencoder": VQGAN(), "denoiser": VideoUNet(**config["denoiser"])}
    for part, network in networks.items():
        _loaded(network, load_file(folder / f"{part}.safetensors"), folder / f"{part}.safetensors")
        network.eval().requires_grad_(False)
    return Published(folder, config, sha256, networks["autoencoder"], networks["denoiser"])  # type: ignore[arg-type]


def condition(model: Published, image: Tensor, mask: Tensor, seed: int) -> Tensor:
    """What the denoiser is shown.

    Args:
        model: The networks.
        image: [1, 1, X, Y, Z] HU.
        mask: [1, 1, X, Y, Z], 0 or 1.
        seed: Decides what fills the channels of the text.

    Returns:
        [1, 9 or 18, Z/4, X/4, Y/4]: the masked scan's latent, the mask, and where the checkpoint has them nine
        constant channels, which say nothing.
    """
    shown, inside = turned(to_unit(image) * (1 - mask)), turned(2 * mask - 1)
    latent = model.autoencoder.scaled(model.autoencoder.encode(shown))
    inside = nn.functional.interpolate(inside, latent.shape[2:])
    parts = [latent, inside]
    if model.denoiser.text_channels:
        words = torch.randn(TEXT_CHANNELS, generator=torch.Generator().manual_seed(seed)) * TEXT_SPREAD
        parts.append(words.to(image.device).view(1, -1, 1, 1, 1).expand(1, -1, *latent.shape[2:]))
    return torch.cat(parts, 1)


def sample(model: Published, shown: Tensor, seed: int, steps: int, on_step: Callable[[int], None]) -> Tensor:
    """Ancestral sampling (Ho et al., 2020), all steps or some (Nichol and Dhariwal, 2021).

    Args:
        model: The networks.
        shown: As `condition` returns it.
        seed: Of all noise.
        steps: 1 to T.
        on_step: Called with the number of steps done.

    Returns:
        [1, 1, X, Y, Z] HU: the patch with a tumour, as decoded.
    """
    generator = torch.Generator().manual_seed(seed)
    timesteps = int(model.config["schedule"]["timesteps"])
    kept, times = signal(timesteps), Schedule(timesteps).spaced(steps)
    shape = (1, LATENT_CHANNELS, *shown.shape[2:])
    latent = torch.randn(shape, generator=generator).to(shown.device)
    for done, time in enumerate(times, start=1):
        now = torch.full((1,), time, device=shown.device)
        noise = model.denoiser(latent, now, shown).float()
        mean, variance = posterior(kept, latent, noise, time, times[done] if done < steps else -1)
        fresh = torch.randn(shape, generator=generator).to(shown.device) if done < steps else 0.0
        latent = mean + variance**0.5 * fresh
        on_step(done)
    decoded = model.autoencoder.decode(model.autoencoder.unscaled(latent))
    return from_unit(decoded.permute(0, 1, 3, 4, 2))


def signal(timesteps: int) -> Tensor:
    """The share of the variance that is signal after each step, [T], float64: cosine, no step hiding all of it."""
    at = torch.linspace(0, 1, timesteps + 1, dtype=torch.float64)
    level = ((at + OFFSET) / (1 + OFFSET) * torch.pi / 2).cos().square()
    return torch.cumprod(1 - (1 - level[1:] / level[:-1]).clamp(0, MOST_HIDDEN), 0)


def posterior(kept: Tensor, latent: Tensor, noise: Tensor, time: int, following: int) -> tuple[Tensor, float]:
    """Mean and variance of the next latent (Ho et al., 2020, Eq. 7), the clean one being clipped to -1 to 1.

    Args:
        kept: As `signal` returns it.
        latent: The noisy one.
        noise: In it.
        time: Its step.
        following: The next latent's step; -1 after the last.
    """
    now = float(kept[time])
    after = float(kept[following]) if following >= 0 else 1.0
    clean = ((latent - (1 - now) ** 0.5 * noise) / now**0.5).clamp(-1, 1)
    beta = 1 - now / after
    mean = (beta * after**0.5 * clean + (1 - after) * (1 - beta) ** 0.5 * latent) / (1 - now)
    return mean, beta * (1 - after) / (1 - now)


def turned(image: Tensor) -> Tensor:
    """[B, C, X, Y, Z] to [B, C, Z, X, Y], the order of axes that the published networks know."""
    return image.permute(0, 1, 4, 2, 3)


def to_unit(hu: Tensor) -> Tensor:
    """HU to -1 to 1."""
    low, high = NORMALISED_HU
    return 2 * (hu.clamp(low, high) - low) / (high - low) - 1


def from_unit(image: Tensor) -> Tensor:
    """-1 to 1 to HU."""
    low, high = NORMALISED_HU
    return (image.clamp(-1, 1) + 1) / 2 * (high - low) + low


def _denoiser_weights(held: Any, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """The denoiser's tensors by our names: the moving average's, unless that never began."""
    if not isinstance(held, Mapping) or not isinstance(held.get("model"), Mapping):
        raise InputError(f"{path} is no published denoiser: it has no 'model' in it")
    found = {}
    for part in ("model", "ema"):
        tensors = {k: v for k, v in (held.get(part) or {}).items() if isinstance(k, str) and isinstance(v, Tensor)}
        found[part] = {
            name: value.float()
            for name, value in renamed(tensors, "denoise_fn.").items()
            if not name.startswith(("clip_model.", "cross_attn."))  # neither is used by the published code's networks
        }
    if not found["model"]:
        raise InputError(f"{path} is no published denoiser: no tensor of it is called denoise_fn.*")
    step = held.get("step")
    known = [f"trained for {step} steps"] if isinstance(step, int) else []
    if not found["ema"]:
        return found["model"], [*known, "it holds no moving average; the trained weights are taken"]
    if untouched(found["ema"]) and not untouched(found["model"]):
        return found["model"], [
            *known,
            "its moving average never began (it is untrained): 'model' is taken",
        ]
    if untouched(found["model"]):
        known.append("WARNING: these weights look untrained; what they draw will be noise")
    return found["ema"], [*known, "its moving average is taken, as the published code does"]


def untouched(weights: Mapping[str, Tensor]) -> bool:
    """Whether the normalisations are as they were before any training: all scales 1."""
    scales = [value for name, value in weights.items() if name.endswith(("gamma", "norm.weight"))]
    return bool(scales) and all(bool((value == 1).all()) for value in scales)


def _autoencoder_weights(held: Any, path: Path) -> dict[str, Tensor]:
    """The VQGAN's tensors, of a file of its own or in a denoiser's."""
    holders = [held.get(key) for key in ("state_dict", "ema", "model")] if isinstance(held, Mapping) else []
    wanted = set(VQGAN().state_dict())
    for tensors in holders:
        if isinstance(tensors, Mapping):
            named = {k: v for k, v in tensors.items() if isinstance(k, str) and isinstance(v, Tensor)}
            for prefix in ("", "vqgan."):
                found = {k: v.float() for k, v in renamed(named, prefix).items() if k in wanted}
                if found:
                    return found
    raise InputError(f"{path} holds no published autoencoder; give it with --autoencoder AutoencoderModel.ckpt")


def _unet_like(weights: Mapping[str, Tensor], path: Path) -> VideoUNet:
    """A U-Net with as many channels for text as the weights have."""
    first = weights.get("init_conv.weight")
    inputs = first.shape[1] if first is not None and first.ndim == 5 else 0
    if inputs < 2 * LATENT_CHANNELS + 1:
        raise InputError(f"{path} is no denoiser of TextoMorph or DiffTumor: its first layer is another one")
    return VideoUNet(inputs - 2 * LATENT_CHANNELS - 1, width=len(weights["init_conv.weight"]))


def _timesteps(held: Any, path: Path) -> int:
    betas = held["model"].get("betas")
    if not isinstance(betas, Tensor) or betas.ndim != 1:
        raise InputError(f"{path} does not say how many steps its schedule has (no 'betas')")
    if not torch.allclose(torch.cumprod(1 - betas.double(), 0), signal(len(betas)), atol=1e-4):
        raise InputError(f"{path} was trained with another noise schedule than the cosine of {len(betas)} steps")
    return len(betas)


def _loaded(network: Any, weights: Mapping[str, Tensor], path: Path) -> Any:
    """The network with the weights in it."""
    own = network.state_dict()
    # The frequencies of rotary embeddings are constants; files may leave them out.
    weights = {**{name: value for name, value in own.items() if name.endswith("freqs")}, **weights}
    wrong = [name for name in own if name not in weights or weights[name].shape != own[name].shape]
    if wrong:
        raise InputError(f"{path} lacks {wrong[0]} of the right size, and {len(wrong) - 1} other tensors")
    network.load_state_dict({name: weights[name] for name in own})
    return network


def _card(name: str, config: Mapping[str, Any], notes: list[str]) -> str:
    sources = "\n".join(f"- {file}, SHA-256 {sum_}" for file, sum_ in config["source"].items())
    said = "\n".join(f"- {note}" for note in notes)
    return (
        f"# {name}\n\nA published checkpoint, converted by `textomorph models import`. Its licence is its authors';\n"
        f"do not pass it on where that forbids it. Not validated by TextoMorph; not a medical device.\n\n"
        f"Made from:\n{sources}\n\nTo know:\n{said}\n"
    )
