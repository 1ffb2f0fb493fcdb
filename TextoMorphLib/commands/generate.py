"""`textomorph generate`: one described tumour in one CT, or several with words of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from TextoMorphLib.batches.job import Job, Part, make
from TextoMorphLib.batches.job_lines import part
from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.io.provenance import provenance

if TYPE_CHECKING:
    import numpy as np

    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.synthesis import Synthesis
    from TextoMorphLib.synthesis.several import Lesion

Picture = Annotated[
    Path | None, typer.Option("--picture", metavar="PNG", help="Also draw before, after and difference.")
]
Dicom = Annotated[
    Path | None, typer.Option("--dicom", metavar="DIR", help="Also write a DICOM series, to a new folder.")
]


DicomSeg = Annotated[bool, typer.Option("--dicom-seg", help="With the mask as a DICOM segmentation (needs highdicom).")]
KeepPatient = Annotated[
    bool, typer.Option("--keep-patient", help="The DICOM series gets the real patient and study, not made-up ones.")
]


def generate(
    ct: common.Ct,
    out: Annotated[
        Path, typer.Option("--output", metavar="OUT", help="The new scan; its report (.json) goes beside it.")
    ],
    mask: Annotated[
        Path | None, typer.Option("--mask", metavar="FILE", help="Where the tumour goes: a mask on the CT's grid.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="The tumour, in the words of a radiology report.")] = None,
    lesions: Annotated[
        Path | None,
        typer.Option("--lesions", metavar="FILE", help="Several lesions, in the place of --mask and --text."),
    ] = None,
    organ: common.Organ = "liver",
    seed: common.Seed = 0,
    steps: common.Steps = None,
    guidance: common.Guidance = None,
    preset: common.Preset = "final",
    replace: common.Replace = False,
    texture: common.Texture = True,
    hedges: common.Hedges = "marked",
    device: common.Device = "auto",
    source: common.Source = "words",
    model: common.Model = "starter",
    resample_mask: common.ResampleMask = False,
    label: common.Label = None,
    assume_hu: common.AssumeHu = False,
    organ_mask: common.OrganMask = None,
    picture: Picture = None,
    dicom: Dicom = None,
    dicom_seg: DicomSeg = False,
    keep_patient: KeepPatient = False,
    overwrite: common.Overwrite = False,
) -> None:
    """Put a described tumour into a CT.

    The new scan keeps the CT's grid, type and header; voxels over 4 mm outside the mask keep their very
    values. The report holds what was asked, what was measured, and all it takes to make the same again.

    With --lesions, each line of FILE is {"mask", "text"}, and may hold "organ", "label" and "seed"; relative paths
    start at its folder. All of them go into the one scan, one after the other; they may not overlap.

    A DICOM series is marked as derived and synthetic, with new UIDs and a made-up patient; where CT is a DICOM
    folder, --keep-patient takes patient and study from it.
    """
    parts = _parts(mask, text, lesions)
    if lesions:
        outputs.check_image(out, inputs=[lesions], overwrite=overwrite)
    settings = (organ, seed, steps, guidance, preset, replace, label, resample_mask, assume_hu, texture)
    job = Job(ct, mask, text or "", out, *settings, parts, hedges, organ_mask)
    for option, given in {"--dicom-seg": dicom_seg, "--keep-patient": keep_patient}.items():
        if given and dicom is None:
            raise InputError(f"{option} goes with --dicom DIR; name the folder of the DICOM series")
    run(
        job, model, device, source,
        picture=picture, dicom=dicom, dicom_seg=dicom_seg, keep_patient=keep_patient, overwrite=overwrite,
    )  # fmt: skip


def _parts(mask: Path | None, text: str | None, lesions: Path | None) -> tuple[Part, ...]:
    """The lines of a file of lesions; none where one mask and one text are given.

    Raises:
        InputError: Both are given, or neither; a line is no lesion.
    """
    if lesions is None:
        if mask is None or text is None:
            raise InputError("--mask FILE and --text TEXT are needed, or --lesions FILE for several lesions")
        return ()
    if mask is not None or text is not None:
        raise InputError("--lesions FILE names the masks and texts; leave out --mask and --text")
    found = []
    for number, line in common.read_lines(lesions):
        try:
            found.append(part(line, lesions.parent))
        except InputError as error:
            raise InputError(f"{lesions.name} line {number}: {error}") from error
    return tuple(found)


def _save(content: bytes, place: Path) -> None:
    place.write_bytes(content)


def run(
    job: Job,
    model: str = "starter",
    device: str = "auto",
    source: str = "words",
    *,
    picture: Path | None = None,
    dicom: Path | None = None,
    dicom_seg: bool = False,
    keep_patient: bool = False,
    overwrite: bool = False,
) -> Synthesis:
    """Check everything from the cheapest on, make the tumour, and say on stdout what came out.

    Raises:
        InputError: The first thing that is wrong; nothing was written then.
    """
    job.check(overwrite)
    if picture:
        outputs.check_figure(picture, inputs=(*job.inputs, job.output), overwrite=overwrite)
    if dicom:
        from TextoMorphLib.io import dicom_export

        dicom_export.check(dicom, dicom_seg)
        _check_apart(dicom, (job.output, outputs.report_path(job.output), *filter(None, [picture])))
    from TextoMorphLib.models import device as devices
    from TextoMorphLib.sources import scans
    from TextoMorphLib.synthesis import several

    devices.resolve(device)
    name = scans.named(source, model)
    ct, lesions, doubts = job.read()
    original = job.ct if job.ct.is_dir() else None
    if dicom:
        dicom_export.check_scan(ct, dicom, original, keep_patient)
    organ = job.read_organ(ct, lesions)
    said = _where(ct, lesions, organ)
    mask = several.union(lesions, ct.shape)
    with common.progress("generating") as step:
        synthesizer = scans.load(name, device)
        for number, lesion in enumerate(lesions, start=1):
            said += _understood(lesion, ct, job, organ, f"lesion {number}: " if len(lesions) > 1 else "")

        def also(made: Synthesis) -> dict[Path, Callable[[Path], Any]]:
            more: dict[Path, Callable[[Path], Any]] = {}
            if picture:
                more[picture] = _figure(ct, made, mask, job)
            if dicom:
                series = partial(dicom_export.fill, volume=made.volume, report=made.report, source=original)
                more[dicom] = partial(series, mask=mask if dicom_seg else None, keep_patient=keep_patient)
            return more

        synthesis = make(job, name, synthesizer, ct, lesions, step, doubts, overwrite, also)

    _show(synthesis.report, (*doubts, *said))
    for path in filter(None, (job.output, outputs.report_path(job.output), picture, dicom)):
        typer.echo(f"wrote {path}")
    if dicom:
        typer.echo(f"DICOM: {dicom_export.KEPT if keep_patient else dicom_export.MADE_UP}")
    return synthesis


def _understood(lesion: Lesion, ct: Volume, job: Job, organ: np.ndarray | None, named: str) -> list[str]:
    """Shows what is understood of a lesion's text, and warns of what in it does not go together; the warnings."""
    from TextoMorphLib.spatial.region import diameters_mm
    from TextoMorphLib.synthesis import room
    from TextoMorphLib.text import plausibility
    from TextoMorphLib.text.understanding import understand

    meant = understand(lesion.text, lesion.organ, job.hedges)
    for line in meant.lines():
        typer.echo(named + line)
    mask = lesion.mask(ct.shape)
    sizes = [each for mm in diameters_mm(ct, mask) for each in plausibility.other_size(meant, mm)]
    no_room = room.before(meant, ct, mask, job.replace, organ)
    warnings = list(dict.fromkeys([*meant.warnings(), *sizes, *no_room]))
    for warning in warnings:
        common.warn(named + warning)
    return [*warnings, *(named + warning for warning in warnings)]


