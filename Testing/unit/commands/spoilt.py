"""What can be wrong with what `generate` is given: each case spoils good arguments and has the words of its refusal."""

from __future__ import annotations

import gzip
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

Arguments = dict[str, str]
Spoil = Callable[[Path, Arguments], None]
CASES: dict[str, tuple[Spoil, str]] = {}


def case(words: str) -> Callable[[Spoil], Spoil]:
    """Register a case: what makes the input bad, and words that the error must hold."""

    def register(spoil: Spoil) -> Spoil:
        CASES[spoil.__name__] = (spoil, words)
        return spoil

    return register


def rewrite(path: str, change: Callable[[np.ndarray], np.ndarray], affine: np.ndarray | None = None) -> None:
    """Change the voxels, or the grid, of a NIfTI file."""
    image = nib.Nifti1Image.from_filename(path)
    data = change(np.asarray(image.dataobj))
    nib.save(nib.Nifti1Image(data, image.affine if affine is None else affine), path)


def patch_header(path: str, offset: int, value: bytes) -> None:
    raw = bytearray(gzip.decompress(Path(path).read_bytes()))
    raw[offset : offset + len(value)] = value
    Path(path).write_bytes(gzip.compress(bytes(raw)))


@case("does not exist")
def missing_ct(folder: Path, given: Arguments) -> None:
    given["ct"] = str(folder / "no such scan.nii.gz")


@case("does not exist")
def missing_mask(folder: Path, given: Arguments) -> None:
    given["--mask"] = str(folder / "no such mask.nii.gz")


@case("no ordinary file")
def scan_is_a_pipe(folder: Path, given: Arguments) -> None:
    given["ct"] = str(folder / "pipe.nii.gz")
    os.mkfifo(given["ct"])


@case("no ordinary file")
def output_is_a_pipe(folder: Path, given: Arguments) -> None:
    given["--output"], given["--overwrite"] = str(folder / "pipe.nii.gz"), ""
    os.mkfifo(given["--output"])


@case("is one of the inputs")
def output_is_a_hard_link_of_the_scan(folder: Path, given: Arguments) -> None:
    given["--output"], given["--overwrite"] = str(folder / "other.nii.gz"), ""
    os.link(given["ct"], given["--output"])


@case("DICOM")
def folder_without_dicom(folder: Path, given: Arguments) -> None:
    (folder / "series").mkdir()
    (folder / "series" / "notes.txt").write_text("no scan here")
    given["ct"] = str(folder / "series")


