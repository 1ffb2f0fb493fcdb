"""The statistics held against figures that others published of data that others read.

VanDyke: 5 radiologists rated 114 patients (45 with an aortic dissection) from 1 to 5 on spin-echo and on cine MRI (Van
Dyke et al., RSNA 1993; distributed with the University of Iowa's software for such studies and with the R package
MRMCaov, which is under the GPL-3, whose user guide prints the figures below; the ratings are facts, and nothing else of
either is here). Fleiss: his table of 1971, 30 patients, 6 psychiatrists. Sim and
Wright: Phys Ther 85 (2005), 257, two clinicians and 39 patients.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("statsmodels")

from TextoMorphLib.reader_study import statistics

# A line a reader and method (five of spin echo, then five of cine); the 45 diseased come first.
RATED = """
555545554555434245555555154454553555115554451122151111111411111111131311214111113121211233131133111111221111332111
535555542555442225555555243354552425225555352232222222322522232222222422223222222222222222222222222222432232222222
545555555555542355555555252255552555225555552222235112242422232221232411322112224121412112222223211211221151421212
555555555555555155555555554544553555125555555111111311111111111112111211112111111111111111111331111111111111311111
525255551545452235555554144322151515115553552351211112221211122113221111211211231221113332111211111111341231212113
535555554555544335555555355355554455535555551333222223213122222211111421312214323123122233111333113412421241442111
535555552555344245455545252355532425525555552322222223222222122221222322222212212222231223222222222322322222222122
525555555555354145555555253355543555534555551242222322211132222121121411512112122212221132111233113221232341242121
545555554555455555555555455445555555535555555221111312111122111211111321212111122112111112121212211111212111323211
525455555455343335555555251332532545533555553223122221222111222122212322321212222112121132122332122221222231233111
"""
RATINGS = np.array([[int(rating) for rating in line] for line in RATED.strip().splitlines()])
DISEASED = np.arange(RATINGS.shape[1]) < 45
METHODS = (range(5), range(5, 10))
COUNTS = {  # Fleiss (1971): of six psychiatrists so many named it, for each patient; and the kappa he gives
    "depression": ("000002022011010035010002104010", 0.245),
    "personality disorder": ("031030000001302001200120050200", 0.245),
    "schizophrenia": ("004004430000300500020000000050", 0.520),
    "neurosis": ("600030014054053010400514410400", 0.471),
    "other": ("031600200600001120036030102006", 0.566),
}


def areas(kept: np.ndarray, rows: range) -> np.ndarray:
    return np.array([statistics.auc(RATINGS[row, kept], DISEASED[kept]) for row in rows])


def test_roc_areas_of_each_reader() -> None:
    everything = np.ones(114, bool)
    assert areas(everything, METHODS[0]) == pytest.approx(
        [0.9196457, 0.8587762, 0.9038647, 0.9731079, 0.8297907], abs=1e-6
    )
    assert areas(everything, METHODS[1]) == pytest.approx(
        [0.9478261, 0.9053140, 0.9217391, 0.9993559, 0.9299517], abs=1e-6
    )


@pytest.mark.parametrize(
    ("rows", "value", "between", "shared", "delong"),
    [
        (METHODS[0], 0.8970370, 0.003082629, 0.0004839618, (0.8253461, 0.9687280)),
        (METHODS[1], 0.9408374, 0.001304602, 0.0002041879, (0.8942155, 0.9874592)),
    ],
)
def test_roc_area_with_its_interval(
    rows: range, value: float, between: float, shared: float, delong: tuple[float, float]
) -> None:
    """From MRMCaov's MS(R) and jackknifed Cov2 by Hillis' formulas, and near its interval by DeLong's covariances."""
    from scipy import stats

    found = statistics.over_readers_and_cases(lambda kept: areas(kept, rows), 114, null=0.5)
    mean_square = between + 5 * shared
    reach = stats.t.ppf(0.975, mean_square**2 / (between**2 / 4)) * np.sqrt(mean_square / 5)
    assert found.value == pytest.approx(value, abs=1e-6)
    assert (found.low, found.high) == pytest.approx((value - reach, value + reach), abs=2e-6)
    assert (found.low, found.high) == pytest.approx(delong, abs=5e-4)


def test_difference_of_roc_areas() -> None:
    """MRMCaov: -0.0438; by DeLong's covariances -0.0879 to 0.0003, p = 0.0512 (the jackknife's differ a little)."""
    found = statistics.over_readers_and_cases(
        lambda kept: areas(kept, METHODS[0]) - areas(kept, METHODS[1]), 114, null=0.0
    )
    assert found.value == pytest.approx(-0.04380032, abs=1e-7)
    assert (found.low, found.high) == pytest.approx((-0.0878672, 0.0002666), abs=2e-4)
    assert found.p == pytest.approx(0.05123, abs=1e-3)


def test_sensitivities_to_the_last_digit() -> None:
    """Rated 3 or more, of the diseased: MRMCaov's jackknife; shares are compared between methods like this."""
    called = RATINGS[:, DISEASED] >= 3
    first = statistics.over_readers_and_cases(lambda kept: called[:5, kept].mean(axis=1), 45, null=0.5)
    assert (first.value, first.low, first.high) == pytest.approx((0.8222222, 0.6961876, 0.9482568), abs=1e-6)
    difference = statistics.over_readers_and_cases(
        lambda kept: called[:5, kept].mean(axis=1) - called[5:, kept].mean(axis=1), 45, null=0.0
    )
    assert (difference.value, difference.low, difference.high, difference.p) == pytest.approx(
        (-0.09777778, -0.1780371, -0.0175185, 0.02008822), abs=1e-7
    )


@pytest.mark.parametrize("diagnosis", COUNTS)
def test_agreement_between_many(diagnosis: str) -> None:
    counts, published = COUNTS[diagnosis]
    named = np.array([[number < int(count) for number in range(6)] for count in counts])
    assert statistics.agreement_between(named) == pytest.approx(published, abs=5e-4)


def test_agreement_of_two_looks() -> None:
    both, only_first, only_second, neither = 22, 2, 4, 11
    looks = [(True, True)] * both + [(True, False)] * only_first + [(False, True)] * only_second
    first, second = np.array([*looks, *[(False, False)] * neither]).T
    assert statistics.agreement_within(first, second).value == pytest.approx(0.67, abs=5e-3)
