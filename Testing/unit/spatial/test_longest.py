"""The longest diameter of a mask, held against ITK's, which Slicer's Segment Statistics gives."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - as it is known

from TextoMorphLib.simulation.shapes import lesion_depth
from TextoMorphLib.spatial.geometry import longest_mm

SPACING = np.array([0.7, 0.9, 2.5])


def feret_mm(mask: np.ndarray) -> float:
    image = sitk.GetImageFromArray(mask.astype(np.uint8).transpose())
    image.SetSpacing(SPACING.tolist())
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.ComputeFeretDiameterOn()
    statistics.Execute(image)
    return float(statistics.GetFeretDiameter(1))


def flat() -> np.ndarray:
    mask = np.zeros((60, 60, 3), bool)
    mask[5:50, 10:40, 1] = True
    return mask


def bar() -> np.ndarray:
    mask = np.zeros((50, 3, 3), bool)
    mask[4:44, 1, 1] = True
    return mask


@pytest.mark.parametrize(
    "mask",
    [
        *(lesion_depth((40, 40, 40), 24.0, uneven, np.random.default_rng(3)) > 0 for uneven in (0.0, 1.0)),
        flat(),
        bar(),
    ],
    ids=["smooth", "lobulated", "flat", "bar"],
)
def test_the_longest_diameter_is_itks(mask: np.ndarray) -> None:
    assert longest_mm(mask, SPACING) == pytest.approx(feret_mm(mask), rel=1e-6)


def test_one_voxel_has_none() -> None:
    assert longest_mm(np.ones((1, 1, 1), bool), SPACING) == 0.0
