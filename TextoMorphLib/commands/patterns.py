"""`textomorph patterns`: radiomics pattern analysis of sets of lesions (Table 3 of the paper)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs

if TYPE_CHECKING:
    from TextoMorphLib.evaluation.lesion_sets import Scan

FEATURES = "measured"


def patterns(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER...",
            help="A set each: a batch's folder, a folder of CTs and masks (case1.nii.gz, case1_mask.nii.gz), or a "
            "cases.jsonl. NAME=FOLDER names it. The first is what the others are held against: real lesions.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Where tables and map go; made if need be.")],
    organ: Annotated[str | None, typer.Option("--organ", help="The organ of sets that do not say theirs.")] = None,
    label: Annotated[
        list[int] | None, typer.Option("--label", help="Numbers in a folder's label maps that are lesions. [all]")
    ] = None,
    preset: Annotated[str, typer.Option("--preset", help="paper (102 features), texture (93) or all (107).")] = "paper",
    bin_width: Annotated[float, typer.Option("--bin-width", min=0.1, help="Of the grey levels, HU.")] = 25.0,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that share the work.")] = 1,
    seed: common.Seed = 0,
) -> None:
    """Compare sets of lesions by their radiomics: how varied each is, and how near to real ones.

    Writes patterns.md (Table 3 beside the paper's figures, with the definitions), patterns.json, features.csv and
    map.png. Started again after a stop, it goes on where it was. A scan that cannot be measured is named; the others
    still are, and the status is 2 at the end.
    """
    from TextoMorphLib.evaluation import lesion_sets, patterns_report
    from TextoMorphLib.evaluation import patterns as analysis
    from TextoMorphLib.measurement.radiomics import FEATURE_PRESETS

    if preset not in FEATURE_PRESETS:
        raise InputError(f"unknown preset '{preset}': choose {', '.join(FEATURE_PRESETS)}")
    sets = [_set(str(source), organ, tuple(label or ())) for source in sources]
    names = [scans[0].set for scans in sets]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"two sets are called {twice.pop()}; name them: NAME=FOLDER")
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is no folder; choose another name")
    every = [scan for scans in sets for scan in scans]
    settings = lesion_sets.Settings(preset, bin_width)
    left_out: list[str] = []
    with common.progress("measuring lesions") as step:
        rows = lesion_sets.table(every, settings, output / FEATURES, workers, step, left_out.append)
    for told in left_out:
        common.warn(f"{told}; it is left out")
    if lacking := [name for name in names if not any(row.set == name for row in rows)]:
        raise InputError(f"set {lacking[0]} has no lesion that could be measured")
    found = analysis.analyse(rows, names[0], seed)
    text = patterns_report.table(found, names[0])
    outputs.write_bytes(output / "features.csv", lesion_sets.as_csv(rows))
    outputs.write_bytes(output / "map.png", patterns_report.picture(found))
    outputs.write_bytes(output / "patterns.json", outputs.to_json({"reference": names[0], "organs": found}).encode())
    outputs.write_bytes(output / "patterns.md", text.encode())
    typer.echo(text)
    if left_out:
        raise typer.Exit(2)


def _set(given: str, organ: str | None, values: tuple[int, ...]) -> list[Scan]:
    """A set's scans under its name; `NAME=FOLDER` gives it one."""
    from dataclasses import replace

    from TextoMorphLib.evaluation import lesion_sets

    name, _, where = given.rpartition("=") if not Path(given).exists() else ("", "", given)
    source = Path(where)
    if not source.exists():
        raise InputError(f"{source} does not exist; check the name")
    scans = lesion_sets.scans(source, organ, values)
    return [replace(scan, set=name) for scan in scans] if name else scans
