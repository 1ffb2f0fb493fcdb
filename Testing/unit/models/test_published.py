"""Published checkpoints: read without running anything, and drawn with as their authors' networks draw.

`published_names.json` has the names and shapes of the published files' tensors. Weights are made up from the names.
What the authors' own networks give for them is in a file that lies beside some checkouts (shared/published/parity.npz)
and is not part of this repository; a sample of our outputs, taken when the two agreed to 2e-5, is below.
"""

from __future__ import annotations

import collections
import io
import json
import pickle
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from TextoMorphLib import Synthesizer
from TextoMorphLib.cli import app
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.models import bundle, pickles, published
from TextoMorphLib.models.published_networks import VQGAN, VideoUNet, renamed

NAMES = json.loads((Path(__file__).parent / "published_names.json").read_text())
PARITY = next((p for up in Path(__file__).parents if (p := up / "shared/published/parity.npz").is_file()), None)


def made_up(name: str, shape: list[int]) -> torch.Tensor:
    """The weight that belongs to a name."""
    drawn = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).standard_normal(shape).astype(np.float32)
    if name.endswith("gamma") or (len(shape) == 1 and name.endswith("weight")):
        drawn = 1 + 0.1 * drawn
    elif len(shape) > 1:
        drawn = drawn / np.sqrt(np.prod(shape[1:]))
    else:
        drawn = 0.1 * drawn
    return torch.from_numpy(np.asarray(drawn, np.float32))


def weights(part: str) -> dict[str, torch.Tensor]:
    """All of a file's tensors."""
    found = {name: made_up(name, shape) for name, shape in NAMES[part].items()}
    frequencies = 10_000.0 ** -torch.arange(0, 1, 2 / 32)
    found.update({name: frequencies for name in found if name.endswith("freqs")})
    if part == "denoiser":
        kept = published.signal(200)
        found["betas"] = (1 - kept / torch.cat([torch.ones(1), kept[:-1]])).float()
    return found


@pytest.fixture(scope="module")
def networks() -> tuple[VideoUNet, VQGAN]:
    """Both networks with their made-up weights."""
    unet, vqgan = VideoUNet().eval(), VQGAN().eval()
    for network, part, prefix in ((unet, "denoiser", "denoise_fn."), (vqgan, "autoencoder", "")):
        found = renamed(weights(part), prefix)
        network.load_state_dict({name: found[name] for name in network.state_dict()})
    return unet, vqgan


def close(ours: torch.Tensor, theirs: np.ndarray) -> bool:
    return bool(np.abs(ours.numpy() - theirs).max() < 1e-4 * theirs.std())


@pytest.mark.skipif(
    PARITY is None, reason="the authors' outputs (shared/published/parity.npz) are not beside the checkout"
)
@torch.inference_mode()
def test_the_authors_networks_give_the_same(networks: tuple[VideoUNet, VQGAN]) -> None:
    unet, vqgan = networks
    assert PARITY is not None
    theirs = {name: value for name, value in np.load(PARITY).items()}
    inputs = {name: torch.from_numpy(value) for name, value in theirs.items()}
    assert close(unet(inputs["unet_x"], inputs["unet_t"], inputs["unet_cond"]), theirs["unet_y"])
    latent = vqgan.encode(inputs["vq_x"])
    assert close(latent, theirs["vq_z"])
    assert (vqgan.codes(latent).numpy() == theirs["vq_codes"]).all()
    assert close(vqgan.decode(latent), theirs["vq_rec"])
    kept = published.signal(200)
    assert np.allclose(kept.numpy(), theirs["alphas_cumprod"], rtol=1e-4, atol=1e-12)
    for time in (199, 100, 5, 0):
        noise = unet(inputs["unet_x"][:1], torch.tensor([time]), inputs["unet_cond"][:1])
        mean, variance = published.posterior(kept, inputs["unet_x"][:1], noise, time, time - 1)
        error = np.abs(mean.numpy() - theirs[f"mean_{time}"]) / theirs[f"mean_{time}"].std()
        # At the last step the noise is taken away and the rest multiplied by 13,000: where that is not clipped (one
        # value of 16,384) rounding shows.
        assert np.mean(error > 1e-4) <= (1e-4 if time == 199 else 0), time
        assert np.log(max(variance, 1e-20)) == pytest.approx(float(theirs[f"logvar_{time}"].squeeze()), abs=1e-3)


