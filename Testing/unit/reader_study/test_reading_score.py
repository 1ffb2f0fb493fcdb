"""Scores: equal to figures worked out by hand, intervals that cover the truth, and what is exported."""

from __future__ import annotations

import csv
import html
import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from small_studies import small_study

from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.reader_study import pdf, plots, published_rates, report, statistics
from TextoMorphLib.reader_study.score import score
from TextoMorphLib.reader_study.session import Session
from TextoMorphLib.reader_study.study import Study


def read_all(study: Study, answers: dict[str, Any], seconds: float = 10.0) -> None:
    """Let each reader answer every case: `answers[reader](entry of the key) -> (call, confidence, terms)`."""
    key = study.read_key()
    for reader, answer in answers.items():
        now = [0.0]
        with Session(study, reader, clock=lambda now=now: now[0]) as session:
            while not session.done:
                session.show()
                now[0] += seconds
                session.answer(*answer(key["cases"][session.order[session.position]]))


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, dict]:
    """Four pairs (liver 12, kidney 18, liver 24, kidney 12 mm), two methods, two readers."""
    study = small_study(
        tmp_path_factory.mktemp("hand"), readers=("anna", "ben"), methods=("alpha", "beta"), repeats=2, apart=2
    )

    def anna(entry: dict) -> tuple:  # wrong on beta's livers; certain of what is real
        synthetic = entry["synthetic"] and not (entry["source"] == "beta" and entry["organ"] == "liver")
        return "synthetic" if synthetic else "real", 3 if synthetic else 5, ["hypoattenuating"]

    def ben(entry: dict) -> tuple:  # calls everything synthetic
        return "synthetic", 4, [] if entry["source"] == "alpha" else ["hypoattenuating", "no calcification"]

    read_all(study, {"anna": anna, "ben": ben})
    return study, score(study.folder)


def cell(rows: list[dict], **wanted: Any) -> dict:
    (found,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return found


def test_figures_equal_those_worked_out_by_hand(by_hand: tuple[Study, dict]) -> None:
    _, scores = by_hand
    rates = scores["error_rates"]
    # alpha: anna is right on its 4 and on 4 real; ben on its 4, wrong on 4 real. 4 of 16.
    row = cell(rates, method="alpha", organ="all", size="all")
    assert (row["wrong"], row["readings"], row["rate"]) == (4, 16, 0.25)
    # Wilson for 4 of 16: (p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n) with z = 1.959964.
    assert (row["low"], row["high"]) == (pytest.approx(0.10182, abs=1e-4), pytest.approx(0.49498, abs=1e-4))
    # beta: 2 more wrong, by anna on its livers.
    assert cell(rates, method="beta", organ="all", size="all")["wrong"] == 6
    assert cell(rates, method="beta", organ="liver", size="all")["wrong"] == 2 + 2
    # liver under 20 mm is one pair: two readers, two cases each; ben is wrong on the real one, anna on beta's.
    assert [cell(rates, method=m, organ="liver", size="<20")["wrong"] for m in ("alpha", "beta")] == [1, 2]
    assert cell(rates, method="alpha", organ="liver", size=">=50")["readings"] == 0

    wrongly = scores["called_wrongly"]
    assert cell(wrongly, source="real", reader="ben")["rate"] == 1
    assert cell(wrongly, source="real", reader="all")["rate"] == 0.5
    assert cell(wrongly, source="beta", reader="anna")["rate"] == 0.5
    assert cell(wrongly, source="alpha", reader="all")["rate"] == 0

    # anna rates alpha's above every real one (1); of beta's, half above, half tied (0.75); ben ties all (0.5).
    assert cell(scores["auc"], method="alpha")["readers"] == {"anna": 1.0, "ben": 0.5}
    assert cell(scores["auc"], method="beta")["readers"] == {"anna": 0.75, "ben": 0.5}
    assert cell(scores["auc"], method="beta")["auc"] == 0.625

    # Taken for real: alpha never; beta 2 of 4 by anna, never by ben: a difference of (0.5 + 0) / 2.
    # By pair that is -1/2, 0, -1/2 and 0: a deviation of 0.289; n = ((1.96 + 0.84) * 0.289 / d)^2, and two more.
    (comparison,) = scores["comparisons"]
    assert comparison["pairs_needed"]["0.2"] == pytest.approx(16.3 + 2, abs=1)
    assert (comparison["method"], comparison["pairs"], comparison["difference"]) == ("alpha", 4, -0.25)

    terms = scores["terms"]
    assert cell(terms, term="hypoattenuating", source="alpha")["rate"] == 0.5
    assert cell(terms, term="no calcification", source="beta")["rate"] == 0.5
    assert cell(terms, term="ill-defined", source="real")["rate"] == 0
    assert cell(scores["seconds"], reader="all") == {"reader": "all", "median": 10, "low": 10, "high": 10}


def test_kappas_equal_those_worked_out_by_hand() -> None:
    # Fleiss by hand: 4 cases, 3 readers, votes for "synthetic" 3, 2, 1, 0.
    calls = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0]], bool)
    observed = (1 + 1 / 3 + 1 / 3 + 1) / 4
    assert statistics.agreement_between(calls) == pytest.approx((observed - 0.5) / (1 - 0.5))
    # Cohen by hand: 3 of 4 agree; both say "synthetic" in 2 and 3 of 4.
    first, second = np.array([1, 1, 0, 0], bool), np.array([1, 1, 1, 0], bool)
    chance = 0.5 * 0.75 + 0.5 * 0.25
    assert statistics.agreement_within(first, second).value == pytest.approx((0.75 - chance) / (1 - chance))
    assert math.isnan(statistics.agreement_between(np.ones((5, 3), bool))), "nothing can be said"
    for again, kappa in ((first, 1), (np.ones(4, bool), 0)):  # their standard error of 0 is no certainty
        found = statistics.agreement_within(first, again)
        assert (found.value, math.isnan(found.low)) == (kappa, True)


