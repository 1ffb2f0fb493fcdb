"""Volumes: what is read is what the file says, what is written back differs in the changed voxels alone."""

from __future__ import annotations

import gzip
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from nibabel.nifti1 import Nifti1Extension
from test_dicom import series

from TextoMorphLib.errors import Doubt, InputError
from TextoMorphLib.io.masks import read_mask
from TextoMorphLib.io.volume import Volume

SHAPE = (14, 12, 10)
TYPES = (np.int16, np.uint16, np.int32, np.uint8, np.float32, np.float64)


def turn(*degrees: float) -> np.ndarray:
    """Rotation about x, y, z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        i, j = [other for other in range(3) if other != axis]
        one = np.eye(3)
        one[i, i] = one[j, j] = np.cos(angle)
        one[i, j], one[j, i] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ one
    return matrix


def grid(rotation: np.ndarray, spacing: tuple[float, ...] = (0.7, 0.9, 5.0)) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = rotation * spacing
    affine[:3, 3] = (-80.5, 40.25, 1000.0)
    return affine


OBLIQUE = grid(turn(12, -20, 33))
SHEARED = grid(turn(0, 0, 0) + np.array([[0, 0, 0], [0, 0, 0.3], [0, 0, 0]]))


def body(dtype: type = np.int16) -> np.ndarray:
    """HU of a body in air, with noise."""
    hu = np.full(SHAPE, -1000.0)
    hu[2:-2, 2:-2] = -100
    hu[4:-4, 4:-4] = 60
    return (hu + np.random.default_rng(0).normal(0, 12, SHAPE)).astype(dtype)


def nifti(path: Path, data: np.ndarray, affine: np.ndarray = OBLIQUE, kind: type = nib.Nifti1Image) -> Path:
    image = kind(data, affine, dtype=data.dtype)
    image.to_filename(path)
    return path


@pytest.mark.filterwarnings("ignore::TextoMorphLib.errors.Doubt")
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", TYPES)
def test_nifti_goes_back_byte_for_byte(tmp_path: Path, dtype: type, kind: type) -> None:
    image = kind(np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(dtype), OBLIQUE, dtype=dtype)
    image.header["descrip"] = b"a kernel"
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_slope_inter(0.5, -1024)
    image.set_qform(OBLIQUE @ np.diag([1, 1, 2, 1]), code=1)  # unlike the sform, as some files have it
    image.set_sform(OBLIQUE, code=2)
    image.header.extensions.append(Nifti1Extension("comment", b"kept"))
    image.to_filename(tmp_path / "in.nii")

    volume = Volume.read(tmp_path / "in.nii")
    volume.write(tmp_path / "out.nii")
    volume.write(tmp_path / "out.nii.gz")

    assert volume.data.dtype == dtype
    np.testing.assert_allclose(volume.affine, OBLIQUE, atol=1e-4)
    np.testing.assert_allclose(volume.spacing, (0.7, 0.9, 5.0), atol=1e-5)
    np.testing.assert_allclose(volume.hu(), image.dataobj * 0.5 - 1024)
    assert (tmp_path / "out.nii").read_bytes() == (tmp_path / "in.nii").read_bytes()
    assert gzip.decompress((tmp_path / "out.nii.gz").read_bytes()) == (tmp_path / "in.nii").read_bytes()


@pytest.mark.parametrize("content", [b"no DICOM", b"\xff\xfe\x00\x01" * 5])
def test_a_note_leaves_extensions_as_they_are_whatever_they_hold(tmp_path: Path, content: bytes) -> None:
    image = nib.Nifti1Image(body(), OBLIQUE)
    dicom = 2  # what it says that it is
    image.header.extensions += [Nifti1Extension(dicom, content), Nifti1Extension("comment", b"kept")]
    image.to_filename(tmp_path / "in.nii")
    before = (tmp_path / "in.nii").read_bytes()

    Volume.read(tmp_path / "in.nii").write(tmp_path / "out.nii", note="synthetic")

    after = (tmp_path / "out.nii").read_bytes()
    voxels = int(nib.Nifti1Header(before[:348])["vox_offset"])
    assert after[352:voxels] == before[352:voxels]
    assert b"synthetic" in after[voxels : voxels + 32]
    np.testing.assert_array_equal(Volume.read(tmp_path / "out.nii").data, body())


@pytest.fixture
def anybody() -> Iterator[Path]:
    """A folder that anybody may enter; the test goes on as somebody who is not root."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        os.seteuid(os.getuid())


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no such users")
@pytest.mark.parametrize("name", ["in.nii.gz", "in.nrrd", "in.mha", "series"])
def test_what_may_not_be_read_is_no_damaged_file(anybody: Path, name: str) -> None:
    path = anybody / name
    if name == "series":
        path = series(path) / "003"
    else:
        Volume.from_array(body(), grid(np.eye(3))).write(path)
    Volume.read(anybody / name)  # what is imported for it, root alone may read, perhaps
    path.chmod(0)
    if os.geteuid() == 0:
        os.seteuid(65534)
    for read in (Volume.read, lambda path: read_mask(path, Volume.from_array(body(), OBLIQUE))):
        with pytest.raises(InputError, match=f"cannot read .*{path.name}: Permission denied"):
            read(anybody / name)


