"""The model bundle: a folder that holds all a model is, verified before any of it is used.

config.json            architecture, intensity window, schedule, text encoder, steps and guidance of each preset
*.safetensors          the weights, half precision
manifest.json          SHA-256 of each other file
MODEL_CARD.md          data, training, measured results, limits
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from TextoMorphLib import paths
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import from_json
from TextoMorphLib.models.attribute_classifier import AttributeClassifier
from TextoMorphLib.models.autoencoder import Autoencoder
from TextoMorphLib.models.denoiser import ATTRIBUTES, CONDITIONINGS, Denoiser
from TextoMorphLib.models.schedule import Schedule
from TextoMorphLib.models.texture import TEXTURE_NUMBERS, TextureNetwork
from TextoMorphLib.models.texture_manner import Manner

CLASSIFIER = "attribute_classifier"
FORMER_NAMES = {"reader": CLASSIFIER}  # what bundles and configurations called parts before
WEIGHTS = {  # of each kind of model
    "synthesis": ("autoencoder", CLASSIFIER, "denoiser"),
    "published": ("autoencoder", "denoiser"),
    "segmentation": ("network",),
}
OPTIONAL = {"texture"}  # parts that a model may have; its config then says of what kind they are
LOST_BITS = (
    5  # of half precision's ten, in the matrices of classifier and denoiser: a weight is off by 1.6% at the most
)
# What a config may say besides, and what one means that does not.
CHOICES = {
    "conditioning": CONDITIONINGS,  # how words reach the denoiser
    "noise": (
        "coupled",
        "independent",
    ),  # whether the fields that the denoiser is shown are made of its noise, or hidden
    "unsaid": ("default", "unknown"),  # what a kind is that no word speaks of
}
PACKED = {"texture": "", "denoiser": "told."}  # how the names of what is packed begin, by the part
SCALE = ".scale"  # what the name of a packed tensor's scales ends with
LARGE = 4096  # values from which a tensor counts as a matrix


@dataclass(frozen=True)
class Bundle:
    """A loaded model.

    Attributes:
        folder: Where it lies.
        config: What `config.json` says.
        sha256: SHA-256 of `manifest.json`, which covers every other file: the model's fingerprint.
        autoencoder: Frozen, float32.
        classifier: Frozen, float32.
        denoiser: Frozen, float32.
        texture: Frozen, float32; None where the model has none.
    """

    folder: Path
    config: dict[str, Any]
    sha256: str
    autoencoder: Autoencoder
    classifier: AttributeClassifier
    denoiser: Denoiser
    texture: TextureNetwork | None = None

    def choice(self, name: str) -> str:
        """What the config says of one of `CHOICES`; the first of them if nothing."""
        return str(self.config.get(name, CHOICES[name][0]))

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.config["name"])

    def preset(self, name: str) -> dict[str, Any]:
        """Steps, guidance, candidates (1 where not given) and sampler (`dpm_solver`) of a preset, "preview" or "final".

        A model that has no "preview" takes its "final" for it. Older bundles call the candidates "draws".
        """
        presets = self.config["presets"]
        found = dict(presets.get(name, presets["final"]))
        return {"candidates": found.pop("draws", 1), **found}


def find(name: str) -> Path:
    """The folder of a bundle: a path, or the name of one that comes with TextoMorph or lies in the user's folder.

    Raises:
        InputError: There is none.
    """
    for folder in (*(models / name for models in paths.folders("Models")), Path(name)):
        if (folder / "config.json").is_file():
            return folder
    known = ", ".join(names()) or "none"
    raise InputError(f"unknown model '{name}'; give a bundle's folder or one of: {known}")


def names() -> list[str]:
    """The names of the bundles that come with TextoMorph and of those in the user's own folder."""
    return sorted({path.parent.name for models in paths.folders("Models") for path in models.glob("*/config.json")})