def test_repeats_count_for_the_agreement_alone(by_hand: tuple[Study, dict]) -> None:
    _, scores = by_hand
    assert sum(row["repeat"] for row in scores["readings"]) == 4
    assert cell(scores["error_rates"], method="alpha", organ="all", size="all")["readings"] == 16
    assert cell(scores["agreement"]["within"], reader="anna")["cases"] == 2


@pytest.mark.parametrize("readers", [1, 4])
def test_intervals_cover_the_truth(readers: int) -> None:
    """Ratings with effects of reader, pair and chance; the truth of the area comes from a very large draw."""
    rng = np.random.default_rng(readers)
    pairs, apart, trials = 25, 0.8, 150

    def draw(pairs: int, readers: int) -> tuple[np.ndarray, np.ndarray]:
        shift = apart + rng.normal(0, 0.25 * (readers > 1), (readers, 1))
        odd = rng.normal(0, 0.6, (2, 1, pairs))
        look = odd + rng.normal(0, 0.8, (2, readers, pairs))
        return look[0], look[1] + shift

    real, synthetic = draw(4000, 1)
    truth = float(
        np.mean([statistics.auc(np.r_[r, s], np.arange(8000) >= 4000) for r, s in zip(real, synthetic, strict=True)])
    )
    if readers > 1:  # readers differ in the truth: the mean over many
        truth = float(np.mean([np.mean(a[1, 0] > a[0, 0]) for a in (np.array(draw(400, 2)) for _ in range(300))]))
    covered = 0
    for _ in range(trials):
        real, synthetic = draw(pairs, readers)

        def areas(kept: np.ndarray, real: np.ndarray = real, synthetic: np.ndarray = synthetic) -> np.ndarray:
            half = int(kept.sum())
            return np.array(
                [
                    statistics.auc(np.r_[r[kept], s[kept]], np.arange(2 * half) >= half)
                    for r, s in zip(real, synthetic, strict=True)
                ]
            )

        found = statistics.over_readers_and_cases(areas, pairs, 0.5)
        covered += found.low <= truth <= found.high
    assert 0.89 <= covered / trials <= 0.995


