"""Radiomics features against the reference values of IBSI, and against PyRadiomics where it is installed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import ndimage

from TextoMorphLib.errors import InputError
from TextoMorphLib.measurement.radiomics import features

# The digital phantom of IBSI 1 (github.com/theibsi/data_sets, Alex Zwanenburg, CC BY 4.0), slice by slice; 0: outside.
PHANTOM = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [0, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ]
).T
# Its reference values (IBSI manual, arXiv 1612.07003v11): three significant digits. Of matrices with directions, those
# of "3D, averaged"; mesh values with the manual's tolerance.
REFERENCE = {
    "firstorder": {
        **{"Mean": 2.15, "Variance": 3.05, "Skewness": 1.08, "Median": 1, "Minimum": 1, "10Percentile": 1},
        **{"90Percentile": 4, "Maximum": 6, "InterquartileRange": 3, "Range": 5, "MeanAbsoluteDeviation": 1.55},
        **{"RobustMeanAbsoluteDeviation": 1.11, "Energy": 567, "RootMeanSquared": 2.77, "Entropy": 1.27},
        **{"Uniformity": 0.512},
    },
    "glcm": {
        **{"MaximumProbability": 0.503, "JointAverage": 2.14, "SumSquares": 3.1, "JointEntropy": 2.4},
        **{"DifferenceAverage": 1.43, "DifferenceVariance": 3.06, "DifferenceEntropy": 1.56, "SumAverage": 4.29},
        **{"SumEntropy": 1.92, "JointEnergy": 0.303, "Contrast": 5.32, "Id": 0.677, "Idn": 0.851, "Idm": 0.618},
        **{"Idmn": 0.898, "InverseVariance": 0.0604, "Correlation": 0.157, "Autocorrelation": 5.06},
        **{"ClusterTendency": 7.07, "ClusterShade": 16.6, "ClusterProminence": 145, "Imc1": -0.157, "Imc2": 0.52},
    },
    "glrlm": {
        **{"ShortRunEmphasis": 0.705, "LongRunEmphasis": 3.06, "LowGrayLevelRunEmphasis": 0.603},
        **{"HighGrayLevelRunEmphasis": 9.7, "ShortRunLowGrayLevelEmphasis": 0.352},
        **{"ShortRunHighGrayLevelEmphasis": 8.54, "LongRunLowGrayLevelEmphasis": 2.39},
        **{"LongRunHighGrayLevelEmphasis": 17.6, "GrayLevelNonUniformity": 21.8},
        **{"GrayLevelNonUniformityNormalized": 0.43, "RunLengthNonUniformity": 26.9},
        **{"RunLengthNonUniformityNormalized": 0.513, "RunPercentage": 0.68, "GrayLevelVariance": 3.46},
        **{"RunVariance": 0.574, "RunEntropy": 2.43},
    },
    "glszm": {
        **{"SmallAreaEmphasis": 0.255, "LargeAreaEmphasis": 550, "LowGrayLevelZoneEmphasis": 0.253},
        **{"HighGrayLevelZoneEmphasis": 15.6, "SmallAreaLowGrayLevelEmphasis": 0.0256},
        **{"SmallAreaHighGrayLevelEmphasis": 2.76, "LargeAreaLowGrayLevelEmphasis": 503},
        **{"LargeAreaHighGrayLevelEmphasis": 1490, "GrayLevelNonUniformity": 1.4},
        **{"GrayLevelNonUniformityNormalized": 0.28, "SizeZoneNonUniformity": 1},
        **{"SizeZoneNonUniformityNormalized": 0.2, "ZonePercentage": 0.0676, "GrayLevelVariance": 2.64},
        **{"ZoneVariance": 331, "ZoneEntropy": 2.32},
    },
    "gldm": {
        **{"SmallDependenceEmphasis": 0.045, "LargeDependenceEmphasis": 109, "LowGrayLevelEmphasis": 0.693},
        **{"HighGrayLevelEmphasis": 7.66, "SmallDependenceLowGrayLevelEmphasis": 0.00963},
        **{"SmallDependenceHighGrayLevelEmphasis": 0.736, "LargeDependenceLowGrayLevelEmphasis": 102},
        **{"LargeDependenceHighGrayLevelEmphasis": 235, "GrayLevelNonUniformity": 37.9},
        **{"DependenceNonUniformity": 4.86, "DependenceNonUniformityNormalized": 0.0657},
        **{"GrayLevelVariance": 3.05, "DependenceVariance": 22.1, "DependenceEntropy": 4.4},
    },
    "ngtdm": {"Coarseness": 0.0296, "Contrast": 0.584, "Busyness": 6.54, "Complexity": 13.5, "Strength": 0.763},
}
MESH = {  # value and tolerance
    **{"MeshVolume": (556, 4), "VoxelVolume": (592, 4), "SurfaceArea": (388, 3), "SurfaceVolumeRatio": (0.698, 0.004)},
    **{"Sphericity": (0.843, 0.005), "Maximum3DDiameter": (13.1, 0.1), "MajorAxisLength": (11.4, 0.1)},
    **{"MinorAxisLength": (9.31, 0.06), "LeastAxisLength": (8.54, 0.05), "Elongation": (0.816, 0.005)},
    **{"Flatness": (0.749, 0.005)},
}


def test_digital_phantom_of_ibsi() -> None:
    found = features(PHANTOM.astype(float), PHANTOM > 0, np.full(3, 2.0), bin_width=1, preset="all")
    wrong = {
        (family, name): (found[f"{family}_{name}"], value)
        for family, values in REFERENCE.items()
        for name, value in values.items()
        if float(f"{found[f'{family}_{name}']:.3g}") != pytest.approx(value, rel=1e-6)
    }
    assert not wrong
    assert found["firstorder_Kurtosis"] - 3 == pytest.approx(-0.355, abs=5e-4)
    voxels = np.count_nonzero(PHANTOM)
    for name, (value, tolerance) in MESH.items():
        # The manual divides the axes' covariance by the voxels less one, PyRadiomics and we by all.
        unbiased = (voxels / (voxels - 1)) ** 0.5 if "AxisLength" in name else 1.0
        assert unbiased * found[f"shape_{name}"] == pytest.approx(value, abs=tolerance), name


def test_presets_hold_what_the_literature_counts() -> None:
    def families(preset: str) -> Counter[str]:
        found = features(PHANTOM.astype(float), PHANTOM > 0, np.ones(3), 1, preset)
        return Counter(name.split("_")[0] for name in found)

    texture = {"firstorder": 18, "glcm": 24, "glrlm": 16, "glszm": 16, "gldm": 14, "ngtdm": 5}
    assert families("texture") == texture
    assert families("paper").total() == 102
    assert families("all") == {**texture, "shape": 14}


def test_what_is_undefined_is_nan_and_no_error() -> None:
    one = np.zeros((3, 3, 3), bool)
    one[1, 1, 1] = True
    found = features(np.zeros(one.shape), one, np.ones(3), preset="all")
    assert list(found) == list(features(PHANTOM.astype(float), PHANTOM > 0, np.ones(3), 1, "all"))
    assert np.isnan(found["glcm_Contrast"])
    assert np.isfinite(found["firstorder_Mean"])
    with pytest.raises(InputError, match="empty"):
        features(np.zeros(one.shape), np.zeros_like(one), np.ones(3))
    with pytest.raises(InputError, match="NaN"):
        features(np.full(one.shape, np.nan), one, np.ones(3))


def _lesions() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """HU, mask and spacing: a round lesion, an even one, one with thick slices, and one of a single slice."""
    rng = np.random.default_rng(0)
    slow = ndimage.gaussian_filter(rng.standard_normal((34, 34, 34)), 2)
    hu = 60 + 20 * rng.standard_normal(slow.shape) + 240 * slow
    distance = np.linalg.norm(np.indices(hu.shape) - 16.5, axis=0)
    flat = (distance < 12) & (np.arange(34) == 16)
    return {
        "round": (hu, distance < 13 + 20 * slow, np.ones(3)),
        "even": (np.full(hu.shape, 42.0), distance < 6, np.ones(3)),
        "thick": (np.rint(hu[:, :, ::3]), (distance < 13)[:, :, ::3], np.array([0.7, 0.8, 2.5])),
        "single slice": (hu, flat, np.array([0.7, 0.7, 5.0])),
    }


@pytest.mark.parametrize("kind", ["round", "even", "thick", "single slice"])
def test_equal_to_pyradiomics(kind: str) -> None:
    """All 93, and shape, to 1e-4; the surface to 1e-3, which the two cut differently where voxels touch by a corner."""
    radiomics = pytest.importorskip("radiomics")
    import SimpleITK
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    radiomics.setVerbosity(60)
    hu, mask, spacing = _lesions()[kind]
    images = [SimpleITK.GetImageFromArray(array.T) for array in (hu, mask.astype(np.uint8))]
    for image in images:
        image.SetSpacing(spacing.tolist())
    extractor = RadiomicsFeatureExtractor(binWidth=25, minimumROIDimensions=1)
    found = extractor.execute(*images)
    expected = {
        name.removeprefix("original_"): float(value) for name, value in found.items() if name.startswith("original_")
    }
    ours = features(hu, mask, spacing, 25, "all")
    assert ours.keys() == expected.keys()
    for name, value in ours.items():
        mesh = name in ("shape_MeshVolume", "shape_SurfaceArea", "shape_SurfaceVolumeRatio", "shape_Sphericity")
        assert value == pytest.approx(expected[name], rel=1e-3 if mesh else 1e-4, abs=1e-9), name
