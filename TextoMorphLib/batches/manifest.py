"""What a finished set says of itself: a Croissant manifest (JSON-LD of the MLCommons format) and a data card."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from TextoMorphLib.batches.job_lines import parse
from TextoMorphLib.batches.planning import PLAN, seen_from
from TextoMorphLib.batches.status import jobs_file
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.io.textfile import read_text
from TextoMorphLib.version import __version__

MANIFEST, CARD = "croissant.json", "DATA_CARD.md"
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "conformsTo": "dct:conformsTo",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "includes": "cr:includes",
    "jsonPath": "cr:jsonPath",
    "recordSet": "cr:recordSet",
    "source": "cr:source",
}
ENDING = f"""

## Files

`{MANIFEST}` lists every file with its SHA-256. The report beside each (`.json`) says what was asked, what was measured,
and all it takes to make the same again. A `.delta.npz` becomes a scan with `textomorph apply`.

## Limits

The licence of the healthy scans and that of the model's weights hold for what is made of them. What the model can and
cannot draw stands in its model card. A segmenter that is trained on these has to be tested on real tumours.
"""
FIELDS = ("output", "organ", "text", "seed", "ct", "mask")


@dataclass
class _Set:
    """What is there of a set."""

    total: int = 0
    tumours: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)
    models: Counter[str] = field(default_factory=Counter)
    organs: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    diameters: list[float] = field(default_factory=list)
    as_asked: int = 0
    asked: int = 0
    warned: int = 0


def write(given: Path, name: str, licence: str, creator: str, source: str) -> dict[str, Any]:
    """Writes croissant.json and DATA_CARD.md beside a set's jobs.

    Args:
        given: The file of jobs, or its folder.
        name: Of the set.
        licence: Of the set: that of the healthy scans binds it, and that of the model's weights.
        creator: Who publishes it.
        source: What the healthy scans are, with their licence.

    Returns:
        How many jobs there are, how many are done, and how many tumours they asked for.

    Raises:
        InputError: No jobs, or none of them done.
    """
    path = jobs_file(given)
    found = _looked_at(path)
    if not found.records:
        raise InputError(f"none of the {found.total} jobs of {path} is done; run textomorph batch first")
    folder = path.parent
    manifest = _croissant(found, path, name, licence, creator, source)
    outputs.write_bytes(folder / MANIFEST, (outputs.to_json(manifest) + "\n").encode())
    outputs.write_bytes(folder / CARD, _card(found, folder, name, licence, creator, source).encode())
    return {"jobs": found.total, "done": len(found.records), "tumours": found.tumours}


def _looked_at(path: Path) -> _Set:
    found = _Set()
    for line in filter(str.strip, read_text(path).split("\n")):
        found.total += 1
        try:
            job = parse(line, path.parent)
            report = json.loads(outputs.report_path(job.output).read_text(encoding="utf-8"))
        except (InputError, OSError, ValueError):
            continue
        if not job.is_there():
            continue
        model = report.get("model") or {}
        found.models[f"{model.get('name')} (SHA-256 {model.get('sha256')})"] += 1
        found.versions[str((report.get("versions") or {}).get("textomorph"))] += 1
        found.tumours += len(job.parts)
        found.organs.update(str(part.organ) for part in job.parts)
        found.texts.update(part.text for part in job.parts)
        found.warned += bool(report.get("warnings"))
        found.diameters += [each["diameter_mm"] for each in report.get("lesions", []) if each.get("diameter_mm")]
        held = [row["ok"] for rows in report.get("asked", []) for row in rows if row["ok"] is not None]
        found.asked += len(held)
        found.as_asked += sum(bool(each) for each in held)
        stored = outputs.delta_path(job.output) if report["image"].get("store") == "delta" else job.output
        found.records.append(
            {
                "output": seen_from(stored, path.parent),
                "organ": ", ".join(dict.fromkeys(str(part.organ) for part in job.parts)),
                "text": "; ".join(part.text for part in job.parts),
                "seed": job.seed,
                "ct": _as_given(job.ct, path.parent),
                "mask": ", ".join(_as_given(part.mask, path.parent) for part in job.parts),
                "sha256": report["image"]["sha256"],
                "bytes": stored.stat().st_size,
            }
        )
    return found


def _as_given(path: Path, folder: Path) -> str:
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


def _croissant(found: _Set, path: Path, name: str, licence: str, creator: str, source: str) -> dict[str, Any]:
    files: dict[str, set[str]] = {}
    for place in (Path(record["output"]) for record in found.records):
        kind = "deltas" if place.name.endswith(outputs.DELTA_SUFFIX) else "scans"
        end = outputs.suffix(place, (outputs.DELTA_SUFFIX, *outputs.IMAGE_SUFFIXES))
        files.setdefault(kind, set()).add(place.with_name(f"*{end}").as_posix())
    generated = {
        "@type": "prov:Activity",
        "name": "textomorph batch",
        "prov:used": [source, *sorted(found.models)],
        "prov:wasAssociatedWith": f"TextoMorph {', '.join(sorted(found.versions))}",
    }
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": f"{found.tumours} synthetic tumours in CT, made from text; no patient's tumour is shown.",
        "license": licence,
        "creator": {"@type": "sc:Organization", "name": creator},
        "datePublished": datetime.date.today().isoformat(),
        "version": "1.0.0",
        "isBasedOn": source,
        "keywords": ["synthetic data", "computed tomography", "tumour", *sorted(found.organs)],
        "rai:dataCollectionType": "Synthetic",
        "rai:syntheticData": True,
        "prov:wasGeneratedBy": generated,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "jobs",
                "name": path.name,
                "contentUrl": path.name,
                "encodingFormat": "application/jsonlines",
                "contentSize": f"{path.stat().st_size} B",
                "sha256": outputs.sha256(path),
            },
            *(_file_set(kind, sorted(files[kind])) for kind in sorted(files)),
        ],
        "recordSet": [_record_set(found)],
    }


def _file_set(name: str, includes: list[str]) -> dict[str, Any]:
    form = {"encodingFormat": "application/octet-stream", "includes": includes if len(includes) > 1 else includes[0]}
    return {"@type": "cr:FileSet", "@id": name, "name": name, **form}


def _record_set(found: _Set) -> dict[str, Any]:
    """A record a job; what it says of several lesions stands in one."""
    types = {"seed": "sc:Integer", "bytes": "sc:Integer"}
    fields = [
        {"@type": "cr:Field", "@id": f"tumours/{each}", "name": each, "dataType": types.get(each, "sc:Text")}
        for each in (*FIELDS, "sha256", "bytes")
    ]
    data = [{f"tumours/{key}": value for key, value in record.items()} for record in found.records]
    return {"@type": "cr:RecordSet", "@id": "tumours", "name": "tumours", "field": fields, "data": data}


def _card(found: _Set, folder: Path, name: str, licence: str, creator: str, source: str) -> str:
    """The data card; a plan's own words stand in it where there is one."""
    try:
        plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        plan = {}
    size = sum(record["bytes"] for record in found.records)
    middle = sorted(found.diameters)
    rows = [
        f"# {name}",
        "",
        f"{found.tumours} synthetic tumours in CT, made from text with TextoMorph {__version__}. No image shows a "
        "patient's tumour. For research and teaching; not validated clinically.",
        "",
        "| | |",
        "|---|---|",
        f"| published by | {creator} |",
        f"| licence | {licence} |",
        f"| healthy scans | {source} |",
        f"| model | {'; '.join(sorted(found.models))} |",
        f"| jobs; of these done | {found.total}; {len(found.records)} |",
        f"| size | {size / 1e9:.3f} GB |",
        f"| organs | {', '.join(f'{organ} {number}' for organ, number in found.organs.most_common())} |",
    ]
    if middle:
        marks = [middle[min(int(share * len(middle)), len(middle) - 1)] for share in (0.1, 0.5, 0.9)]
        rows.append("| measured diameter, 10th, 50th, 90th percentile | {:.0f}, {:.0f}, {:.0f} mm |".format(*marks))
    if found.asked:
        rows.append(f"| asked and measured: holds | {found.as_asked} of {found.asked} |")
    rows.append(f"| with a warning in their report | {found.warned} |")
    rows += [f"| {key} | {plan[key]} |" for key in ("sizes", "shapes", "away", "seed") if key in plan]
    if plan.get("left_out"):
        rows.append(f"| organs left out of the plan | {len(plan['left_out'])} (see {PLAN}) |")
    rows += ["", "## Texts", "", "| text | tumours |", "|---|---|"]
    rows += [f"| {text} | {number} |" for text, number in found.texts.most_common(50)]
    if len(found.texts) > 50:
        rows.append(f"| {len(found.texts) - 50} others | {sum(n for _, n in found.texts.most_common()[50:])} |")
    return "\n".join(rows) + ENDING