@pytest.mark.parametrize(("truth", "total"), [(0.05, 30), (0.3, 30), (0.5, 90)])
def test_wilson_intervals_cover_the_truth(truth: float, total: int) -> None:
    drawn = np.random.default_rng(1).binomial(total, truth, 20_000)
    intervals = [statistics.share(count, total) for count in range(total + 1)]
    covers = np.array([interval.low <= truth <= interval.high for interval in intervals])
    assert 0.93 <= covers[drawn].mean() <= 0.98


def test_the_comparison_is_wrong_about_equal_methods_as_rarely_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        wrong = rng.random((2, 3, 30)) < rng.normal(0.4, 0.15, (1, 1, 30))
        difference = wrong[0].astype(float) - wrong[1]
        found = statistics.over_readers_and_cases(lambda kept, d=difference: d[:, kept].mean(1), 30, 0.0)
        hits += found.p < 0.05
    assert hits <= 18


def test_the_interval_over_readers_and_cases_equals_one_worked_out_by_hand() -> None:
    """For means the jackknife's covariance is the sample's, divided by the number of pairs."""
    called = np.array([[1.0, 0, 1, 1], [1, 0, 0, 1]])  # two readers, four pairs: means 3/4 and 1/2
    found = statistics.over_readers_and_cases(lambda kept: called[:, kept].mean(1), 4, 0.5)
    between, shared = 2 * (1 / 8) ** 2, (0.5 / 3) / 4
    error = math.sqrt((between + 2 * shared) / 2)  # with ((between + 2 shared) / between)^2 = 13.4 degrees of freedom
    assert found.value == 0.625
    assert found.high - found.value == pytest.approx(2.153 * error, abs=5e-4)  # from a table: 2.160 at 13, 2.145 at 14
    assert found.value - found.low == pytest.approx(found.high - found.value)
    assert found.p == pytest.approx(0.610, abs=2e-3)  # t = 0.125 / 0.2394 = 0.522
    # The readers' means of the pairs are 1, 0, 1/2 and 1.
    assert found.deviation == pytest.approx(math.sqrt((0.375**2 + 0.625**2 + 0.125**2 + 0.375**2) / 3))


def test_pairs_needed_agrees_with_the_textbook() -> None:
    # n = ((1.96 + 0.84) * sd / d)^2 = 31.4, and two more for the t distribution.
    assert statistics.cases_needed(0.2, 0.4) == pytest.approx(33, abs=1)
    assert statistics.cases_needed(0.0, 0.4) is None


def test_as_many_pairs_as_are_needed_show_a_roc_area_in_four_of_five_studies() -> None:
    rng = np.random.default_rng(5)

    def study(pairs: int) -> statistics.Interval:
        """Three readers, to whom each pair looks odd in its own way."""
        odd = rng.normal(0, 0.6, (2, 1, pairs))
        real, synthetic = odd + rng.normal(0, 0.8, (2, 3, pairs)) + np.array([0.0, 0.5])[:, None, None]

        def areas(kept: np.ndarray) -> np.ndarray:
            labels = np.arange(2 * kept.sum()) >= kept.sum()
            both = zip(real[:, kept], synthetic[:, kept], strict=True)
            return np.array([statistics.auc(np.r_[one, other], labels) for one, other in both])

        return statistics.over_readers_and_cases(areas, pairs, 0.5)

    truth = float(stats.norm.cdf(0.5 / math.sqrt(2)))  # of two looks, each with a deviation of 1
    needed = statistics.cases_needed(truth - 0.5, study(300).deviation)
    assert needed is not None
    shown = 0
    for _ in range(200):
        found = study(needed)
        reach = float(stats.t.ppf(0.975, needed - 1)) * found.deviation / math.sqrt(needed)
        shown += abs(found.value - 0.5) > reach
    assert 0.7 <= shown / 200 <= 0.9


@pytest.mark.skipif(pdf.browser() is None, reason=pdf.HOW)
def test_a_browser_prints_the_report(by_hand: tuple[Study, dict], tmp_path: Path) -> None:
    made = tmp_path / "report.pdf"
    made.write_text("an older one")
    written, why_no_pdf = report.export(by_hand[1], tmp_path)
    assert why_no_pdf == ""
    assert made.read_bytes().startswith(b"%PDF")
    assert len(made.read_bytes()) > 20_000, "the tables and plots are in it"
    assert set(written) == set(tmp_path.iterdir())
    assert len(written) == 4