def read_config(folder: Path) -> dict[str, Any]:
    """What a bundle's `config.json` says, parts by their names of today; one that names no kind is "synthesis".

    Raises:
        InputError: It is no JSON object, or of a kind that this version does not know.
    """
    try:
        config = from_json((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"model {folder} has no readable config.json; install it again") from None
    found: dict[str, Any] = {"kind": "synthesis"}
    if isinstance(config, dict):
        found |= {str(FORMER_NAMES.get(name, name)): value for name, value in config.items()}
    if not isinstance(config, dict) or found["kind"] not in WEIGHTS:
        known = ", ".join(WEIGHTS)
        raise InputError(f"model {folder} is of a kind that this version does not know; it knows {known}")
    return found


def weights_file(folder: Path, part: str) -> Path:
    """Where the weights of a bundle's part lie."""
    known = [part, *(former for former, name in FORMER_NAMES.items() if name == part)]
    files = [folder / f"{name}.safetensors" for name in known]
    return next((file for file in files if file.is_file()), files[0])


def verify(folder: Path) -> str:
    """Checks every file of a bundle against its manifest.

    Returns:
        The manifest's SHA-256.

    Raises:
        InputError: A file is missing, changed, or of a kind that could run code when loaded.
    """
    manifest = folder / "manifest.json"
    try:
        sums = dict(from_json(manifest.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise InputError(f"model {folder} has no readable manifest.json; install it again") from None
    for path in sorted(folder.iterdir()):
        if path.suffix in (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle"):
            raise InputError(
                f"model {folder} holds {path.name}, a pickle, which can run code; only safetensors are loaded"
            )
    for name, wanted in sums.items():
        if not _is_plain(name):
            raise InputError(f"model {folder}: manifest.json lists {name!r}, which lies outside it; install it again")
        path = folder / name
        if not path.is_file():
            raise InputError(f"model {folder} lacks {name}; install the model again")
        if sha256(path) != wanted:
            raise InputError(f"model {folder}: {name} is damaged (wrong SHA-256); install the model again")
    config = read_config(folder)
    parts = (*WEIGHTS[config["kind"]], *OPTIONAL.intersection(config))
    for name in ("config.json", *(weights_file(folder, part).name for part in parts)):
        if name not in sums:
            raise InputError(f"model {folder}: manifest.json does not list {name}; install the model again")
    return sha256(manifest)


def load(name: str) -> Bundle:
    """Loads a bundle after verifying it.

    Args:
        name: A bundle's folder, or the name of one that comes with TextoMorph.

    Raises:
        InputError: No such model, or it is damaged.
    """
    folder = find(name)
    fingerprint = verify(folder)
    config = read_config(folder)
    if config["kind"] != "synthesis":
        raise InputError(f"model {folder} is of kind {config['kind']}; one that draws by words is wanted here")
    _check_config(folder, config)
    networks = _built(folder, config)
    for part, network in networks.items():
        path = weights_file(folder, part)
        try:
            weights = unpacked(load_file(path))
            network.load_state_dict({key: value.float() for key, value in weights.items()})
        except (SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"model {folder}: {path.name} cannot be used ({reason}); install it again") from None
        if not all(torch.isfinite(value).all() for value in weights.values()):
            raise InputError(f"model {folder}: {path.name} holds NaN or infinite weights; train it anew")
        network.eval().requires_grad_(False)
    return Bundle(folder, config, fingerprint, classifier=networks.pop(CLASSIFIER), **networks)


def _is_plain(name: object) -> bool:
    """Whether a name is a file's in the folder itself."""
    return isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\:\0")


def _check_config(folder: Path, config: dict[str, Any]) -> None:
    """What is used of a config besides the networks' parts is there, and of its kind."""

    def wanted(where: Any, name: str, *kinds: type) -> Any:
        value = where.get(name) if isinstance(where, dict) else None
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise InputError(
                f"model {folder}: config.json has no {name}, or not as {kinds[0].__name__}; install it again"
            )
        return value

    wanted(config, "name", str)
    steps = wanted(wanted(config, "schedule", dict), "timesteps", int)
    try:
        Schedule(**config["schedule"])
    except Exception as error:  # keys or values of another kind
        raise InputError(f"model {folder}: config.json has no schedule that is known ({error})") from None
    for name, known in CHOICES.items():
        if config.get(name, known[0]) not in known:
            raise InputError(f"model {folder}: config.json has a {name} that this version does not know; update it")
    for name in ("name", "sha256"):
        wanted(wanted(config, "text_encoder", dict), name, str)
    for preset in {"final", *wanted(config, "presets", dict)}:
        usual = wanted(wanted(config, "presets", dict), preset, dict)
        if not 1 <= wanted(usual, "steps", int) <= steps or not 0 <= wanted(usual, "guidance", float, int) <= 20:
            raise InputError(f"model {folder}: config.json has steps or guidance out of range; install it again")


def _built(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    """The networks that a config describes, without their weights."""
    part = "autoencoder"
    try:
        autoencoder = Autoencoder(**config[part])
        part = CLASSIFIER
        classifier = AttributeClassifier(**config[part])
        part = "denoiser"
        words = {"conditioning": config.get("conditioning", ATTRIBUTES), "text_width": classifier.text_width}
        denoiser = Denoiser.told_by(classifier, **words, **config[part])
        found = {"autoencoder": autoencoder, CLASSIFIER: classifier, "denoiser": denoiser}
        part = "texture"
        if part in config:
            found[part] = TextureNetwork(**config[part]["network"])
            _check_texture(folder, config[part])
    except InputError:
        raise
    except Exception as error:  # whatever a value of another kind or size makes a network stumble over
        if part == "denoiser" and isinstance(error, ValueError):
            raise InputError(
                f"model {folder} is of an earlier version, which knew fewer words; train it anew"
            ) from None
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"model {folder}: config.json does not describe the {part} of this version ({reason}); install it again"
        ) from None
    return found


def _check_texture(folder: Path, config: dict[str, Any]) -> None:
    """What is used of a texture's entry is there, and of its kind."""
    numbers = [config[name] for name in ("steps", "noise")]
    numbers += [config["spread"]["residual"], *(config.get(each.name, each.default) for each in fields(Manner))]
    weights = config["spread"]["weights"]
    whole = len(weights) == len(TEXTURE_NUMBERS) + 1 and all(
        isinstance(value, (int, float)) for value in (*numbers, *weights)
    )
    if not whole or not 1 <= config["steps"] <= 100 or not isinstance(config["organs"], list):
        raise InputError(f"model {folder}: config.json does not describe its texture; install it again")


def save(folder: Path, config: dict[str, Any], networks: dict[str, nn.Module], card: str) -> None:
    """Writes a bundle.

    Args:
        folder: Made if it is not there.
        config: Goes to `config.json`.
        networks: "autoencoder", "attribute_classifier", "denoiser", and "texture" if the model has one.
        card: Text of `MODEL_CARD.md`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part, network in networks.items():
        half = {
            key: value.detach().to("cpu", torch.float16).contiguous() for key, value in network.state_dict().items()
        }
        alone = {key: half.pop(key) for key in list(half) if key.startswith(PACKED.get(part, ()))}
        if part in (CLASSIFIER, "denoiser"):  # what reaches every voxel stays as it is
            half = {key: _rounded(value) if value.numel() >= LARGE else value for key, value in half.items()}
        save_file({**half, **packed(alone)}, folder / f"{part}.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    seal(folder)


def packed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Large matrices as bytes, with a scale for each of their rows; a weight is off by 0.4% of its row's largest."""
    found = {}
    for name, value in weights.items():
        found[name] = value
        if value.numel() >= LARGE:
            rows = value.float().flatten(1)
            scale = (rows.abs().amax(1) / 127).clamp(min=1e-8)
            found[name] = (rows / scale[:, None]).round().to(torch.int8).view(value.shape)
            found[name + SCALE] = scale
    return found


def unpacked(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The way back from `packed`."""
    scales = {name: value for name, value in weights.items() if name.endswith(SCALE)}
    found = {name: value for name, value in weights.items() if name not in scales}
    for name, scale in scales.items():
        whole = name.removesuffix(SCALE)
        found[whole] = found[whole].float() * scale.view(-1, *[1] * (found[whole].ndim - 1))
    return found


def _rounded(half: Tensor) -> Tensor:
    """With `LOST_BITS` fewer bits, so that a bundle packs to two thirds in repositories and installers."""
    step = 1 << LOST_BITS
    bits = half.view(torch.int16).to(torch.int32) + step // 2
    return (bits // step * step).to(torch.int16).view(torch.float16)


def seal(folder: Path) -> None:
    """Writes the manifest anew: the SHA-256 of each of the bundle's files."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != "manifest.json")
    sums = {path.name: sha256(path) for path in files}
    (folder / "manifest.json").write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
