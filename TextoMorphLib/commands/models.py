"""`textomorph models`: the models at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from TextoMorphLib.commands import common

app = typer.Typer(help="List, describe and verify models.")

Name = Annotated[str, typer.Argument(metavar="NAME|DIR", help="A model's name, or its folder.")]


@app.command("list")
def list_models() -> None:
    """List the models that come with TextoMorph, and those in your own folder."""
    from TextoMorphLib.models import bundle

    for folder in map(bundle.find, bundle.names()):
        kind = bundle.read_config(folder)["kind"]
        typer.echo(f"{folder.name}  {kind}  {megabytes(folder):.1f} MB  {folder}")


@app.command()
def info(name: Name) -> None:
    """Show a model's configuration and its model card."""
    from TextoMorphLib.models import bundle

    folder = bundle.find(name)
    sha256 = bundle.verify(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    typer.echo(f"{folder}\nSHA-256 {sha256}\n{json.dumps(config, indent=2)}")
    if "texture" in config:
        texture = config["texture"]
        licence, source = texture.get("licence", "not said"), texture.get("source", "not said")
        organs = ", ".join(texture["organs"])
        typer.echo(f"texture.safetensors ({organs}): licence {licence}; learned from: {source}. --no-texture: without")
    card = folder / "MODEL_CARD.md"
    if card.is_file():
        typer.echo("\n" + card.read_text(encoding="utf-8").rstrip())


@app.command()
def verify(name: Name) -> None:
    """Check every file of a model against its manifest."""
    from TextoMorphLib.models import bundle

    folder = bundle.find(name)
    typer.echo(f"{folder}: every file is as it should be (SHA-256 {bundle.verify(folder)})")


@app.command("import")
def import_model(
    denoiser: Annotated[Path, typer.Argument(metavar="DENOISER.pt", help="A published denoiser, such as liver.pt.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="A new folder; its name is the model's.")],
    autoencoder: Annotated[
        Path | None,
        typer.Option("--autoencoder", metavar="CKPT", help="AutoencoderModel.ckpt, if DENOISER.pt lacks it."),
    ] = None,
) -> None:
    """Convert a checkpoint that the authors of TextoMorph or DiffTumor published.

    Nothing in the files is run. Then: `textomorph generate CT ... --model DIR`.
    """
    from TextoMorphLib.models import published

    notes = published.convert(denoiser, autoencoder, output, output.name)
    for note in notes:
        typer.echo(f"note: {note}")
    typer.echo(f"wrote {output}; its licence is its authors'")


@app.command()
def download(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A published model; lists them if left out.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="URL|FOLDER",
            help="A release's address or folder. [default: $TEXTOMORPH_MODELS, or where TextoMorph is published]",
        ),
    ] = None,
    own_name: Annotated[str, typer.Option("--as", metavar="NAME", help="What it is to be called here.")] = "",
) -> None:
    """Fetch a published model into your own folder, checked by SHA-256; a download that was cut short goes on.

    Nothing is fetched unless this command is run. Proxies are those of the environment (HTTPS_PROXY). Without a
    network: copy the release's files (models.json and the archives) into a folder, and name it with --from.
    """
    from TextoMorphLib.models import download as downloads

    where = downloads.source(source)
    if name is None:
        for each in downloads.published(where).values():
            typer.echo(f"{each.name}  {each.bytes / 1e6:.1f} MB  {each.licence}")
        return
    with common.progress("downloading") as step:
        place = downloads.fetch(name, where, own_name, step)
    typer.echo(f"{place}: every file is as it should be; use it with --model {place.name}")


def megabytes(folder: Path) -> float:
    """The size of a folder's files, in MB."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1e6
