"""`textomorph jobs`: sets of tumours, planned and described."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError

app = typer.Typer(help="Plan many tumours in scans with organ masks, and describe the finished set.")
AWAY = ("all", "vessels")
Sizes = Annotated[
    str,
    typer.Option(
        "--sizes",
        help="Diameters in mm: log-uniform:LOW,HIGH, uniform:LOW,HIGH, lognormal:MEDIAN,SD_OF_LOG,LOW,HIGH, or shapes "
        "(those of --shapes).",
    ),
]
Texts = Annotated[
    Path | None,
    typer.Option(
        "--texts",
        metavar="FILE",
        help="By organ and frequency: JSON, CSV (organ,text,frequency), or one text a line. [default: terms usual in "
        "the organ]",
    ),
]


@app.command(
    epilog="Examples:\n\n"
    "textomorph jobs plan AbdomenAtlas/ --count 1000 --organs liver=2,pancreas=1 --output set/\n\n"
    "textomorph jobs plan s/ --count 50 --sizes lognormal:18,0.6,5,60 --away-mm 5 --away-from vessels --output set/"
)
def plan(
    scans: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="A folder for each case: ct.nii.gz and segmentations/NAME.nii.gz."),
    ],
    count: Annotated[int, typer.Option("--count", min=1, help="How many tumours.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Gets jobs.jsonl, masks, and the results.")],
    organs: Annotated[
        str, typer.Option("--organs", help="Which organs, and how often: liver,kidney or liver=3,kidney=1.")
    ] = "liver,pancreas,kidney",
    sizes: Sizes = "log-uniform:5,40",
    texts: Texts = None,
    shapes: Annotated[
        Path | None, typer.Option("--shapes", metavar="FILE.npz", help="Real lesions' shapes. [default: made up]")
    ] = None,
    away_mm: Annotated[
        float, typer.Option("--away-mm", min=0, max=50, help="Keep lesions this far from other organs or vessels.")
    ] = 0.0,
    away_from: Annotated[str, typer.Option("--away-from", help="all (other masks) or vessels.")] = "all",
    seed: common.Seed = 0,
) -> None:
    """Place lesions in organ masks, as AbdomenAtlas and TotalSegmentator keep them, and write a batch's jobs.

    Organs that hold a lesion's or cyst's mask are left out. Texts are used as often as their frequency says. Beside
    jobs.jsonl there are masks, cases.jsonl (what the batch makes, to train a segmenter on) and plan.json.
    """
    from TextoMorphLib.batches import planning, wishes
    from TextoMorphLib.sources.placement import read_shapes

    if away_from not in AWAY:
        raise InputError(f"unknown --away-from '{away_from}'; use one of: {', '.join(AWAY)}")
    wanted = wishes.shares(organs)
    diameters = read_shapes(shapes)[0].tolist() if shapes else []
    wish = planning.Wish(
        wanted,
        wishes.Sizes.parse(sizes, diameters),
        wishes.read_texts(texts, list(wanted)) if texts else None,
        shapes,
        away_mm,
        away_from,
        seed,
    )
    with common.progress("placing lesions") as step:
        made = planning.plan(scans, count, output, wish, step)
    of = ", ".join(f"{number} in the {organ}" for organ, number in sorted(made["organs"].items()))
    typer.echo(f"{made['tumours']} tumours in {made['scans']} scans: {of}; {made['sizes']}")
    for key, reason in made["left_out"].items():
        typer.echo(f"left out: {key}: {reason}")
    typer.echo(f"go on with: textomorph batch {output / 'jobs.jsonl'} --resume")


@app.command()
def manifest(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER|JOBS.jsonl", help="A set that a batch has made.")],
    name: Annotated[str, typer.Option("--name", help="What the set is called.")],
    licence: Annotated[str, typer.Option("--licence", help="Its licence: bound by the scans' and the model's.")],
    creator: Annotated[str, typer.Option("--creator", help="Who publishes it.")],
    source: Annotated[str, typer.Option("--source", help="What the healthy scans are, with their licence.")],
) -> None:
    """Write a manifest (Croissant) with provenance and SHA-256 of each file, and a data card."""
    from TextoMorphLib.batches import manifest as writer

    made = writer.write(folder, name, licence, creator, source)
    if made["done"] < made["jobs"]:
        common.warn(f"{made['jobs'] - made['done']} of {made['jobs']} jobs are not done, and not in the manifest")
    typer.echo(f"{made['tumours']} tumours: wrote {writer.MANIFEST} and {writer.CARD}")
