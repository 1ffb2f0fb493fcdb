"""`textomorph vtt`: the Visual Turing Test, from a table of tumours to the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.textfile import listed

if TYPE_CHECKING:
    from TextoMorphLib.reader_study.serve import Server

app = typer.Typer(help="Visual Turing Test: can readers tell synthetic tumours from real ones?", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="The study's folder.")]
Reader = Annotated[str, typer.Option("--reader", metavar="NAME", help="Who reads.")]
Beside = Annotated[
    Path | None,
    typer.Option("--beside", metavar="FILE.csv", help="Published error rates to show instead of the paper's."),
]
Key = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="The study's key. [default: STUDY-key.json beside it]")
]


Questions = Annotated[
    str,
    typer.Option("--questions", help="Asked besides call and confidence: terms, comment, terms,comment or none."),
]


@app.command()
def create(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE.csv", help="One tumour a line: ct, mask, organ, text[, source, pair].")
    ],
    folder: Annotated[Path, typer.Option("--output", metavar="STUDY", help="The study's new folder.")],
    readers: Annotated[str, typer.Option("--readers", help="Their names, separated by commas.")],
    key: Key = None,
    twins: Annotated[
        str, typer.Option("--twins", help="What to synthesise of each real tumour: text, mask, text,mask or none.")
    ] = "text",
    apart: Annotated[int, typer.Option("--apart", help="Twins come at least this many cases apart.")] = 10,
    repeats: Annotated[int, typer.Option("--repeats", help="Cases that each reader sees twice.")] = 0,
    seed: Annotated[int | None, typer.Option("--seed", help="Decides the orders. [default: drawn anew]")] = None,
    title: Annotated[str, typer.Option("--title", help="What the readers see above the cases.")] = "Visual Turing Test",
    questions: Questions = "terms,comment",
    field: Annotated[
        str, typer.Option("--field", help="What is shown: mm to the left, back and head.")
    ] = "200,200,120",
    spacing: Annotated[
        str, typer.Option("--spacing", help="Every case is brought to voxels of this size, mm.")
    ] = "0.8,0.8,2",
    model: common.Model = "starter",
    device: common.Device = "auto",
    steps: common.Steps = None,
    guidance: common.Guidance = None,
) -> None:
    """Make a study from a table of tumours.

    For each real tumour a twin is synthesised in the same scan, with the same mask and text. The study's folder
    does not tell real from synthetic. The key does: it is written beside the folder; keep it from the readers.

    Stopped on the way, the same command goes on. Until it is done, the folder KEY.unfinished beside the key holds what
    is finished; delete it to start anew.
    """
    from TextoMorphLib.reader_study.create import Plan
    from TextoMorphLib.reader_study.create import create as make
    from TextoMorphLib.reader_study.package import Frame

    plan = Plan(
        readers=listed(readers),
        twins=() if twins == "none" else listed(twins),
        apart=apart,
        repeats=repeats,
        seed=seed,
        title=title,
        questions=() if questions == "none" else listed(questions),
        frame=Frame.parse(field, spacing),
        model=model,
        device=device,
        steps=steps,
        guidance=guidance,
    )
    with common.progress("making the study") as step:
        made = make(table, folder, key, plan, step)
    from TextoMorphLib.reader_study.study import key_path

    typer.echo(f"wrote {folder}: {len(made.cases)} cases for {len(made.readers)} readers")
    typer.echo(f"wrote {key or key_path(folder)}: the key; keep it from the readers (SHA-256 {made.key_sha256})")
    typer.echo(f"next: textomorph vtt serve {folder}")


@app.command()
def status(folder: Folder) -> None:
    """Check every file of a study, and show how far its readers are."""
    from TextoMorphLib.reader_study.answers import read_answers
    from TextoMorphLib.reader_study.study import Study

    study = Study.read(folder)
    study.check_files()
    typer.echo(f"{study.title}: {len(study.cases)} cases, every file as it was made; key SHA-256 {study.key_sha256}")
    for reader, order in study.readers.items():
        found = read_answers(study, reader)
        torn = "; a torn last line, which is set aside when reading goes on" if found.torn else ""
        typer.echo(f"{reader}: {len(found.answers)} of {len(order)} answered{torn}")


@app.command()
def serve(
    folder: Folder,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; this computer alone unless changed.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8765,
) -> None:
    """Let readers read in the browser: prints a secret link for each.

    Works without a network. Every answer is on the disk before the next case shows; stop with Ctrl-C at any time and
    start again, reading goes on where it was left.
    """
    from TextoMorphLib.reader_study.serve import LOOPBACK, Server

    with Server(folder, host, port) as server:
        for reader, link in server.links.items():
            typer.echo(f"{reader}: {link}")
        if host not in LOOPBACK:
            common.warn("others on the network can reach this, and nothing is encrypted; use a network that you trust")
        typer.echo("each reader gets their own link only; Ctrl-C stops")
        _run(server)


@app.command()
def read(
    folder: Folder,
    reader: Reader,
    lines: Annotated[
        bool, typer.Option("--lines", help="For programs: cases as JSON lines on stdout, answers on stdin.")
    ] = False,
) -> None:
    """Read on this computer: opens the browser at the next case.

    With --lines, each case is a line {"number", "total", "organ", "text", "terms", "ct", "mask"} on stdout, and waits
    for a line {"call": "real" or "synthetic", "confidence": 1 to 5, "terms": [...], "comment": "..."} on stdin.
    """
    if lines:
        _read_lines(folder, reader)
        return
    import webbrowser

    from TextoMorphLib.reader_study.serve import Server

    with Server(folder, readers=[reader], keep=False) as server:
        (link,) = server.links.values()
        typer.echo(f"reading at {link}\nCtrl-C stops; every answer is saved")
        webbrowser.open(link)
        _run(server)


@app.command()
def score(
    folder: Folder,
    key: Key = None,
    beside: Beside = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the results so far, as Markdown tables."""
    from TextoMorphLib.io import outputs
    from TextoMorphLib.reader_study import report
    from TextoMorphLib.reader_study.score import score as scored

    scores = scored(folder, key, beside)
    if as_json:
        typer.echo(outputs.to_json(scores))
        return
    typer.echo("\n\n".join(report.text_table(table) for table in report.tables(scores)))