def _check_apart(series: Path, files: Iterable[Path]) -> None:
    for written in files:
        if series.resolve() in (written.resolve(), *written.resolve().parents):
            raise InputError(f"{written} and the DICOM series {series} are at one place; name a folder of its own")


def _where(ct: Volume, lesions: Sequence[Lesion], organ: np.ndarray | None) -> list[str]:
    """Warns of what the masks lie on, before the work; what is said."""
    from TextoMorphLib.synthesis.several import placement_warnings

    said = placement_warnings(ct, lesions, organ)
    for warning in said:
        common.warn(warning)
    return said


def _figure(ct: Volume, made: Synthesis, mask: np.ndarray, job: Job) -> Callable[[Path], Any]:
    """What writes the picture of before, after and difference."""
    from TextoMorphLib.synthesis import pictures

    figure = pictures.before_after(ct, made.volume, mask, title=made.report["text"], note=provenance(job.seed))
    return partial(_save, figure)


def _show(report: dict[str, Any], said: Sequence[str]) -> None:
    """What was asked against what was measured, and what is doubtful and was not said before."""
    from TextoMorphLib.measurement import expectations
    from TextoMorphLib.text import effects

    each = report.get("each", [report])
    for index, asked in enumerate(each, start=1):
        for line in effects.lines(asked["unsaid"]) if "unsaid" in asked else ():
            typer.echo((f"lesion {index}: " if len(each) > 1 else "") + line)
    several = len(report["asked"]) > 1
    for index, rows in enumerate(report["asked"], start=1):
        for line in expectations.lines(rows):
            typer.echo((f"lesion {index}: " if several else "") + line)
    typer.echo(f"done in {sum(report['seconds'].values()):.1f} s on {report['device']}")
    for note in (*report["warnings"], *report["notes"]):
        if note not in said:
            common.warn(note)
