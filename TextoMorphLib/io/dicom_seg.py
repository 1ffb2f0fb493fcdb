"""Labels as a DICOM segmentation that refers to the series they were made from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.io.dicom_export import is_valid
from TextoMorphLib.io.volume import Array


def write(labels: Array, report: Mapping[str, Any], path: Path, source: Path) -> None:
    """Writes a DICOM segmentation, one segment a label that is there.

    Args:
        labels: uint8, on the grid on which `Volume.read` reads the series.
        report: `values` (name to numbers), `model` and `version`.
        path: The new file.
        source: Folder of the series.

    Raises:
        InputError: highdicom is not installed, nothing is segmented, or the slices cannot be told apart.
    """
    try:
        import highdicom
    except ImportError as error:
        raise InputError("a DICOM segmentation needs highdicom; pip install 'highdicom>=0.25'") from error
    names = {number: name for name, numbers in report["values"].items() for number in numbers}
    there = [number for number in sorted(names) if (labels == number).any()]
    if not there:
        raise InputError("nothing was found; a DICOM segmentation cannot be empty")
    seg = highdicom.seg
    frames = np.zeros((labels.shape[2], labels.shape[1], labels.shape[0]), np.uint8)
    for at, number in enumerate(there, start=1):
        frames[labels.transpose(2, 1, 0) == number] = at
    with warnings.catch_warnings(), _told(source):
        warnings.simplefilter("ignore")
        made = seg.Segmentation(
            source_images=_slices(source, labels.shape[2]),
            pixel_array=frames,
            segmentation_type=seg.SegmentationTypeValues.BINARY,
            segment_descriptions=_segments([names[number] for number in there], report),
            series_instance_uid=generate_uid(),
            series_number=9002,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="TextoMorph",
            manufacturer_model_name=report["model"]["name"],
            software_versions=report["version"],
            device_serial_number="none",
            series_description="Automatic segmentation, for research only",
        )
    file = pydicom.filebase.DicomBytesIO()
    made.save_as(file)
    outputs.write_bytes(path, file.getvalue())


@contextmanager
def _told(source: Path) -> Iterator[None]:
    """Says in a line what of a series' headers a segmentation cannot take over."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"a DICOM segmentation cannot refer to the series in {source}: {reason}") from error


def _segments(names: list[str], report: Mapping[str, Any]) -> list[Any]:
    """What each segment is, and which model found it."""
    import highdicom

    model = f"{report['model']['name']} {report['model']['sha256'][:16]}"
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="TextoMorph", family=codes.DCM.ArtificialIntelligence, version=f"{report['version']}, {model}"
    )
    organ = (codes.SCT.AnatomicalStructure, codes.SCT.Organ)
    tumour = (codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm)
    found = []
    for at, name in enumerate(names, start=1):
        category, kind = organ if name == "organ" else tumour
        description = highdicom.seg.SegmentDescription(
            segment_number=at,
            segment_label=name[:64],
            segmented_property_category=category,
            segmented_property_type=kind,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
        )
        found.append(description)
    return found


def _slices(folder: Path, count: int) -> list[pydicom.Dataset]:
    """The images of a series, in the order in which `Volume.read` stacks them."""
    found = []
    for path in sorted(folder.iterdir()):
        try:
            image = pydicom.dcmread(path, stop_before_pixels=True) if path.is_file() else None
        except pydicom.errors.InvalidDicomError:
            continue
        if image is not None and "ImagePositionPatient" in image and "ImageOrientationPatient" in image:
            for element in [each for each in image if each.VR in ("DA", "TM") and not is_valid(each)]:
                image[element.tag].value = ""  # such as a birth date of 00000000
            found.append(image)
    if len(found) != count:
        raise InputError(f"{folder} has {len(found)} slices and the segmentation {count}")
    row, column = np.reshape(np.array(found[0].ImageOrientationPatient, float), (2, 3))
    normal = np.cross(row, column)
    return sorted(found, key=lambda image: float(normal @ np.array(image.ImagePositionPatient, float)))