@case("cut short")
def truncated_ct(folder: Path, given: Arguments) -> None:
    content = Path(given["ct"]).read_bytes()
    Path(given["ct"]).write_bytes(content[: len(content) // 2])


@case("not gzip")
def text_named_nifti(folder: Path, given: Arguments) -> None:
    Path(given["ct"]).write_text("this is no image")


@case("format")
def unknown_input_format(folder: Path, given: Arguments) -> None:
    shutil.copy(given["ct"], folder / "ct.jpg")
    given["ct"] = str(folder / "ct.jpg")


@case("3D")
def flat_ct(folder: Path, given: Arguments) -> None:
    rewrite(given["ct"], lambda hu: hu[:, :, 0])


@case("3D")
def ct_over_time(folder: Path, given: Arguments) -> None:
    rewrite(given["ct"], lambda hu: np.stack([hu, hu], axis=-1))


@case("empty")
def empty_mask(folder: Path, given: Arguments) -> None:
    rewrite(given["--mask"], np.zeros_like)


def organ_of(given: Arguments, folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    given["--organ-mask"] = str(folder / "organ.nii.gz")
    shutil.copy(given["--mask"], given["--organ-mask"])
    rewrite(given["--organ-mask"], change)


@case("the organ's mask holds 0.00 ml of healthy tissue")
def organ_is_empty(folder: Path, given: Arguments) -> None:
    organ_of(given, folder, np.zeros_like)


@case("give the mask of the whole organ")
def organ_is_the_lesion(folder: Path, given: Arguments) -> None:
    organ_of(given, folder, np.asarray)


@case("give the mask of the whole organ")
def organ_is_a_few_voxels_more_than_the_lesion(folder: Path, given: Arguments) -> None:
    def more(mask: np.ndarray) -> np.ndarray:
        mask[:4, :4, :2] = 1
        return mask

    organ_of(given, folder, more)


@case("--resample-mask")
def mask_on_another_grid(folder: Path, given: Arguments) -> None:
    rewrite(given["--mask"], lambda mask: mask[:-3])


@case("outside")
def mask_outside(folder: Path, given: Arguments) -> None:
    affine = nib.Nifti1Image.from_filename(given["--mask"]).affine.copy()
    affine[0, 3] += 5000
    rewrite(given["--mask"], np.asarray, affine)
    given["--resample-mask"] = ""


@case("covers")
def mask_over_most_of_the_scan(folder: Path, given: Arguments) -> None:
    rewrite(given["--mask"], np.ones_like)


def with_voxel(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(hu: np.ndarray) -> np.ndarray:
        hu = hu.astype(np.float32)
        hu[1, 2, 3] = value
        return hu

    return change


@case("NaN")
def nan_voxel(folder: Path, given: Arguments) -> None:
    rewrite(given["ct"], with_voxel(np.nan))


@case("infinite")
def infinite_voxel(folder: Path, given: Arguments) -> None:
    rewrite(given["ct"], with_voxel(np.inf))


@case("not in HU")
def mr_like(folder: Path, given: Arguments) -> None:
    rewrite(given["ct"], lambda hu: np.clip(hu + 1000, 0, None).astype(np.int16))


@case("not in HU")
def eight_bits(folder: Path, given: Arguments) -> None:
    rewrite(given["ct"], lambda hu: np.clip((hu + 160) / 400 * 255, 0, 255).astype(np.uint8))


@case("spacing")
def zero_spacing(folder: Path, given: Arguments) -> None:
    patch_header(given["ct"], 76 + 4, np.float32(0).tobytes())


@case("spacing")
def negative_spacing(folder: Path, given: Arguments) -> None:
    patch_header(given["ct"], 76 + 8, np.float32(-1).tobytes())


@case("text is empty")
def empty_text(folder: Path, given: Arguments) -> None:
    given["--text"] = "  \n"


@case("unknown organ 'brain'")
def unknown_organ(folder: Path, given: Arguments) -> None:
    given["--organ"] = "brain"


@case("unknown model 'nonsuch'")
def unknown_model(folder: Path, given: Arguments) -> None:
    given["--model"] = "nonsuch"


@case("unknown device 'tpu'")
def unknown_device(folder: Path, given: Arguments) -> None:
    given["--device"] = "tpu"


@case("device 'cuda:63' is not there")
def absent_cuda_device(folder: Path, given: Arguments) -> None:
    given["--device"] = "cuda:63"


@case("steps 0")
def no_steps(folder: Path, given: Arguments) -> None:
    given["--steps"] = "0"


@case("--seed")
def negative_seed(folder: Path, given: Arguments) -> None:
    given["--seed"] = "-1"


@case("nan")
def guidance_is_no_number(folder: Path, given: Arguments) -> None:
    given["--guidance"] = "nan"


@case("Invalid value for '--steps'")
def steps_in_words(folder: Path, given: Arguments) -> None:
    given["--steps"] = "many"


@case("SHA-256")
def damaged_model(folder: Path, given: Arguments) -> None:
    weights = Path(given["--model"]) / "denoiser.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")


@case("denoiser.safetensors")
def pickle_for_weights(folder: Path, given: Arguments) -> None:
    from TextoMorphLib.models import bundle

    (Path(given["--model"]) / "denoiser.safetensors").write_bytes(pickle.dumps({"weight": [1.0]}))
    bundle.seal(Path(given["--model"]))


@case("a pickle")
def pickle_beside_weights(folder: Path, given: Arguments) -> None:
    (Path(given["--model"]) / "denoiser.pt").write_bytes(pickle.dumps({"weight": [1.0]}))


@case("exists")
def output_exists(folder: Path, given: Arguments) -> None:
    Path(given["--output"]).write_text("earlier work")


@case("out.json exists")
def report_exists(folder: Path, given: Arguments) -> None:
    (folder / "out.json").write_text("{}")


@case("is a folder")
def output_is_a_folder(folder: Path, given: Arguments) -> None:
    Path(given["--output"]).mkdir()


@case("does not exist; make it first")
def output_in_no_folder(folder: Path, given: Arguments) -> None:
    given["--output"] = str(folder / "nowhere" / "out.nii.gz")


@case("does not exist; make it first")
def output_below_a_file(folder: Path, given: Arguments) -> None:
    given["--output"] = str(Path(given["ct"]) / "out.nii.gz")


@case("permission")
def output_in_a_locked_folder(folder: Path, given: Arguments) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    (folder / "locked").mkdir(mode=0o500)
    given["--output"] = str(folder / "locked" / "out.nii.gz")


@case("the name must end in")
def unknown_output_format(folder: Path, given: Arguments) -> None:
    given["--output"] = str(folder / "out.dcm")


@case("one of the inputs")
def output_is_the_ct(folder: Path, given: Arguments) -> None:
    given["--output"] = given["ct"]
    given["--overwrite"] = ""


@case(".png")
def picture_is_no_png(folder: Path, given: Arguments) -> None:
    given["--picture"] = str(folder / "picture.jpg")


@case("holds 2 labels: 1, 2; choose the lesion's with --label N")
def mask_with_several_labels(folder: Path, given: Arguments) -> None:
    def two(mask: np.ndarray) -> np.ndarray:
        mask = mask.copy()
        mask[tuple(np.argwhere(mask)[0])] = 2
        return mask

    rewrite(given["--mask"], two)


@case("holds 2 labels: 1, 2; give a mask that holds the organ alone")
def organ_mask_with_several_labels(folder: Path, given: Arguments) -> None:
    given["--organ-mask"] = str(folder / "organ.nii.gz")
    shutil.copy(given["--mask"], given["--organ-mask"])
    mask_with_several_labels(folder, {**given, "--mask": given["--organ-mask"]})


@case("no label 7")
def label_that_is_not_there(folder: Path, given: Arguments) -> None:
    given["--label"] = "7"


@case("--assume-hu")
def offset_applied_twice(folder: Path, given: Arguments) -> None:
    rewrite(given["ct"], lambda hu: (hu - 1024).astype(np.int16))


@case("is not UTF-8; rename")
def name_that_is_no_unicode(folder: Path, given: Arguments) -> None:
    odd = folder / os.fsdecode(b"h\xe4m.nii.gz")
    shutil.copy(given["ct"], odd)
    given["ct"] = str(odd)


@case("is not UTF-8; rename")
def output_that_is_no_unicode(folder: Path, given: Arguments) -> None:
    given["--output"] = str(folder / os.fsdecode(b"h\xe4m.mha"))


@case("is longer than 255 bytes")
def output_with_a_name_too_long(folder: Path, given: Arguments) -> None:
    given["--output"] = str(folder / ("o" * 300 + ".nii.gz"))


@case("valid Unicode")
def text_that_is_no_unicode(folder: Path, given: Arguments) -> None:
    given["--text"] = os.fsdecode(b"h\xe4m")


@case("damaged")
def unknown_voxel_type(folder: Path, given: Arguments) -> None:
    patch_header(given["ct"], 70, np.int16(1).tobytes())


@case("a DICOM CT holds HU from -32768 to 32767")
def too_bright_for_dicom(folder: Path, given: Arguments) -> None:
    def metal(hu: np.ndarray) -> np.ndarray:
        hu = hu.astype(np.int32)
        hu[3, 3, 3] = 33_000
        return hu

    rewrite(given["ct"], metal)
    given["--dicom"] = str(folder / "series")


@case("not at right angles")
def sheared_for_dicom(folder: Path, given: Arguments) -> None:
    affine = nib.Nifti1Image.from_filename(given["ct"]).affine.copy()
    affine[0, 1] += 0.2
    for name in ("ct", "--mask"):
        rewrite(given[name], np.asarray, affine)
    given["--dicom"] = str(folder / "series")
