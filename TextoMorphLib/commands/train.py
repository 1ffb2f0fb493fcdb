"""`textomorph train`: train a model from a TOML configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from TextoMorphLib.errors import InputError

app = typer.Typer(help="Train a model on a folder of CTs, or on cases.")

Config = Annotated[
    Path, typer.Argument(metavar="CONFIG.toml", help="Those of the starter model are in Resources/Training.")
]
Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The CTs that the configuration names.")]
Output = Annotated[Path, typer.Option("--output", metavar="DIR", help="Checkpoints, logs and weights go here.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on exactly where the last checkpoint stopped.")]


@app.command()
def autoencoder(config: Config, data: Data, output: Output, resume: Resume = False) -> None:
    """Train the autoencoder; it comes first."""
    _check(config, output, data)
    from TextoMorphLib.training import train_autoencoder

    typer.echo(f"wrote {train_autoencoder.main(config, data, output, resume)}")


@app.command()
def texts(config: Config, output: Output, resume: Resume = False) -> None:
    """Train the attribute classifier, which reads texts; it needs no CTs."""
    _check(config, output)
    from TextoMorphLib.training import train_texts

    typer.echo(f"wrote {train_texts.main(config, output, resume)}")


@app.command()
def diffusion(
    config: Config,
    output: Output,
    cases: Annotated[
        Path | None,
        typer.Option("--cases", metavar="CASES.jsonl", help="Real tumours: scans, label maps and words to train on."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="The CTs that the configuration names, to render lesions into."),
    ] = None,
    fold: Annotated[
        int | None, typer.Option("--fold", min=0, help="Keep the cases of this fold out, and look at their loss.")
    ] = None,
    resume: Resume = False,
) -> None:
    """Train the denoiser, which the text steers: on real tumours with words, on rendered ones, or on both.

    A case's words are its texts, else its report, else what its scan is measured to be. Autoencoder and attribute
    classifier are those that the configuration names, or those of the model that it starts from.
    """
    if cases is None and data is None:
        raise InputError("give --cases CASES.jsonl (real tumours), --data DIR (scans to render into), or both")
    if fold is not None and cases is None:
        raise InputError("--fold goes with --cases CASES.jsonl, whose folds it means")
    _check(config, output, data)
    from TextoMorphLib.training import train_diffusion

    typer.echo(f"wrote {train_diffusion.main(config, data, output, resume, cases, fold, typer.echo)}")


@app.command()
def segmentation(
    cases: Annotated[Path, typer.Option("--cases", metavar="CASES.jsonl", help="What to train on.")],
    output: Output,
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG.toml]", help="A configuration of your own; or take a preset.")
    ] = None,
    preset: Annotated[str, typer.Option("--preset", help="laptop or paper, where no configuration is given.")] = "",
    fold: Annotated[
        str | None, typer.Option("--fold", help="A fold's number, or all. [default: train on every case]")
    ] = None,
    shard: Annotated[str, typer.Option("--shard", help="I/N: of the folds, every N-th from the I-th on.")] = "0/1",
    resume: Resume = False,
) -> None:
    """Train a segmenter of organ and tumours, on real tumours, synthetic ones, or both."""
    from TextoMorphLib import paths

    if (config is None) == (not preset):
        raise InputError("give a configuration or a preset: --preset laptop or --preset paper")
    if preset:
        config = paths.resources() / "Training" / f"segmentation-{preset}.toml"
        if not config.is_file():
            raise InputError(f"unknown preset '{preset}'; use laptop or paper")
    assert config is not None
    _check(config, output)
    part, slash, parts = shard.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and int(part) < int(parts)):
        raise InputError(f"'{shard}' is no shard; write 0/4 to 3/4 for four machines")
    from TextoMorphLib.training import train_segmentation

    for made in train_segmentation.main(config, cases, output, fold, resume, (int(part), int(parts))):
        typer.echo(f"wrote {made}")


@app.command()
def texture(config: Config, data: Data, output: Output, resume: Resume = False) -> None:
    """Train the texture network on scans with real tumours and their masks."""
    _check(config, output, data)
    from TextoMorphLib.training import train_texture

    typer.echo(f"wrote {train_texture.main(config, data, output, resume)}")


def _check(config: Path, output: Path, data: Path | None = None) -> None:
    if not config.is_file():
        raise InputError(f"no such file: {config}; Resources/Training holds configurations to start from")
    if data and not data.is_dir():
        raise InputError(f"no such folder: {data}; --data is the folder of the CTs to train on")
    there = next((path for path in (output, *output.resolve().parents) if path.exists()), output)
    if there.exists() and not there.is_dir():
        raise InputError(f"cannot make the folder {output}: {there} is a file; name another")