@torch.inference_mode()
def test_the_networks_still_give_what_they_gave_when_they_agreed(networks: tuple[VideoUNet, VQGAN]) -> None:
    unet, vqgan = networks
    draw = torch.Generator().manual_seed(5)
    noisy, shown = (torch.randn(1, channels, 8, 8, 16, generator=draw) for channels in (8, 18))
    out = unet(noisy, torch.tensor([77]), shown)
    assert out[0, ::3, 2, 3, 5].tolist() == pytest.approx(UNET, abs=1e-4)
    image = torch.randn(1, 1, 16, 16, 32, generator=draw).clamp(-1, 1)
    latent = vqgan.encode(image)
    assert latent[0, :, 1, 2, 3].tolist() == pytest.approx(LATENT, abs=1e-4)
    assert vqgan.decode(latent)[0, 0, 4, 8, ::8].tolist() == pytest.approx(DECODED, abs=1e-4)


UNET = [-1.6241, 1.88324, -2.91639]
LATENT = [0.15263, 0.85264, 0.58416, -0.12533, -0.47336, 0.64293, 1.02869, 0.46696]
DECODED = [1.39257, 1.59432, 1.28562, 1.29987]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Files as published: a denoiser whose moving average never began, and a Lightning checkpoint."""
    folder = tmp_path_factory.mktemp("checkpoints")
    small = VideoUNet(width=16)
    model = {f"denoise_fn.{published_name(name)}": value for name, value in small.state_dict().items()}
    average = dict(model)
    for name, value in model.items():
        if name.endswith(("gamma", "norm.weight")):
            model[name] = value + 0.01
    betas = {"betas": weights("denoiser")["betas"]}
    torch.save({"step": 2000, "model": {**betas, **model}, "ema": {**betas, **average}}, folder / "liver.pt")
    settings = collections.Counter(a=1)  # a class that a safe reader does not know
    torch.save({"state_dict": weights("autoencoder"), "hyper_parameters": settings}, folder / "codec.ckpt")
    return folder / "liver.pt", folder / "codec.ckpt"


def published_name(name: str) -> str:
    """A tensor's name in a published file, from ours."""
    wanted = {
        next(iter(renamed({long: torch.empty(0)}, "denoise_fn."))): long for long in NAMES["denoiser"] if "fn." in long
    }
    return wanted[name].removeprefix("denoise_fn.")


def test_a_pickle_runs_nothing(tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.mkdir, (tmp_path / "run",)  # type: ignore[return-value]

    with zipfile.ZipFile(tmp_path / "bad.pt", "w") as archive:
        archive.writestr("bad/data.pkl", pickle.dumps({"model": Malicious(), "step": 3}, 2))
    held = pickles.read(tmp_path / "bad.pt")
    assert held["step"] == 3
    assert isinstance(held["model"], pickles.Unknown)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.pt"):
        pickles.read(tmp_path / "x.pt")


def test_tensors_beyond_their_numbers_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(4)}, tmp_path / "a.pt")
    raw = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "a.pt") as old, zipfile.ZipFile(raw, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"\0" * 4 if name.endswith("data/0") else old.read(name))
    (tmp_path / "a.pt").write_bytes(raw.getvalue())
    with pytest.raises(InputError, match=r"a\.pt"):
        pickles.read(tmp_path / "a.pt")


def test_an_imported_checkpoint_draws_and_says_what_its_words_do(tmp_path: Path, files: tuple[Path, Path]) -> None:
    denoiser, codec = files
    folder = tmp_path / "imported"
    result = CliRunner().invoke(
        app, ["models", "import", str(denoiser), "--autoencoder", str(codec), "--output", str(folder)]
    )
    assert result.exit_code == 0, result.output
    assert "never began" in result.output
    assert "no learned effect" in result.output
    weights_then = published.load(folder, bundle.verify(folder)).denoiser.init_temporal_attn.gamma
    assert weights_then.flatten()[0] == pytest.approx(1.01)

    config = json.loads((folder / "config.json").read_text())
    config["side_mm"] = 32  # a smaller patch than in use, for speed
    (folder / "config.json").write_text(json.dumps(config))
    bundle.seal(folder)
    ct = Volume(np.full((40, 40, 40), 60.0, np.float32), np.eye(4))
    mask = np.zeros(ct.shape, bool)
    mask[17:23, 17:23, 17:23] = True
    model = Synthesizer.load(str(folder), "cpu")
    one = model.synthesize(ct, mask, "hypoattenuating", seed=3, steps=1)
    assert any("no learned effect" in note for note in one.report["notes"])
    changed = np.argwhere(one.volume.data != ct.data)
    assert len(changed) > 100
    assert changed.min() >= 13
    assert changed.max() <= 26


def test_an_import_without_autoencoder_says_so_and_writes_nothing(tmp_path: Path, files: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="--autoencoder"):
        published.convert(files[0], None, tmp_path / "new", "new")
    with pytest.raises(InputError, match="no published denoiser"):
        published.convert(files[1], files[1], tmp_path / "new", "new")
    assert not (tmp_path / "new").exists()
