"""A synthetic scan as a DICOM series that says what it is: derived, synthetic, by which text, seed and model.

Patient and study are made up unless the real ones are asked for: a synthetic tumour must not land in a patient's file
by itself. Which of the two was done stands in every image and in the report.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from nibabel import orientations
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io import frame_of_reference, outputs
from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.io.formats.dicom import header_of, is_image
from TextoMorphLib.io.formats.itk import LPS_TO_RAS
from TextoMorphLib.io.volume import Array, Volume

REPORT = "report.json"
SEGMENTATION = "mask-seg.dcm"
PATIENT = {"PatientName": "Synthetic^TextoMorph", "PatientID": "TEXTOMORPH", "PatientBirthDate": "", "PatientSex": ""}
FRAME = "FrameOfReferenceUID"
# What a source series gives when it is asked for: who, and which study.
IDENTITY = (
    *PATIENT,
    "PatientAge",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    FRAME,
    "PositionReferenceIndicator",
)
LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
# What it always gives: how the patient lay, how the scan was taken, and what compression has done to it.
ACQUISITION = (
    "PatientPosition",
    "BodyPartExamined",
    "Laterality",
    "KVP",
    *LOSSY,
)
MADE_UP = "patient and study are made up"
KEPT = "patient and study are those of the real scan, kept on request"
LONGEST = {"SeriesDescription": 64, "DerivationDescription": 1024}  # characters, of VR LO and ST


def check(folder: Path, segmentation: bool = False) -> None:
    """Makes sure that a series can be written, before any work is done.

    Args:
        folder: The series' folder; must be new or empty, for nothing is ever mixed or replaced.
        segmentation: Whether the mask is to be written too.

    Raises:
        InputError: What is in the way.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"cannot write a DICOM series to {folder}: it exists and is not empty; name a new folder")
    if not folder.resolve().parent.is_dir():
        raise InputError(f"cannot write {folder}: the folder {folder.parent} does not exist; make it first")
    if not os.access(folder.resolve().parent, os.W_OK):
        raise InputError(f"cannot write {folder}: no permission to write in {folder.parent}")
    if segmentation:
        _highdicom()


def check_scan(volume: Volume, folder: Path, source: Path | None = None, keep_patient: bool = False) -> None:
    """Makes sure that what is made from a scan can be written, before the work that takes long.

    Args:
        volume: The scan, or what was made from it.
        folder: The series' folder, as `check` takes it.
        source: A DICOM file, or the folder of the series, that the scan was read from.
        keep_patient: Whether patient and study are to be the source's.

    Raises:
        InputError: What is in the way: the grid, the HU, no source to take a patient from, a place that takes no files.
    """
    if keep_patient and source is None:
        raise InputError("--keep-patient needs a scan that is a DICOM series; patient and study are made up without it")
    study = _header(source, ("StudyInstanceUID",)).get("StudyInstanceUID")
    if keep_patient and not study:
        raise InputError(f"--keep-patient: {source} names no study (StudyInstanceUID) to keep; leave it out")
    _whole_hu(volume)
    along_row, along_column = (volume.affine[:3, axis] for axis in _in_plane(volume.affine))
    if abs(along_row @ along_column) > 1e-4 * np.linalg.norm(along_row) * np.linalg.norm(along_column):
        raise InputError("the grid's rows and columns are not at right angles; DICOM cannot hold such slices")
    try:
        tempfile.TemporaryDirectory(dir=folder.resolve().parent).cleanup()
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error


def _in_plane(affine: Array) -> tuple[int, int]:
    """The axes of a scan that become an image's rows and columns: those that run least along the patient."""
    along = orientations.io_orientation(affine)[:, 0]
    return int(np.flatnonzero(along == 0)[0]), int(np.flatnonzero(along == 1)[0])


def write(
    volume: Volume,
    report: Mapping[str, Any],
    folder: Path,
    source: Path | None = None,
    mask: Array | None = None,
    progress: Callable[[int, int], Any] | None = None,
    keep_patient: bool = False,
) -> str:
    """Writes a synthetic scan as a series of CT images with its report; the whole folder or nothing.

    The slices are axial, or as near to it as the grid allows: rows run to the patient's left, columns to the back. HU
    are stored as whole numbers. Every run makes new UIDs, so that no two exports are taken for one; but what
    was made from one series lies in one space, whose UID is made up from the series' own, and so do their masks.

    Args:
        volume: The scan.
        report: The `Synthesis.report` of it.
        folder: New or empty; gets one file a slice, and the report as JSON.
        source: A DICOM file, or the folder of the series, that the scan was made from: how it was taken comes from it.
        mask: Boolean, of the scan's shape: written too, as a DICOM segmentation.
        progress: Called with (slices written, slices in all); may return False to cancel.
        keep_patient: Take patient and study from the source, too; else they are made up.

    Returns:
        Whose patient and study they are, `MADE_UP` or `KEPT`; every image and the report say it, too.

    Raises:
        InputError: The folder is not empty, the grid's rows and columns are not at right angles, the HU do not fit
            16 bits, the source is no DICOM or missing, `mask` without highdicom installed, the disk refuses.
        Cancelled: `progress` returned False.
    """
    check(folder, mask is not None)
    with replacing(folder) as (beside,):
        return fill(beside, volume, report, source, mask, progress, keep_patient)