@app.command()
def export(
    folder: Folder,
    destination: Annotated[Path, typer.Option("--output", metavar="DIR", help="Where the files go.")],
    key: Key = None,
    beside: Beside = None,
) -> None:
    """Write readings.csv, scores.json, report.html (one file, with plots), and report.pdf if a browser can print it."""
    from TextoMorphLib.reader_study import report
    from TextoMorphLib.reader_study.score import score as scored

    if folder.resolve() in (destination.resolve(), *destination.resolve().parents):
        raise InputError(
            "the results tell real from synthetic: they must not lie in the study's folder; choose another"
        )
    _say_written(report.export(scored(folder, key, beside), destination))


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--output-dir", metavar="DIR", help="New folder for everything.")] = Path(
        "vtt-demo"
    ),
    pairs: Annotated[int, typer.Option("--pairs", min=4, max=200, help="Each is two cases.")] = 30,
    model: common.Model = "starter",
    device: common.Device = "auto",
) -> None:
    """See a whole study, without patients: phantom, stand-ins for real tumours, three simulated readers.

    It says nothing about how real the tumours look: stand-ins and twins come from one model, and the readers are
    random numbers.
    """
    if folder.exists():
        raise InputError(f"{folder} exists; choose another --output-dir")
    from TextoMorphLib.reader_study import demo as demonstration
    from TextoMorphLib.reader_study import report
    from TextoMorphLib.reader_study.score import score as scored

    with common.progress("making the study") as step:
        made, _ = demonstration.demo(folder, pairs, model, device, step)
    typer.echo(f"{len(made.cases)} cases, {len(made.readers)} simulated readers; 'real' tumours are stand-ins")
    scores = scored(made.folder)
    typer.echo(report.text_table(report.wrong_table(scores)))
    typer.echo(f"wrote {made.folder}")
    _say_written(report.export(scores, folder / "report"))


def _say_written(exported: tuple[list[Path], str]) -> None:
    files, why_no_pdf = exported
    for path in files:
        typer.echo(f"wrote {path}")
    if why_no_pdf:
        typer.echo(why_no_pdf)


def _run(server: Server) -> None:
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        typer.echo("stopped; every answer is saved")


def _read_lines(folder: Path, reader: str) -> None:
    import json
    import sys

    from TextoMorphLib.io.textfile import from_json
    from TextoMorphLib.reader_study.session import Session

    with Session(folder, reader) as session:
        while not session.done:
            view = session.show()
            names = ("number", "total", "organ", "text", "terms", "ct", "mask")
            typer.echo(json.dumps({name: getattr(view, name) for name in names}, default=str, ensure_ascii=False))
            sys.stdout.flush()
            line = sys.stdin.readline()
            if not line:
                return
            try:
                given = from_json(line)
                session.answer(given["call"], given["confidence"], given.get("terms", []), given.get("comment", ""))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                if isinstance(error, InputError):
                    raise
                raise InputError(f'not an answer: {line.strip()[:80]!r}; a line is {{"call", "confidence"}}') from error
