"""What many tumours take, from what few were measured to take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from TextoMorphLib.batches import throughput
from TextoMorphLib.cli import main


@pytest.mark.slow
def test_costs_are_measured_and_forecast(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "DEPTHS": (14, 28),
        "DIAMETERS_MM": (20.0,),
        "NUMBERS": (1, 2),
        "WORKERS_JOBS": 2,
        "PUBLISHED_SIDE": 32,
    }.items():
        monkeypatch.setattr(throughput, name, value)
    out = tmp_path / "throughput.json"
    argv = ["benchmark", "throughput", "--model", str(tiny_bundle), "--device", "cpu", "--preset", "preview"]
    assert main([*argv, "--workers", "1", "--count", "1000", "--cores", "2", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    usual = next(row for row in found["lesions"] if row["lesion_mm"] == 20)
    assert found["forecast"]["scans_tb"] == pytest.approx(1000 * usual["scan_mb"] / 1e6, abs=1e-3)
    assert 0 < usual["delta_mb"] < usual["scan_mb"] / 5
    assert found["scans"][1]["megavoxels"] == pytest.approx(2 * found["scans"][0]["megavoxels"], rel=0.01)
    assert found["workers"][0]["cpu_seconds"] > 0
    assert found["published_cpu_seconds"] > 0
    told = capsys.readouterr().out
    assert "1,000 tumours" in told
    assert f"{found['published_cpu_seconds']:g} CPU s for theirs on this machine" in told


def test_a_forecast_is_arithmetic() -> None:
    row = {"lesion_mm": throughput.USUAL_MM, "cpu_seconds": 1.8, "scan_mb": 50.0, "delta_mb": 0.2}
    found = throughput.forecast({"lesions": [row]}, 1_000_000, 100)
    assert found == {"core_hours": 500, "days": 0.21, "scans_tb": 50.0, "deltas_tb": 0.2}