def test_a_browser_is_found_where_windows_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pdf, "BROWSER_PATHS", [place for place in pdf.BROWSER_PATHS if "$" in place])
    monkeypatch.setenv("ProgramFiles(x86)", str(tmp_path))
    assert pdf.browser() is None
    edge = tmp_path / "Microsoft" / "Edge" / "Application" / "msedge.exe"
    edge.parent.mkdir(parents=True)
    edge.touch(0o755)
    assert Path(pdf.browser() or "") == edge


def test_a_browser_that_fails_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, made = tmp_path / "report.html", tmp_path / "report.pdf"
    monkeypatch.setattr(pdf, "browser", lambda: sys.executable)
    assert "could not print it" in pdf.write_pdf(page, made)
    assert not list(tmp_path.iterdir())
    made.mkdir()  # cannot be deleted, as a file that is open on Windows
    assert "cannot replace" in pdf.write_pdf(page, made)


def test_published_figures_stand_beside(by_hand: tuple[Study, dict], tmp_path: Path) -> None:
    given = tmp_path / "paper.csv"
    given.write_text("method,organ,size,error_rate\nOther,liver,<20,12.5\nOther,all,all,30\n")
    scores = score(by_hand[0].folder, beside=given)
    heads, rows = report.error_table(scores)
    assert [row[0] for row in rows] == ["alpha", "beta", "Other"]
    assert dict(zip(heads, rows[2], strict=True)) == {
        **dict.fromkeys(heads, "-"),
        heads[0]: "Other",
        "liver, d < 20": "12.5",
        "all": "30.0",
    }
    assert report.BESIDE in report.report(scores)
    given.write_text("method,organ,size,error_rate\nOther,liver,<20,\n")  # what is left empty is no figure
    with pytest.raises(InputError, match="no error rates yet"):
        score(by_hand[0].folder, beside=given)
    for line, message in (("Other,spleen,all,3", "an organ or all"), ("Other,all,all,300", "no percentage")):
        given.write_text(f"method,organ,size,error_rate\n{line}\n")
        with pytest.raises(InputError, match=f"paper.csv line 2: .*{message}"):
            score(by_hand[0].folder, beside=given)


def test_the_papers_table_stands_beside_unless_another_is_given(by_hand: tuple[Study, dict]) -> None:
    heads, rows = report.error_table(score(by_hand[0].folder))
    paper = {row[0]: dict(zip(heads, row, strict=True)) for row in rows if "Table 1" in row[0]}
    assert [*paper] == ["DiffTumor (Li et al., Table 1)", "TextoMorph (Li et al., Table 1)"]
    assert [
        paper["TextoMorph (Li et al., Table 1)"][f"liver, {size}"] for size in ("d < 20", "20 ≤ d < 50", "d ≥ 50")
    ] == [
        "32.5",
        "37.5",
        "22.5",
    ]
    assert paper["DiffTumor (Li et al., Table 1)"]["all"] == "-", "the paper gives none"
    assert published_rates.paper() == published_rates.read_beside(
        Path(__file__).parents[3] / "docs" / "paper-table.csv"
    )


def test_names_are_shown_as_they_are(by_hand: tuple[Study, dict]) -> None:
    """No name of a method is a formula, or left out."""
    scores = score(by_hand[0].folder)
    assert report.text_table((["%", "a|b"], [["c", "d"]])).splitlines()[0] == r"| % | a\|b |"
    for name in ("$method$", "a_{b}$", "_hidden", r"$\frac", "方法 <b>&"):
        named = json.loads(json.dumps(scores).replace('"alpha"', json.dumps(name)))
        page = report.report(named)
        shown = html.escape(name, quote=False)
        plots = page.split("<svg")
        assert shown in plots[1], f"{name} is not in the error rates' legend"
        assert shown in plots[2]
    assert page == report.report(named), "the same bytes again"


