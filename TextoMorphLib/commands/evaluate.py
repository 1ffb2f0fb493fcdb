"""`textomorph evaluate`: how good predicted tumours are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError

TABLE_GROUPS = ("age", "sex", "organ")
FILES = ("evaluation.json", "evaluation.csv", "lesions.csv", "evaluation.md", "evaluation.png")


def evaluate(
    cases: Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="What is true; see textomorph cases.")],
    predictions: Annotated[
        Path, typer.Option("--predictions", metavar="DIR", help="ID.nii.gz for each case, as `segment` writes them.")
    ],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Gets evaluation.json, .csv, .md and .png.")],
    sizes: Annotated[str, typer.Option("--sizes", help="Borders between classes of lesion diameter, mm.")] = "20,50",
    tolerance: Annotated[float, typer.Option("--tolerance-mm", help="Of the normalised surface distance.")] = 2.0,
    by: Annotated[str, typer.Option("--by", help="Also by groups: of age,sex,organ.")] = "",
    fold: Annotated[int | None, typer.Option("--fold", help="Only the cases of this fold.")] = None,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", metavar="DIR", help="Another method's predictions, compared pair by pair."),
    ] = None,
    false_alarms: Annotated[
        float | None,
        typer.Option("--false-alarms", min=0, help="Also: what is found with so many false positives a scan."),
    ] = None,
    values: Annotated[
        str, typer.Option("--values", help="What the predictions' numbers mean, if not what the cases' do: tumour=1")
    ] = "",
    beside: Annotated[
        Path | None, typer.Option("--beside", metavar="CSV", help="Published figures to print beside one's own.")
    ] = None,
    overwrite: common.Overwrite = False,
) -> None:
    """Score predicted tumours against the reference.

    Sensitivity by lesion size with Wilson's intervals, specificity, PPV, DSC, NSD and false positives; a FROC curve
    where ID_probability.nii.gz lies beside every prediction; each fold and all together. Two methods are compared
    fairly with --false-alarms: each at the threshold where it has no more than these.
    """
    from TextoMorphLib.cases import read_cases
    from TextoMorphLib.cases.importers import parse_values
    from TextoMorphLib.evaluation import scores, summary, tables

    borders, grouped = _sizes(sizes), _groups(by)
    if not 0 < tolerance < 100:
        raise InputError(f"a tolerance of {tolerance:g} mm is out of range; 2 is usual")
    _check_output(output, overwrite)
    published = tables.read_beside(beside) if beside else []
    listed = read_cases(cases)
    chosen = scores.to_score(listed, [predictions, *filter(None, [compare])], fold, false_alarms is not None)
    if left := sum(fold is None or case.fold == fold for case in listed) - len(chosen):
        common.warn(f"{left} cases are left out: nothing says where their tumours are")
    _warn_of_groups(chosen, grouped)
    meaning = parse_values(values) or None
    with common.progress("evaluating") as step:
        found = list(scores.score(chosen, predictions, tolerance, meaning, step))
    _warn_of_organs(found, predictions)
    made = summary.evaluation(found, borders, grouped)
    made = {"predictions": str(predictions), "tolerance_mm": tolerance, **made}
    if false_alarms is not None:
        made["at_false_alarms"] = summary.at_false_alarms(found, false_alarms, borders)
    if compare:
        with common.progress("evaluating the other") as step:
            others = list(scores.score(chosen, compare, tolerance, meaning, step))
        made["comparison"] = _compared(found, others, compare, borders, false_alarms)
    _write(made, output, published)


def _warn_of_groups(cases: list[Any], groups: list[str]) -> None:
    """Says which groups are asked for and named by no case."""
    for group in groups:
        if all(getattr(case, group) in (None, "") for case in cases):
            common.warn(f"--by {group} has no groups: no case says its {group}")


def _compared(
    found: list[Any], others: list[Any], folder: Path, borders: list[float], false_alarms: float | None
) -> dict[str, Any]:
    """What another method's predictions come to, beside one's own."""
    from TextoMorphLib.evaluation import summary

    _warn_of_organs(others, folder)
    made = {"folder": str(folder), "summary": summary.summary(others, borders)}
    made |= summary.compare(found, others, borders)
    if false_alarms is not None:
        made["at_false_alarms"] = {
            **summary.at_false_alarms(others, false_alarms, borders),
            "mcnemar": summary.compare_at_false_alarms(found, others, false_alarms, borders),
        }
    return made


def _write(made: dict[str, Any], output: Path, published: list[dict[str, str]]) -> None:
    from TextoMorphLib.evaluation import tables
    from TextoMorphLib.io import outputs
    from TextoMorphLib.io.atomic import making

    content = (
        (outputs.to_json(made) + "\n").encode(),
        tables.to_csv(made),
        tables.lesions_csv(made),
        tables.to_markdown(made, published).encode(),
        tables.picture(made),
    )
    with making(output):
        outputs.write_all(dict(zip((output / name for name in FILES), content, strict=True)))
    every = made["lesions"]["all"]
    typer.echo(f"lesions found: {every['found']} of {every['of']}")
    for name in ("sensitivity", "specificity", "ppv"):
        count, of = made["patients"]["counts"][name]
        typer.echo(f"patient {name}: {count} of {of}")
    for name in ("dsc", "nsd"):
        value = made[name]["with_tumour"]["mean"]
        typer.echo(f"{name.upper()} of scans with a tumour: {'-' if value is None else f'{value:.3f}'}")
    typer.echo(f"false positives a scan: {made['false_positives_per_scan']:.2f}")
    if "comparison" in made:
        _tell_pairs(made["comparison"])
    typer.echo(f"wrote {output / FILES[3]} and {', '.join(name for name in FILES if name != FILES[3])}")


def _tell_pairs(made: dict[str, Any]) -> None:
    """Says whose lesions the two methods find, and call what they are."""
    named = [("found", made["lesions"]["all"])]
    named += [(f"{name}, called so", each) for name, each in made.get("classes", {}).items()]
    for name, each in named:
        one, other = each["only_first"], each["only_second"]
        told = f"{one} only here, {other} only in {made['folder']}, of {each['of']}"
        typer.echo(f"lesions {name}: {told} (p = {each['p']:.2g}, exact McNemar)")


def _sizes(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or found != sorted(set(found)) or not 0 < found[0] <= found[-1] < float("inf"):
        raise InputError(f"--sizes '{text}' is no list of rising diameters in mm, such as 20,50")
    return found


def _groups(text: str) -> list[str]:
    found = [part.strip() for part in text.split(",") if part.strip()]
    if unknown := [name for name in found if name not in TABLE_GROUPS]:
        raise InputError(f"--by knows {', '.join(TABLE_GROUPS)}, not {unknown[0]}")
    return found


def _check_output(output: Path, overwrite: bool) -> None:
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is no folder; name a folder for the tables")
    if not output.resolve().parent.is_dir():
        raise InputError(f"cannot write {output}: the folder {output.parent} does not exist; make it first")
    if not overwrite and any((output / name).exists() for name in FILES):
        raise InputError(f"{output} holds an evaluation already; choose another folder or add --overwrite")


def _warn_of_organs(found: list[Any], folder: Path) -> None:
    """Says so if the organ's value may be the tumour's: where nothing else is there, or where the tumours are."""
    from TextoMorphLib.evaluation import scores

    if any(score.only_organ for score in found) and not any(score.called for score in found):
        common.warn(
            f"no prediction in {folder} holds a tumour, only the value of the organ; if that value means tumour there, "
            "say so: --values tumour=1"
        )
    elif swapped := [score.id for score in found if score.swapped]:
        common.warn(scores.told_of_swapped(swapped, len(found), folder))
