"""The digital phantom, lesion masks in organs, and the example scan with its fallback."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from TextoMorphLib.errors import InputError
from TextoMorphLib.io.masks import check_mask, read_mask
from TextoMorphLib.io.volume import Volume, check_ct
from TextoMorphLib.simulation import example_ct


def millilitres(mask: np.ndarray, ct: Volume) -> float:
    return np.count_nonzero(mask) * abs(np.linalg.det(ct.affine[:3, :3])) / 1000


@pytest.fixture(scope="module")
def phantom() -> tuple[Volume, dict[str, np.ndarray]]:
    return example_ct.phantom()


def test_phantom_is_a_ct_with_organs_of_plausible_size_and_density(
    phantom: tuple[Volume, dict[str, np.ndarray]],
) -> None:
    ct, organs = phantom
    check_ct(ct)
    assert ct.data.dtype == np.int16
    assert ct.spacing[2] > 2 * ct.spacing[0]
    hu = ct.hu()
    for organ, low, high in (("liver", 90, 120), ("pancreas", 75, 110), ("kidney", 140, 180), ("spleen", 105, 130)):
        assert low < np.median(hu[organs[organ]]) < high, organ
    assert 700 < millilitres(organs["liver"], ct) < 1800
    assert sum(organ.astype(int) for organ in organs.values()).max() == 1, "organs overlap"


def test_phantom_repeats_with_its_seed(phantom: tuple[Volume, dict[str, np.ndarray]]) -> None:
    assert np.array_equal(example_ct.phantom(0)[0].data, phantom[0].data)
    assert not np.array_equal(example_ct.phantom(1)[0].data, phantom[0].data)


@pytest.mark.parametrize("diameter_mm", [10.0, 30.0])
def test_lesion_has_the_asked_size_inside_the_organ(
    phantom: tuple[Volume, dict[str, np.ndarray]], diameter_mm: float
) -> None:
    ct, organs = phantom
    mask = example_ct.lesion_mask(ct, organs["liver"], diameter_mm, seed=3)
    assert not (mask & ~organs["liver"]).any()
    assert millilitres(mask, ct) == pytest.approx(np.pi / 6 * diameter_mm**3 / 1000, rel=0.15)
    assert ndimage.label(mask)[1] == 1
    assert not np.array_equal(mask, example_ct.lesion_mask(ct, organs["liver"], diameter_mm, seed=4))


def test_lesion_keeps_its_size_and_roundness_on_an_oblique_grid() -> None:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix() @ np.diag([-0.7, 0.7, 5.0])
    affine[:3, 3] = [100, -50, 700]
    ct = Volume.from_array(np.zeros((160, 160, 24), np.int16), affine)
    mask = example_ct.lesion_mask(ct, np.ones(ct.shape, bool), 30.0)
    assert millilitres(mask, ct) == pytest.approx(np.pi / 6 * 30**3 / 1000, rel=0.15)
    places = np.argwhere(mask) @ affine[:3, :3].T
    widths = np.sqrt(np.linalg.eigvalsh(np.cov(places.T)))
    assert widths.max() < 2.2 * widths.min()


def test_lesion_larger_than_the_organ_stays_in_it() -> None:
    organ = np.zeros((60, 60, 60), bool)
    organ[20:40, 20:40, 20:40] = True
    ct = Volume.from_array(np.zeros(organ.shape, np.int16), np.eye(4))
    mask = example_ct.lesion_mask(ct, organ, 40.0)
    assert mask.any()
    assert not (mask & ~organ).any()
    with pytest.raises(InputError, match="empty"):
        example_ct.lesion_mask(ct, np.zeros_like(organ), 40.0)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lets pip see nothing but the folder returned; nothing is cached yet."""
    packages = tmp_path / "packages"
    packages.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(packages))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return packages


def test_offline_the_phantom_takes_the_scans_place_and_that_is_said(offline: Path, tmp_path: Path) -> None:
    ct_path, mask_path, what = example_ct.prepare(tmp_path)
    assert "phantom" in what
    assert "download failed" in what
    ct = Volume.read(ct_path)
    check_mask(read_mask(mask_path, ct), ct)


def test_a_package_with_another_checksum_is_not_opened(offline: Path, tmp_path: Path) -> None:
    trap = tmp_path / "opened"
    code = f"open({str(trap)!r}, 'w')".encode()
    with tarfile.open(offline / "totalsegmentator-2.18.0.tar.gz", "w:gz") as package:
        setup = tarfile.TarInfo("totalsegmentator-2.18.0/setup.py")
        setup.size = len(code)
        package.addfile(setup, io.BytesIO(code))
    with pytest.raises(OSError, match="download failed"):
        example_ct.example_ct()
    assert not trap.exists()


def test_the_real_scan_is_used_once_it_is_cached(offline: Path, tmp_path: Path, real_cts: list[Path]) -> None:
    known = [path for path in real_cts if example_ct._sha256(path.read_bytes()) == example_ct.CT_SHA256]
    if not known:
        pytest.skip("the example scan is not among the CTs at hand")
    cached = tmp_path / "cache" / "textomorph" / "totalsegmentator_example_ct.nii.gz"
    cached.parent.mkdir(parents=True)
    shutil.copy(known[0], cached)
    ct_path, mask_path, what = example_ct.prepare(tmp_path)
    assert "real CT" in what
    ct = Volume.read(ct_path)
    liver = ct.hu()[read_mask(mask_path, ct)]
    assert 30 < liver.mean() < 60
    assert liver.std() < 20, "the place is not in plain liver"