def test_more_voxels_than_the_header_tells_of_are_told(tmp_path: Path) -> None:
    """As where a header lost slices; a few bytes more are only padding."""
    content = nifti(tmp_path / "in.nii", body()).read_bytes()
    (tmp_path / "padded.nii").write_bytes(content + bytes(64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Volume.read(tmp_path / "padded.nii")
    (tmp_path / "more.nii.gz").write_bytes(gzip.compress(content + bytes(2 * SHAPE[0] * SHAPE[1])))
    with pytest.warns(Doubt, match=r"more voxels than its header tells of \(14 x 12 x 10\)"):
        Volume.read(tmp_path / "more.nii.gz")


def test_big_endian_single_frame_nifti(tmp_path: Path) -> None:
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    nib.Nifti1Image(body()[..., None], OBLIQUE, header).to_filename(tmp_path / "in.nii")

    volume = Volume.read(tmp_path / "in.nii")
    volume.write(tmp_path / "out.nii")
    volume.write(tmp_path / "out.nrrd")

    np.testing.assert_array_equal(volume.hu(), body())
    assert (tmp_path / "out.nii").read_bytes() == (tmp_path / "in.nii").read_bytes()
    np.testing.assert_array_equal(Volume.read(tmp_path / "out.nrrd").data, body())


def test_header_units_are_heeded_and_kept(tmp_path: Path) -> None:
    image = nib.Nifti1Image(body(), np.diag([900, 900, 2000, 1.0]))
    image.header.set_xyzt_units("micron")
    image.to_filename(tmp_path / "in.nii")

    volume = Volume.read(tmp_path / "in.nii")
    volume.write(tmp_path / "out.nii")

    np.testing.assert_allclose(volume.spacing, (0.9, 0.9, 2.0))
    assert (tmp_path / "out.nii").read_bytes() == (tmp_path / "in.nii").read_bytes()


@pytest.mark.parametrize("dtype", TYPES)
def test_hu_change_only_where_told(tmp_path: Path, dtype: type) -> None:
    data = np.random.default_rng(1).integers(0, 200, SHAPE).astype(dtype)
    volume = Volume(data, OBLIQUE, slope=2.0, intercept=-100.0)
    before = data.copy()
    box = (slice(2, 8), slice(3, 9), slice(1, 7))
    changed = np.zeros((6, 6, 6), bool)
    changed[1:3, 2:5, 3] = True

    edited = volume.with_hu(box, np.full((6, 6, 6), 57.3, np.float32), changed)

    expected = np.zeros(SHAPE, bool)
    expected[3:5, 5:8, 4] = True
    np.testing.assert_array_equal(volume.data, before)
    np.testing.assert_array_equal(edited.data[~expected], before[~expected])
    tolerance = 1e-4 if np.dtype(dtype).kind == "f" else 1.0  # half of a slope of 2
    np.testing.assert_allclose(edited.hu()[expected], 57.3, atol=tolerance)
    np.testing.assert_array_equal(edited.hu(box), edited.hu()[box])
    assert edited.data.dtype == dtype


def test_integers_are_rounded_and_clipped() -> None:
    volume = Volume.from_array(np.zeros((2, 2, 2), np.int16), np.eye(4))
    hu = np.array([1e6, -1e6, 1.6, -1.6, 0, 0, 0, 0]).reshape(2, 2, 2)
    edited = volume.with_hu((slice(None),) * 3, hu, np.ones((2, 2, 2), bool))
    assert edited.data.ravel()[:4].tolist() == [32767, -32768, 2, -2]
    with pytest.raises(ValueError, match="finite"):
        volume.with_hu((slice(None),) * 3, hu * np.nan, np.ones((2, 2, 2), bool))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_same_volume_same_bytes(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = Volume.from_array(body(), OBLIQUE)
    volume.write(tmp_path / f"one{suffix}")
    monkeypatch.setattr(time, "time", lambda: 2e9)
    volume.write(tmp_path / f"zwei ü{suffix}")
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"zwei ü{suffix}").read_bytes()


@pytest.mark.parametrize("rotation", [turn(12, -20, 33), np.diag([-1, 1, 1]), turn(90, 0, 0), turn(0, 0, 180)])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_every_format_keeps_voxels_in_their_place(tmp_path: Path, suffix: str, rotation: np.ndarray) -> None:
    """Two other readers, nibabel and ITK, agree on where the voxels of the written file lie."""
    affine = grid(rotation)
    Volume.from_array(body(), affine).write(tmp_path / f"out{suffix}")

    again = Volume.read(tmp_path / f"out{suffix}")
    np.testing.assert_array_equal(again.data, body())
    np.testing.assert_allclose(again.affine, affine, atol=1e-4)

    corner = (13, 5, 9)
    expected = nib.affines.apply_affine(affine, corner)
    by_itk = SimpleITK.ReadImage(str(tmp_path / f"out{suffix}")).TransformIndexToPhysicalPoint(corner)
    np.testing.assert_allclose(by_itk * np.array([-1, -1, 1]), expected, atol=1e-3)
    if suffix == ".nii.gz":
        header = nib.load(tmp_path / f"out{suffix}").header
        for matrix, code in (header.get_qform(coded=True), header.get_sform(coded=True)):
            np.testing.assert_allclose(nib.affines.apply_affine(matrix, corner), expected, atol=1e-3)
            assert code == 1


def test_nrrd_in_ras_space(tmp_path: Path) -> None:
    header = (
        "NRRD0004\ntype: short\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 3 4\n"
        "space directions: (1,0,0) (0,2,0) (0,0,3)\nkinds: domain domain domain\nendian: little\n"
        "encoding: raw\nspace origin: (10,20,30)\n\n"
    )
    (tmp_path / "in.nrrd").write_bytes(header.encode() + np.arange(24, dtype="<i2").tobytes())
    volume = Volume.read(tmp_path / "in.nrrd")
    np.testing.assert_allclose(volume.affine, [[1, 0, 0, 10], [0, 2, 0, 20], [0, 0, 3, 30], [0, 0, 0, 1]])
    assert volume.data[1, 0, 0] == 1
    assert volume.data[0, 0, 3] == 18


@pytest.mark.parametrize(
    ("dtype", "slope", "intercept", "written"),
    [
        (np.uint16, 1, -1024, np.int16),
        (np.int32, 40, 0, np.int32),
        (np.uint32, 4_000_000, 0, np.int64),
        (np.int16, 0.5, 0, np.float32),
    ],
)
def test_rescale_is_worked_in_where_a_format_has_none(
    tmp_path: Path, dtype: type, slope: float, intercept: float, written: type
) -> None:
    data = np.linspace(0, 1000, np.prod(SHAPE)).reshape(SHAPE).astype(dtype)
    volume = Volume(data, OBLIQUE, slope, intercept)
    volume.write(tmp_path / "out.nrrd")
    again = Volume.read(tmp_path / "out.nrrd")
    np.testing.assert_array_equal(again.hu(), volume.hu())
    assert again.data.dtype == written


def test_sheared_axes_stay_in_nifti_and_are_refused_elsewhere(tmp_path: Path) -> None:
    volume = Volume.from_array(body(), SHEARED)
    volume.write(tmp_path / "out.nii.gz")
    np.testing.assert_allclose(Volume.read(tmp_path / "out.nii.gz").affine, SHEARED, atol=1e-4)
    with pytest.raises(InputError, match="sheared"):
        volume.write(tmp_path / "out.nrrd")
    assert [path.name for path in tmp_path.iterdir()] == ["out.nii.gz"]


def test_a_note_is_kept_with_the_image(tmp_path: Path) -> None:
    nifti(tmp_path / "in.nii.gz", body())
    volume = Volume.read(tmp_path / "in.nii.gz")
    for name in ("out.nii.gz", "out.nrrd", "out.mha"):
        volume.write(tmp_path / name, note="synthetic")
        np.testing.assert_array_equal(Volume.read(tmp_path / name).data, body())
    assert nib.load(tmp_path / "out.nii.gz").header.extensions[0].get_content() == b"synthetic"
    assert SimpleITK.ReadImage(str(tmp_path / "out.nrrd")).GetMetaData("TextoMorph") == "synthetic"
    assert b"synthetic" in (tmp_path / "out.mha").read_bytes()


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    volume = Volume.from_array(body(), OBLIQUE)
    (tmp_path / "folder.nii.gz").mkdir()
    for name in ("folder.nii.gz", "missing/out.nii.gz", "missing/out.nrrd", "out.jpg", "out.mhd"):
        with pytest.raises(InputError):
            volume.write(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.nii.gz"]


def _truncated(path: Path) -> None:
    nifti(path, body())
    path.write_bytes(path.read_bytes()[:-100])


def _with_pixdim(value: float) -> bytes:
    header = bytearray(nib.Nifti1Image(body(), OBLIQUE).to_bytes())
    header[84:88] = np.float32(value).tobytes()
    return bytes(header)


def _with_flat_sform() -> bytes:
    header = bytearray(nib.Nifti1Image(body(), np.eye(4)).to_bytes())
    header[312:328] = bytes(16)  # srow_z
    return bytes(header)


def _nowhere() -> bytes:
    affine = OBLIQUE.copy()
    affine[1, 3] = np.nan
    return bytes(nib.Nifti1Image(body(), affine).to_bytes())


def _metaimage(spacing: str, voxels: str = "LOCAL") -> bytes:
    return (
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nElementSpacing = {spacing}\nDimSize = 2 2 2\n"
        f"ElementType = MET_SHORT\nElementDataFile = {voxels}\n"
    ).encode() + bytes(16)


def _trailing(path: Path) -> None:
    path.write_bytes(nifti(path, body()).read_bytes() + b"more")


BAD_FILES = {
    "missing.nii.gz": (lambda path: None, "does not exist"),
    "truncated.nii.gz": (_truncated, "cut short"),
    "truncated.nii": (_truncated, "cut short"),
    "empty.nii.gz": (lambda path: path.write_bytes(b""), "it is empty"),
    "packed.nii": (lambda path: path.write_bytes(gzip.compress(b"scan" * 99)), "packed; name it [.]nii[.]gz"),
    "trailing.nii.gz": (lambda path: _trailing(path), "damaged or not gzip-compressed"),
    "complex.nii": (lambda path: nifti(path, body().astype(np.complex64)), "complex64 are no CT numbers"),
    "text.nii.gz": (lambda path: path.write_text("hello"), "not gzip-compressed"),
    "text.nii": (lambda path: path.write_text("hello " * 200), "not a NIfTI file"),
    "empty.nrrd": (lambda path: path.write_bytes(b""), "it is empty"),
    "text.nrrd": (lambda path: path.write_text("hello"), "damaged"),
    "scan.jpg": (lambda path: path.write_text("hello"), "use .*[.]nii"),
    "slice.dcm": (lambda path: path.write_text("hello"), "folder of the DICOM series"),
    "flat.nii.gz": (lambda path: nifti(path, body()[:, :, 0]), "2D"),
    "phases.nii.gz": (lambda path: nifti(path, np.stack([body()] * 3, -1)), "4D"),
    "zero.nii": (lambda path: path.write_bytes(_with_pixdim(0)), "zero or negative"),
    "negative.nii": (lambda path: path.write_bytes(_with_pixdim(-1)), "zero or negative"),
    "singular.nii": (lambda path: path.write_bytes(_with_flat_sform()), "spacing"),
    "nowhere.nii": (lambda path: path.write_bytes(_nowhere()), "of its place .the origin. what is no number"),
    "lost.mhd": (lambda path: path.write_bytes(_metaimage("1 1 1", "a.raw")), "lie in a.raw, which is not there"),
    "zero.mha": (lambda path: path.write_bytes(_metaimage("1 0 1")), "spacing"),
    "colour.nii.gz": (
        lambda path: nifti(path, np.zeros(SHAPE, np.dtype([(c, "u1") for c in "RGB"]))),
        "one number a voxel",
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    make, reason = BAD_FILES[name]
    make(tmp_path / name)
    with pytest.raises(InputError, match=reason) as refused:
        Volume.read(tmp_path / name)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("ndim", "size"), [(2, (20, 20)), (4, (2, 4, 4, 4))])
def test_itk_images_that_are_not_3d(tmp_path: Path, ndim: int, size: tuple[int, ...]) -> None:
    image = SimpleITK.GetImageFromArray(np.zeros(size, np.int16), isVector=False)
    SimpleITK.WriteImage(image, str(tmp_path / "in.nrrd"))
    with pytest.raises(InputError, match=f"{ndim}D"):
        Volume.read(tmp_path / "in.nrrd")


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.nhdr", "a.mhd"])
def test_more_voxels_than_a_header_tells_of_are_told(name: str, tmp_path: Path) -> None:
    """A header beside another scan's voxels, or one that was edited: its slices are not those of the file."""
    path = tmp_path / name
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(body().T), str(path))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="more than its header", category=Doubt)
        Volume.read(path)
    text = path.read_bytes()
    apart = next(iter(tmp_path.glob("a.raw")), None)
    path.write_bytes(
        text.replace(b"sizes: 14 12 10", b"sizes: 14 12 08").replace(b"DimSize = 14 12 10", b"DimSize = 14 12 8")
    )
    with pytest.warns(Doubt, match="more than its header"):
        assert Volume.read(path).shape == (14, 12, 8), apart
