"""`textomorph segment`: the organ and its tumours in a CT."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.segmentation.components import Lesion
    from TextoMorphLib.segmentation.model import Segmenter
    from TextoMorphLib.segmentation.predict import Segmentation

MOST_SHOWN = 12  # tumours that are listed
ORGAN_BY = "totalsegmentator"


@dataclass(frozen=True)
class How:
    """How a scan is looked at: overlap of windows, the least size that is kept, where, and what else is written."""

    overlap: float
    least_mm: float
    anywhere: bool
    probability: bool


Model = Annotated[str, typer.Option("--model", metavar="NAME|DIR", help="A model of kind segmentation.")]
Output = Annotated[
    Path, typer.Option("--output", metavar="OUT", help="The labels, on the CT's grid; their report goes beside.")
]
Overlap = Annotated[float, typer.Option("--overlap", help="Of neighbouring windows.")]
LeastMm = Annotated[float, typer.Option("--least-mm", help="Smaller tumours are left out.")]
Anywhere = Annotated[bool, typer.Option("--anywhere", help="Keep tumours outside the organ.")]
Fold = Annotated[int | None, typer.Option("--fold", help="Of a CASES.jsonl, only the cases of this fold.")]
CaseOrgan = Annotated[
    bool, typer.Option("--case-organ", help="Of a CASES.jsonl: keep to the organ that each case's files show.")
]
OrganMask = Annotated[
    Path | None, typer.Option("--organ-mask", metavar="FILE", help="Where the organ is; nothing else is looked at.")
]
OrganLabel = Annotated[
    str | None,
    typer.Option("--organ-label", metavar="N|NAME", help="Which value or segment of --organ-mask is the organ."),
]
OrganBy = Annotated[
    str | None,
    typer.Option(
        "--organ-by",
        help="totalsegmentator: that finds the organ, where it is installed (its first run downloads its weights).",
    ),
]
Probability = Annotated[
    bool, typer.Option("--probability", help="Also write the tumour's probability: OUT_probability, for FROC.")
]
DicomSeg = Annotated[
    Path | None, typer.Option("--dicom-seg", metavar="FILE.dcm", help="Also write a DICOM segmentation.")
]


def segment(
    ct: common.Ct,
    model: Model,
    output: Output,
    organ_mask: OrganMask = None,
    organ_label: OrganLabel = None,
    resample_mask: common.ResampleMask = False,
    organ_by: OrganBy = None,
    overlap: Overlap = 0.75,
    least_mm: LeastMm = 3.0,
    anywhere: Anywhere = False,
    probability: Probability = False,
    dicom_seg: DicomSeg = None,
    fold: Fold = None,
    case_organ: CaseOrgan = False,
    device: common.Device = "auto",
    assume_hu: common.AssumeHu = False,
    overwrite: common.Overwrite = False,
) -> None:
    """Find the organ and its tumours in a CT, or in each case of a CASES.jsonl.

    Values are 1 for the organ and 2 and above for the model's tumour classes; the report says which. Tumours are kept
    inside the organ alone: that of --organ-mask or --organ-by, or what the model itself calls organ. With a CASES.jsonl
    in place of the CT, OUT is a folder that gets ID.nii.gz for each, as `evaluate` takes it; what is there already is
    kept.
    """
    from TextoMorphLib.io import outputs

    how = How(overlap, least_mm, anywhere, probability)
    if ct.suffix == ".jsonl":
        from TextoMorphLib.commands.segment_cases import segment_cases

        if organ_mask or organ_by or dicom_seg:
            raise InputError("--organ-mask, --organ-by and --dicom-seg are for one CT; --case-organ is for many")
        _check(ct, None, least_mm, overlap)
        segment_cases(ct, model, output, how, fold, case_organ, device, overwrite)
        return
    if fold is not None or case_organ:
        raise InputError("--fold and --case-organ need a CASES.jsonl in place of the CT")
    beside = probability_path(output) if probability else None
    _check_files((ct, organ_mask), output, (beside, dicom_seg), overwrite)
    _check(ct, dicom_seg, least_mm, overlap)
    _check_organ(organ_mask, organ_label, organ_by)

    from TextoMorphLib.io.volume import Volume, check_ct
    from TextoMorphLib.segmentation.model import Segmenter

    segmenter = Segmenter.load(model, device)
    volume = Volume.read(ct, mapped=True)
    check_ct(volume, assume_hu)
    organ = _organ(segmenter, volume, organ_mask, organ_label, resample_mask, organ_by)
    with common.progress("segmenting") as step:
        where = organ_by or (str(organ_mask) if organ_mask else None)
        found, report = looked_at(segmenter, volume, organ, how, ct, where, step)
    for note in report["notes"]:
        common.warn(note)
    write(volume, found, report, output, beside, dicom_seg, ct)
    _show(report["lesions"])
    for path in filter(None, (output, outputs.report_path(output), beside, dicom_seg)):
        typer.echo(f"wrote {path}")


def looked_at(
    segmenter: Segmenter,
    volume: Volume,
    organ: np.ndarray[Any, Any] | None,
    how: How,
    ct: Path,
    where: str | None,
    step: common.Step,
) -> tuple[Segmentation, dict[str, Any]]:
    """What is found in a scan, and the report of it."""
    from TextoMorphLib.segmentation import predict

    started = time.perf_counter()
    found = predict.segment(
        segmenter, volume, organ, how.overlap, how.least_mm, not how.anywhere, how.probability, step
    )
    report = {
        **_report(segmenter, found, volume),
        "request": {"ct": str(ct), **asked(how, where)},
        "seconds": round(time.perf_counter() - started, 2),
    }
    return found, {
        **report,
        "notes": [] if organ is not None else doubts(segmenter.config["organ"], report["organ_ml"]),
    }


def asked(how: How, where: str | None) -> dict[str, Any]:
    """What decides what is found, beside scan and model; as it stands in the report."""
    restricted = "anywhere" if how.anywhere else "organ mask" if where is not None else "the model's own organ"
    return {"organ_mask": where, "overlap": how.overlap, "least_mm": how.least_mm, "restricted_to": restricted}


def doubts(organ: str, found_ml: float) -> list[str]:
    """What is wrong with an organ as a model has found it, as far as its size tells."""
    from TextoMorphLib.text.organs import organs

    most = organs[organ].most_ml if organ in organs else float("inf")
    if found_ml <= most:
        return []
    return [
        f"what the model calls {organ} is {found_ml:.0f} ml, more than one has: other tissue is taken for it, and what "
        "is found there for tumours; show it the organ, with --organ-mask"
    ]


def _check_files(inputs: tuple[Path | None, ...], output: Path, more: tuple[Path | None, ...], overwrite: bool) -> None:
    """Makes sure that all can be written."""
    from TextoMorphLib.io import outputs

    given = tuple(filter(None, inputs))
    outputs.check_image(output, given, overwrite)
    for path in filter(None, more):
        outputs.check_file(path, given, overwrite)


def _check(ct: Path, dicom_seg: Path | None, least_mm: float, overlap: float) -> None:
    """Refuses what cannot be asked for, before anything is read."""
    if dicom_seg and not ct.is_dir():
        raise InputError("--dicom-seg needs the CT as the folder of its DICOM series, which the segmentation refers to")
    if not 0 <= least_mm < 1000:
        raise InputError(f"a least size of {least_mm:g} mm is out of range; 3 is usual")
    if not 0 <= overlap < 1:
        raise InputError(f"an overlap of {overlap:g} is out of range; use 0 to below 1, such as 0.75")


def _check_organ(organ_mask: Path | None, organ_label: str | None, organ_by: str | None) -> None:
    """Refuses a way to the organ that is not there, before anything is read."""
    if organ_label and not organ_mask:
        raise InputError("--organ-label says which value of --organ-mask counts; give that, too")
    if organ_by is None:
        return
    if organ_by != ORGAN_BY:
        raise InputError(f"unknown --organ-by '{organ_by}'; use {ORGAN_BY}")
    if organ_mask:
        raise InputError("give --organ-mask or --organ-by, not both")
    from TextoMorphLib.segmentation import totalsegmentator

    totalsegmentator.check()


def _organ(
    segmenter: Segmenter,
    volume: Volume,
    organ_mask: Path | None,
    label: str | None,
    resample: bool,
    organ_by: str | None,
) -> np.ndarray[Any, Any] | None:
    """Where the organ is, as far as that is said."""
    from TextoMorphLib.io.masks import read_mask
    from TextoMorphLib.segmentation import totalsegmentator

    if organ_by:
        name = segmenter.config["organ"]
        typer.echo(f"looking for the {name} with TotalSegmentator")
        return totalsegmentator.find(volume, name, str(segmenter.device))
    if organ_mask is None:
        return None
    chosen = int(label) if label and label.isdecimal() else label
    return read_mask(organ_mask, volume, resample, chosen, "choose the organ's with --organ-label NUMBER or NAME")


def _show(lesions: list[dict[str, Any]]) -> None:
    """The largest tumours, each in a line."""
    typer.echo(f"{len(lesions)} tumours, {sum(lesion['volume_ml'] for lesion in lesions):.1f} ml in all")
    for lesion in sorted(lesions, key=lambda lesion: -lesion["volume_ml"])[:MOST_SHOWN]:
        place = ", ".join(f"{mm:.0f}" for mm in lesion["centre_ras_mm"])
        typer.echo(f"  {lesion['class']}: {lesion['diameter_mm']:.1f} mm at ({place})")
    if len(lesions) > MOST_SHOWN:
        typer.echo(f"  and {len(lesions) - MOST_SHOWN} smaller ones; all are in the report")


def probability_path(output: Path) -> Path:
    """Where the probability map of a segmentation goes."""
    from TextoMorphLib.io import outputs

    end = outputs.suffix(output)
    return output.with_name(f"{output.name[: -len(end)]}_probability{end}")


def _report(segmenter: Segmenter, found: Segmentation, ct: Volume) -> dict[str, Any]:
    """What is known of a segmentation: its model, what its numbers mean, and each lesion."""
    import TextoMorphLib
    from TextoMorphLib.segmentation.components import lesions, organ_voxels

    return {
        "segmentation": True,
        "values": segmenter.values,
        "organ": segmenter.config["organ"],
        "model": {"name": segmenter.config["name"], "sha256": segmenter.sha256},
        "version": TextoMorphLib.__version__,
        "device": str(segmenter.device),
        "lesions": [_told(lesion, segmenter, ct) for lesion in lesions(found.labels[found.box], found.box)],
        "organ_ml": round(organ_voxels(found.labels) * ct.voxel_mm3 / 1000, 1),
        "dropped_voxels": found.dropped,
        "box": [[part.start, part.stop] for part in found.box],
    }


def _told(lesion: Lesion, segmenter: Segmenter, ct: Volume) -> dict[str, Any]:
    """A lesion in the report."""
    from TextoMorphLib.spatial.geometry import ball_mm

    volume_mm3 = lesion.voxels * ct.voxel_mm3
    centre = ct.affine[:3, :3] @ lesion.centre + ct.affine[:3, 3]
    return {
        "number": lesion.number,
        "class": segmenter.classes[lesion.value - 2],
        "diameter_mm": round(ball_mm(volume_mm3), 2),
        "volume_ml": round(volume_mm3 / 1000, 3),
        "centre_voxel": [round(float(n), 1) for n in lesion.centre],
        "centre_ras_mm": [round(float(n), 1) for n in centre],
    }


def write(
    ct: Volume,
    found: Segmentation,
    report: dict[str, Any],
    output: Path,
    beside: Path | None,
    dicom_seg: Path | None = None,
    source: Path | None = None,
) -> None:
    """Writes the labels with their report, and what else is asked for: all or nothing."""
    from dataclasses import replace

    from TextoMorphLib.io import dicom_seg as seg
    from TextoMorphLib.io import formats, outputs
    from TextoMorphLib.io.volume import Volume

    note = (
        f"segmentation: TextoMorph {report['version']} model {report['model']['name']} {report['model']['sha256'][:16]}"
    )
    also: dict[Path, Callable[[Path], Any]] = {}
    if dicom_seg and source:
        also[dicom_seg] = lambda place: seg.write(found.labels, report, place, source)
    if beside and found.probability is not None:
        scaled = replace(Volume.from_array(found.probability, ct.affine), slope=1 / 255)
        also[beside] = lambda place: formats.writer(beside)(scaled, place, note)
    outputs.write_image(Volume.from_array(found.labels, ct.affine), report, output, note, also=also)
