"""What the arms of the downstream experiment find: at equal false alarms, by size, seed by seed, and pair by pair.

Of lesions alone: surfaces (NSD) would take most of the time and answer no question of the experiment.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from TextoMorphLib.cases import Case, read_cases
from TextoMorphLib.errors import InputError
from TextoMorphLib.evaluation import intervals, scores, summary, tables
from TextoMorphLib.experiments.downstream import TARGETED, THRESHOLD, Experiment

SIZES_MM = (10.0, 20.0)


def report(experiment: Experiment) -> dict[str, Any]:
    """The figures of every arm whose predictions are there.

    Raises:
        InputError: There are none.
    """
    cases = read_cases(experiment.test)
    allowed = float(experiment.settings["false_alarms"])
    of = str(experiment.settings["targeting"]["of"])
    arms = [
        arm for arm in (*experiment.arms, THRESHOLD, TARGETED) if _there(experiment, arm, [case.id for case in cases])
    ]
    if of not in arms:
        raise InputError(f"{experiment.folder} holds no predictions of {of} yet; run the steps before this one")
    found = {arm: _scores(experiment, arm, None, cases) for arm in arms}
    made: dict[str, Any] = {"steps": experiment.settings["training"]["steps"], "arms": {}, "against": of, "pairs": {}}
    made["bank"] = experiment.settings["bank"]["size"]
    for arm, own in found.items():
        made["arms"][arm] = {
            "at_false_alarms": summary.at_false_alarms(own, allowed, SIZES_MM),
            "froc": summary.froc(own),
            "dsc_at_half": intervals.mean([score.dsc for score in own], [score.patient for score in own]),
            "seeds": {str(seed): _seed(experiment, arm, seed, cases, allowed) for seed in _seeds(experiment, arm)},
        }
        if arm != of:
            made["pairs"][arm] = summary.compare_at_false_alarms(found[of], own, allowed, SIZES_MM)
    return made


def _there(experiment: Experiment, arm: str, ids: list[str]) -> bool:
    folder = experiment.predictions(arm)
    return all((folder / f"{name}{scores.PROBABILITY}.nii.gz").exists() for name in ids)


def _seeds(experiment: Experiment, arm: str) -> tuple[int, ...]:
    return () if arm == THRESHOLD else experiment.seeds


def _scores(experiment: Experiment, arm: str, seed: int | None, cases: Sequence[Case]) -> list[scores.CaseScore]:
    return list(scores.score(cases, experiment.predictions(arm, seed), tolerance_mm=None))


def _seed(experiment: Experiment, arm: str, seed: int, cases: Sequence[Case], allowed: float) -> dict[str, Any]:
    own = _scores(experiment, arm, seed, cases)
    return summary.at_false_alarms(own, allowed, SIZES_MM)


def table(made: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    named = [(arm, each["at_false_alarms"]) for arm, each in made["arms"].items()]
    parts = [f"{made['steps']} steps a training, {made['bank']} patches a bank.", tables.equal_alarms(named)]
    parts.append(_froc(made))
    seeds = [
        f"- {arm}: "
        + ", ".join(
            f"{at['lesions']['all']['found_iou']} ({at['lesions']['all']['found']})" for at in each["seeds"].values()
        )
        for arm, each in made["arms"].items()
        if each["seeds"]
    ]
    parts.append("Seed by seed, found at IoU 0.1 (any overlap):\n\n" + "\n".join(seeds))
    for arm, mcnemar in made["pairs"].items():
        parts.append(f"## {made['against']} (here) against {arm} (there)\n\n" + tables.paired(mcnemar))
    return "\n\n".join(parts) + "\n"


def _froc(made: Mapping[str, Any]) -> str:
    """Sensitivity by false alarms, each arm at the best of its thresholds."""
    every = {arm: each["froc"]["sensitivity_at"] for arm, each in made["arms"].items()}
    names = list(next(iter(every.values())))
    lines = [f"| FROC, any overlap | {' | '.join(f'<= {name}' for name in names)} |", "|---" * (1 + len(names)) + "|"]
    lines += [f"| {arm} | {' | '.join(f'{at[name]:.0%}' for name in names)} |" for arm, at in every.items()]
    return "\n".join(lines)


def picture(made: Mapping[str, Any]) -> bytes:
    """FROC curves of all arms, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure((7, 4.5), layout="constrained", dpi=110)
    axes = figure.subplots()
    for arm, each in made["arms"].items():
        points = each["froc"]["points"]
        style = "k--" if arm == THRESHOLD else "o-"
        alarms = [point["false_positives_per_scan"] for point in points]
        axes.plot(alarms, [point["sensitivity"] or 0 for point in points], style, markersize=3, label=arm)
    allowed = next(iter(made["arms"].values()))["at_false_alarms"]["allowed"]
    axes.axvline(allowed, color="grey", linestyle=":")
    axes.set(xlabel="false positives a scan", ylabel="lesions found (any overlap)", ylim=(-0.02, 1.02))
    axes.set_xlim(0, 5 * allowed)
    axes.legend(frameon=False, fontsize=8)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": "TextoMorph"})
    return file.getvalue()