def fill(
    folder: Path,
    volume: Volume,
    report: Mapping[str, Any],
    source: Path | None = None,
    mask: Array | None = None,
    progress: Callable[[int, int], Any] | None = None,
    keep_patient: bool = False,
) -> str:
    """Makes a folder and writes the series into it; the same as `write`, for who sees to it that all or none stays."""
    check_scan(volume, folder, source, keep_patient)
    whose = KEPT if keep_patient else MADE_UP
    to_lps = orientations.ornt_transform(
        orientations.io_orientation(volume.affine), orientations.axcodes2ornt(("L", "P", "S"))
    )
    hu = orientations.apply_orientation(_whole_hu(volume), to_lps)
    affine = LPS_TO_RAS @ volume.affine @ orientations.inv_ornt_aff(to_lps, volume.shape)
    wanted = (*ACQUISITION, *(IDENTITY if keep_patient else ()))
    images = _images(hu, affine, _shared(report, _header(source, wanted), wanted, whose))
    folder.mkdir()
    for number, image in enumerate(images, 1):
        image.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)
        if progress is not None and progress(number, len(images)) is False:
            raise Cancelled("cancelled")
    if mask is not None:
        painted = orientations.apply_orientation(mask.astype(np.uint8), to_lps)
        _segmentation(images, painted, report).save_as(folder / SEGMENTATION)
    told = {**report, "dicom": whose}
    (folder / REPORT).write_text(outputs.to_json(told) + "\n", encoding="utf-8")
    return whose


def _whole_hu(volume: Volume) -> Array:
    hu = np.rint(volume.hu())
    limits = np.iinfo(np.int16)
    if not np.isfinite(hu).all() or hu.min() < limits.min or hu.max() > limits.max:
        raise InputError(f"a DICOM CT holds HU from {limits.min} to {limits.max}; the scan has others, or NaN")
    return np.asarray(hu.astype(np.int16))


def _header(source: Path | None, wanted: Sequence[str]) -> Dataset:
    """What the source series says of the attributes that are wanted; empty where there is none."""
    if source is None:
        return Dataset()
    files = sorted(path for path in source.iterdir() if path.is_file()) if source.is_dir() else [source]
    tags = (*wanted, *LOSSY, FRAME, "SOPClassUID")
    found = [header for path in files if (header := header_of(path, tags))]
    images = [header for header in found if is_image(header)]
    if not images:
        raise InputError(f"{source} is no DICOM image or series; what stands in its header cannot be taken over")
    # What was lost in one slice is lost to the series.
    return next((header for header in images if header.get(LOSSY[0]) == "01"), images[0])


def _shared(report: Mapping[str, Any], source: Dataset, wanted: Sequence[str], whose: str) -> Dataset:
    """What all slices say alike."""
    now = datetime.now()
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for name, value in PATIENT.items():
        setattr(made, name, value)
    made.StudyInstanceUID = generate_uid()
    made.FrameOfReferenceUID = frame_of_reference.stand_in(str(source.get(FRAME) or ""))
    made.StudyDate, made.StudyTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    made.StudyID = made.AccessionNumber = made.ReferringPhysicianName = made.PositionReferenceIndicator = ""
    made.PatientPosition, made.KVP, made.BodyPartExamined = "HFS", None, "ABDOMEN"
    made.LossyImageCompression = "00"
    for name in wanted:
        if source.get(name) not in (None, "") and is_valid(source[name]):
            value = source[name].value
            setattr(made, name, str(value) if source[name].VR == "PN" else value)

    made.SOPClassUID, made.Modality = CTImageStorage, "CT"
    made.SyntheticData = "YES"
    made.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    made.SeriesInstanceUID, made.SeriesNumber = generate_uid(), 9000
    made.SeriesDescription = _cut("SeriesDescription", f"SYNTHETIC: {report['text']}")
    made.DerivationDescription = _cut("DerivationDescription", _derivation(report))
    made.ContributingEquipmentSequence = [_equipment(report, now)]
    made.Manufacturer, made.ManufacturerModelName = "TextoMorph", report["model"]["name"]
    made.SoftwareVersions = report["versions"]["textomorph"]
    made.SeriesDate = made.ContentDate = now.strftime("%Y%m%d")
    made.SeriesTime = made.ContentTime = now.strftime("%H%M%S")
    made.AcquisitionNumber = None
    made.BurnedInAnnotation = "NO"
    made.ImageComments = f"SYNTHETIC; {whose}"
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 1
    made.RescaleIntercept, made.RescaleSlope, made.RescaleType = 0, 1, "HU"
    made.WindowCenter, made.WindowWidth = 40, 400
    return made