def test_tumours_without_twins_have_the_curves_of_their_area(by_hand: tuple[Study, dict]) -> None:
    scores = json.loads(json.dumps(score(by_hand[0].folder)))
    for row in scores["readings"]:
        if row["source"] == "real":
            row["pair"] += " of its own"
    svg = plots.plot_roc(scores)
    assert "anna" in svg
    assert "ben" in svg


def test_agreement_that_cannot_be_told(by_hand: tuple[Study, dict]) -> None:
    scores = score(by_hand[0].folder)
    nan = float("nan")
    scores["agreement"]["within"] = [{"reader": "anna", "cases": 1, "kappa": nan, "low": nan, "high": nan}]
    assert report.agreement_table(scores)[1][-1] == ["anna, first and second look (Cohen)", "1", "-"]


def test_export_writes_everything_into_one_page(
    by_hand: tuple[Study, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study, _ = by_hand
    monkeypatch.setattr(pdf, "browser", lambda: None)
    assert main(["vtt", "export", str(study.folder), "--output", str(tmp_path / "out")]) == 0
    assert "no PDF: it needs Chrome" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["readings.csv", "report.html", "scores.json"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "readings.csv").read_text(encoding="utf-8-sig"))))
    assert len(rows) == 28
    assert main(["vtt", "export", str(study.folder), "--output", str(study.folder / "results")]) == 2
    assert "must not lie in the study's folder" in capsys.readouterr().err, "its readers would learn what is real"
    assert sum(row["wrong"] == "True" and row["repeat"] == "False" for row in rows) == 4 + 2
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["error_rates"][0]["method"] == "alpha"
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<svg") == 4
    assert study.key_sha256 in page
    assert "liver\n20 ≤ d &lt; 50" in page
    outside = page.replace("http://www.w3.org", "")  # the name of a language, not a place
    assert not any(word in outside for word in ("http:", "https:", "<script", "<link", "<img")), (
        "nothing from elsewhere"
    )


def test_score_prints_tables(by_hand: tuple[Study, dict], capsys: pytest.CaptureFixture[str]) -> None:
    study, _ = by_hand
    assert main(["vtt", "score", str(study.folder)]) == 0
    told = capsys.readouterr().out
    assert "| alpha |" in told
    assert "real called synthetic" in told
    assert "| alpha: ROC area from 0.5 |" in told
    assert "| alpha and beta: called real |" in told
    assert main(["vtt", "score", str(study.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["study"]["id"] == study.id


def test_a_study_scores_at_any_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = small_study(tmp_path, readers=("anna", "ben"))
    assert main(["vtt", "score", str(study.folder)]) == 2
    assert "nobody has read a case yet" in capsys.readouterr().err
    with Session(study, "anna") as session:
        for number in range(3):
            session.show()
            session.answer("real", 1 + number, comment=("=HYPERLINK()", "\t=A1", "dark")[number])
            scores = score(study.folder)
            assert report.report(scores).endswith("</html>\n")
    rows = list(csv.DictReader(io.StringIO(report.readings_csv(scores))))
    assert [row["comment"] for row in rows] == ["'=HYPERLINK()", "'\t=A1", "dark"]


@pytest.mark.slow
def test_the_demonstration_is_a_whole_study(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    assert main(["vtt", "demo", "--output-dir", str(folder), "--pairs", "4", "--model", str(tiny_bundle)]) == 0
    assert "8 cases, 3 simulated readers; 'real' tumours are stand-ins" in capsys.readouterr().out
    scores = json.loads((folder / "report" / "scores.json").read_text())
    assert [row["answered"] for row in scores["readers"].values()] == [8, 8, 8]
    assert "stand-ins" in (folder / "report" / "report.html").read_text()
    assert main(["vtt", "demo", "--output-dir", str(folder)]) == 2


def test_a_missing_package_is_one_clear_line(
    by_hand: tuple[Study, dict], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("statsmodels")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    assert main(["vtt", "score", str(by_hand[0].folder)]) == 2
    assert capsys.readouterr().err == ("error: scoring needs statsmodels; install it with: pip install statsmodels\n")
    with pytest.raises(InputError):
        statistics.share(1, 2)
