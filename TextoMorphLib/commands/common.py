"""What several commands share: their common options, progress, and the reading of a scan with its mask."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from TextoMorphLib.commands.attended import is_attended
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.scan import read_scan as read_scan
from TextoMorphLib.io.textfile import read_text

if TYPE_CHECKING:
    from TextoMorphLib.text.chat import Chat

Ct = Annotated[
    Path,
    typer.Argument(metavar="CT", help="CT scan in HU: .nii, .nii.gz, .nrrd, .mha, or a folder with one DICOM series."),
]
Mask = Annotated[Path, typer.Option("--mask", metavar="FILE", help="Where the tumour goes: a mask on the CT's grid.")]
ResampleMask = Annotated[
    bool,
    typer.Option("--resample-mask", help="Take a mask on another grid, resampled to the CT's (nearest voxel)."),
]
Label = Annotated[
    str | None,
    typer.Option(
        "--label",
        metavar="N",
        help="Which label of the mask is the lesion, where it holds several; or a segment's name, where it has names.",
    ),
]
AssumeHu = Annotated[
    bool, typer.Option("--assume-hu", help="Take the scan's values for HU, though they do not look like it.")
]
Organ = Annotated[str, typer.Option("--organ", help="liver, pancreas or kidney.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="The same seed gives the same bytes.")]
Steps = Annotated[int | None, typer.Option("--steps", help="Sampling steps. [default: the preset's]")]
Guidance = Annotated[
    float | None, typer.Option("--guidance", help="How strongly the text steers. [default: the preset's]")
]
Preset = Annotated[
    str, typer.Option("--preset", help="preview (fastest) or final (further candidates where the text fails).")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")]
Model = Annotated[str, typer.Option("--model", help="A model's name (`textomorph models list`) or folder.")]
Source = Annotated[
    str,
    typer.Option(
        "--source",
        help="What makes the tumours: words (the model), or what it is held against: mask-only (the model without "
        "words), rendered (no network), ellipsoids, cells.",
    ),
]
OrganMask = Annotated[
    Path | None,
    typer.Option(
        "--organ-mask",
        metavar="FILE",
        help="The organ: healthy tissue is judged in it, and what lies outside is told.",
    ),
]
Replace = Annotated[
    bool,
    typer.Option("--replace", help="The mask holds a tumour already: what is healthy is judged outside it."),
]
Url = Annotated[
    str | None, typer.Option("--chat", metavar="URL", help="An OpenAI-compatible endpoint, http://localhost:8080/v1.")
]
ChatModel = Annotated[str, typer.Option("--model", metavar="NAME", help="The endpoint's model.")]
Consent = Annotated[
    str | None,
    typer.Option("--consent-to-send", metavar="HOST", help="Let the text leave this computer, to this host."),
]
Price = Annotated[
    str | None,
    typer.Option("--price", metavar="IN/OUT", help="What a million tokens sent and received cost: '0.15/0.60'."),
]
Hedges = Annotated[
    str,
    typer.Option(
        "--hedges",
        help="What doubt counts for: marked (what is possible is said, and marked), said (what cannot be excluded, "
        "too), ignored (nothing that is in doubt).",
    ),
]
Texture = Annotated[
    bool,
    typer.Option(
        "--texture/--no-texture",
        help="The texture of real tumours, where the model has it for the organ (its weights: see `models info`).",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")]

Step = Callable[[int, int], bool]


def warn(message: str) -> None:
    """Tell the user something on stderr without stopping."""
    typer.echo(f"warning: {message}", err=True)


@contextmanager
def progress(label: str) -> Iterator[Step]:
    """A progress bar on stderr, for terminals only; for a program that reads along, lines as {"done": 3, "of": 9}.

    Yields:
        `step(done, total)`; until it is first called, the bar shows that something goes on.
    """
    if is_attended():
        yield _tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None)

        def step(done: int, total: int) -> bool:
            bar.update(task, completed=done, total=total)
            return True

        yield step


def _tell(done: int, total: int) -> bool:
    typer.echo(json.dumps({"done": done, "of": total}), err=True)
    return True


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a text file with their numbers, which count from 1; blank lines are left out.

    Raises:
        InputError: No such file, no text, or nothing in it.
    """
    lines = [(number, line) for number, line in enumerate(read_text(path).split("\n"), start=1) if line.strip()]
    if not lines:
        raise InputError(f"{path} is empty; write one entry a line")
    return lines


def chat(url: str | None, model: str, consent: str | None, price: str | None = None) -> Chat | None:
    """The chat endpoint that is asked for, if one is.

    Raises:
        InputError: No address, no consent, or no price.
    """
    if url is None:
        return None
    from TextoMorphLib.text.chat import Chat

    return Chat(url, model, consent, price=_price(price))


def _price(said: str | None) -> tuple[float, float] | None:
    if said is None:
        return None
    try:
        sent, received = (float(part) for part in said.split("/"))
    except ValueError:
        sent = received = -1.0
    if not (0 <= sent < float("inf") and 0 <= received < float("inf")):
        raise InputError(f"--price '{said}' is no price of a million tokens sent and received; write 0.15/0.60")
    return sent, received


def rules_instead(error: str) -> None:
    """Says that the rules go on where an endpoint failed."""
    warn(f"{error}; the rules were used")