def is_valid(element: pydicom.DataElement) -> bool:
    """Whether a value is what the standard has for its kind; others (a birth date of 00000000) are left out."""
    kinds: dict[str, Any] = {"DA": pydicom.valuerep.DA, "TM": pydicom.valuerep.TM}
    values = element.value if element.VM > 1 else [element.value]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for value in values:
                kinds.get(element.VR, str)(value)
                pydicom.valuerep.validate_value(element.VR, str(value), pydicom.config.RAISE)
    except Exception:  # each kind of value has its own way to be wrong
        return False
    return True


def _derivation(report: Mapping[str, Any]) -> str:
    model = report["model"]
    settings = f"seed {report['seed']}, {report['steps']} steps, guidance {report['guidance']:g}, {report['organ']}"
    return f"Synthetic tumour; not a patient's finding. Model {model['name']} {model['sha256'][:16]}, {settings}. " + (
        f"Text: {report['text']}"
    )


def _equipment(report: Mapping[str, Any], now: datetime) -> Dataset:
    """TextoMorph as a contributor to the image, as the standard wants it of what changes pixels."""
    purpose = Dataset()
    code = codes.DCM.ProcessingEquipment
    purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning = code.value, "DCM", code.meaning
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [purpose]
    item.Manufacturer, item.ManufacturerModelName = "TextoMorph", report["model"]["name"]
    item.SoftwareVersions = report["versions"]["textomorph"]
    item.ContributionDateTime = now.strftime("%Y%m%d%H%M%S")
    item.ContributionDescription = "Put a synthetic tumour into the image"
    return item


def _cut(name: str, text: str) -> str:
    """A text as an attribute can hold it: one line, no backslash (which parts values), not too long."""
    plain = " ".join(text.replace("\\", "/").split())
    return plain if len(plain) <= LONGEST[name] else plain[: LONGEST[name] - 1] + "\u2026"


def _images(hu: Array, affine: Array, shared: Dataset) -> list[Dataset]:
    """One CT image a slice.

    Args:
        hu: int16, axes towards Left, Posterior, Superior.
        affine: Its index to LPS mm.
        shared: What all of them say.
    """
    along_row, along_column, _ = (affine[:3, axis] / np.linalg.norm(affine[:3, axis]) for axis in range(3))
    column_mm, row_mm = (float(np.linalg.norm(affine[:3, axis])) for axis in range(2))
    normal = np.cross(along_row, along_column)
    images = []
    for k in range(hu.shape[2]):
        image = Dataset()
        image.update(shared)
        image.SOPInstanceUID, image.InstanceNumber = generate_uid(), k + 1
        image.ImageOrientationPatient = [_decimal(number) for number in (*along_row, *along_column)]
        image.ImagePositionPatient = [_decimal(number) for number in affine[:3, 3] + k * affine[:3, 2]]
        image.PixelSpacing = [_decimal(row_mm), _decimal(column_mm)]
        image.SliceThickness = _decimal(abs(normal @ affine[:3, 2]))
        image.Columns, image.Rows = hu.shape[:2]
        image.PixelData = np.ascontiguousarray(hu[:, :, k].T, "<i2").tobytes()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        images.append(image)
    return images


def _decimal(number: Any) -> pydicom.valuerep.DSfloat:
    return pydicom.valuerep.DSfloat(float(number), auto_format=True)  # at most 16 characters


def _highdicom() -> Any:
    try:
        import highdicom
    except ImportError as error:
        raise InputError("a DICOM segmentation needs highdicom; pip install 'highdicom>=0.25'") from error
    return highdicom


def _segmentation(images: list[Dataset], mask: Array, report: Mapping[str, Any]) -> Dataset:
    """The mask as a DICOM segmentation that refers to the series.

    Args:
        images: The slices.
        mask: 0 and 1, the axes of the slices' stack.
        report: For the software's version.
    """
    seg = _highdicom().seg
    version = report["versions"]["textomorph"]
    segment = seg.SegmentDescription(
        segment_number=1,
        segment_label="Synthetic tumour",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    made: Dataset = seg.Segmentation(
        source_images=images,
        pixel_array=np.ascontiguousarray(mask.transpose(2, 1, 0)),
        segmentation_type=seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[segment],
        series_instance_uid=generate_uid(),
        series_number=9001,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="TextoMorph",
        manufacturer_model_name=report["model"]["name"],
        software_versions=version,
        device_serial_number="none",
        series_description="SYNTHETIC: mask",
        content_description="Where the synthetic tumour is",
    )
    made.SyntheticData = "YES"
    return made
