"""`textomorph benchmark`: hold a model against its words and against the clock."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import ORGAN_ALONE, InputError
from TextoMorphLib.io import outputs

if TYPE_CHECKING:
    from TextoMorphLib.evaluation.control import Trial

REPORT = "report"
PARTS = ("terms", "paraphrases", "negations", "combined", "diversity", "described")

app = typer.Typer(help="Measure a model: do words control the lesion, and how fast is it.")

ControlScan = Annotated[Path, typer.Argument(metavar="CT", help="A scan that the model was not trained on.")]
OrganMask = Annotated[Path, typer.Option("--organ-mask", metavar="FILE", help="The organ that lesions go in.")]
Sizes = Annotated[str, typer.Option("--sizes", help="Diameters in mm, separated by commas.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write every trial to this file, too.")]


@app.command()
def control(
    ct: ControlScan,
    organ_mask: OrganMask,
    organ: common.Organ = "liver",
    source: common.Source = "words",
    model: common.Model = "starter",
    device: common.Device = "auto",
    sizes: Sizes = "8,20,50",
    sites: Annotated[int, typer.Option("--sites", min=1, help="Places for each size.")] = 8,
    first_site: Annotated[int, typer.Option("--first-site", min=0, help="Number of the first place.")] = 0,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds for each place.")] = 3,
    steps: common.Steps = None,
    guidance: common.Guidance = None,
    preset: common.Preset = "final",
    parts: Annotated[str, typer.Option("--parts", help=f"Some of: {', '.join(PARTS)}.")] = ",".join(PARTS[:-1]),
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that share the work.")] = 1,
    json: Json = None,
) -> None:
    """Count how often words do what they say.

    Opposite words on the same scan, mask and seed must come out opposite: in terms, in wordings that no training text
    had, and by negation. Amounts must lie in range, three attributes must hold together, seeds must differ. Prints
    Markdown tables.
    """
    from TextoMorphLib.synthesis.request import check_preset

    sizes_mm = _sizes(sizes)
    check_preset(preset)
    asked = _parts(parts)
    if workers > 1:
        common.read_scan(ct, organ_mask, choose=ORGAN_ALONE)  # what is wrong with it is said here, not in a worker
    from TextoMorphLib.evaluation import control as benchmark
    from TextoMorphLib.sources import scans

    settings = {"steps": steps, "guidance": guidance, "preset": preset, "organ": organ}
    places = range(first_site, first_site + sites)
    load = partial(_trials, ct, organ_mask, scans.named(source, model), device, sizes_mm, places, seeds, settings)
    with common.progress("measuring control") as on_trial:
        rows = benchmark.run(load, asked, on_trial, workers)
    typer.echo(benchmark.table(rows))
    if json:
        outputs.write_bytes(json, outputs.to_json({"trials": rows}).encode())


def _trials(
    ct: Path,
    organ_mask: Path,
    model: str,
    device: str,
    sizes_mm: list[float],
    sites: range,
    seeds: int,
    settings: dict[str, Any],
) -> list[Trial]:
    """The trials of `control`, made anew in every process that shares them."""
    from TextoMorphLib.evaluation import control as benchmark
    from TextoMorphLib.sources import scans

    volume, organ = common.read_scan(ct, organ_mask, choose=ORGAN_ALONE)
    return benchmark.places(scans.load(model, device), volume, organ, sizes_mm, sites, seeds, settings)


@app.command()
def realism(
    ct: ControlScan,
    organ_mask: OrganMask,
    source: common.Source = "words",
    model: common.Model = "starter",
    device: common.Device = "auto",
    sizes: Sizes = "14,28",
    sites: Annotated[int, typer.Option("--sites", min=10, help="Places for each size.")] = 40,
    steps: common.Steps = None,
    guidance: common.Guidance = None,
    preset: common.Preset = "final",
) -> None:
    """Compare lesions with real ones, their noise with the scan's, and the ring around them with what was there before.

    Prints JSON.
    """
    from TextoMorphLib.synthesis.request import check_preset

    sizes_mm = _sizes(sizes)
    check_preset(preset)
    volume, organ = common.read_scan(ct, organ_mask, choose=ORGAN_ALONE)
    from TextoMorphLib.evaluation import realism as benchmark
    from TextoMorphLib.sources import scans

    synthesizer = scans.load(scans.named(source, model), device)
    with common.progress("measuring realism") as on_trial:
        settings = {"steps": steps, "guidance": guidance, "preset": preset}
        found = benchmark.run(synthesizer, volume, organ, sizes_mm, sites, settings, on_trial)
    typer.echo(outputs.to_json(found))


@app.command()
def observer(
    cases: Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="Real tumours, a line a case.")],
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Where twins and tables go; made if need be.")
    ],
    model: common.Model = "starter",
    device: common.Device = "auto",
    preset: common.Preset = "final",
    steps: common.Steps = None,
    guidance: common.Guidance = None,
    seed: common.Seed = 0,
    source: common.Source = "words",
    fold: Annotated[
        int | None, typer.Option("--fold", min=0, help="The fold that the model was not trained on: asked of apart.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that share the work.")] = 1,
) -> None:
    """Ask a machine which tumours are real: each real tumour against a twin at its place, with its mask and words.

    Prints the AUC of two classifiers on three sets of features, and what gives the twins away. Writes observer.md,
    observer.json and the twins. Started again after a stop, it goes on where it was.
    """
    from TextoMorphLib.cases import read_cases
    from TextoMorphLib.cases.folds import parted
    from TextoMorphLib.evaluation import observer as benchmark
    from TextoMorphLib.evaluation import twins
    from TextoMorphLib.synthesis.request import check_preset

    check_preset(preset)
    settings = twins.Settings(model, device, preset, steps, guidance, seed, source)
    listed = read_cases(cases)
    benchmark.check_patients([case.patient for case in listed])
    if fold is not None:
        parted(listed, fold)  # says now that there is none
    with common.progress("making twins") as step:
        pairs = twins.pairs(listed, settings, output, workers, step)
    held_out = {pair.patient for pair in pairs if fold is not None and pair.fold == fold}
    if fold is not None and not held_out:
        raise InputError(f"fold {fold} has no tumour that is large enough to have a texture")
    found = benchmark.judge(
        [pair.real for pair in pairs],
        [pair.twin for pair in pairs],
        [pair.patient for pair in pairs],
        held_out,
        seed,
    )
    text = benchmark.table(found)
    outputs.write_bytes(output / "observer.json", outputs.to_json(found).encode())
    outputs.write_bytes(output / "observer.md", (text + "\n").encode())
    typer.echo(text)


@app.command()
def descriptions(
    cases: Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="Real tumours, a line a case.")],
    every: Annotated[int, typer.Option("--every", min=1, help="Take every N-th case.")] = 1,
    stability: Annotated[
        bool, typer.Option("--stability", help="Also with noise added, resampled, and contours 1 mm off.")
    ] = False,
    json: Json = None,
) -> None:
    """Count what is said of real tumours, and whether small changes of scan and contour change the words.

    Prints Markdown tables.
    """
    from TextoMorphLib.cases import read_cases
    from TextoMorphLib.evaluation import descriptions as benchmark

    with common.progress("describing") as step:
        rows = list(benchmark.of_cases(read_cases(cases)[::every], stability, step))
    typer.echo(benchmark.table(rows))
    if json:
        outputs.write_bytes(json, outputs.to_json({"cases": rows}).encode())


@app.command()
def noise(
    cases: Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="Scans with tumours (replaced) or organs.")],
    model: common.Model = "starter",
    device: common.Device = "auto",
    sites: Annotated[int, typer.Option("--sites", min=1, help="Lesions in each organ without a tumour.")] = 3,
    size: Annotated[float, typer.Option("--size", min=10, help="Their diameter, mm.")] = 24.0,
    crop: Annotated[
        float | None,
        typer.Option("--crop", min=30, help="Draw in crops of so many mm; the reference stays the whole scan."),
    ] = None,
    known: Annotated[
        bool, typer.Option("--known", help="Put noise of known strength and grain in, and hold lesions against that.")
    ] = False,
) -> None:
    """Hold the noise in homogeneous lesions against that of the nearest homogeneous tissue.

    Its strength, and the correlation of neighbours along each axis of the scan, with standard errors. Prints JSON.
    """
    from TextoMorphLib.cases import read_cases
    from TextoMorphLib.evaluation import grain as benchmark
    from TextoMorphLib.synthesis import Synthesizer

    given = read_cases(cases)
    synthesizer = Synthesizer.load(model, device)
    with common.progress("measuring noise") as on_trial:
        found = benchmark.run(synthesizer, given, sites, size, on_trial, crop, known)
    typer.echo(outputs.to_json(found))


@app.command()
def autoencoder(
    ct: ControlScan,
    model: common.Model = "starter",
    device: common.Device = "auto",
) -> None:
    """Report what the latent keeps of a scan, and of small lesions by themselves. Prints JSON."""
    from TextoMorphLib.evaluation import reconstruction
    from TextoMorphLib.simulation.backgrounds import load_scan

    typer.echo(outputs.to_json(reconstruction.run(model, device, load_scan(ct))))


@app.command()
def texts(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON: descriptions and probes with what each means.")],
    half: Annotated[
        str, typer.Option("--half", help="all, or the texts with an odd SHA-256 (kept), or the others (seen).")
    ] = "all",
    reports: Annotated[
        bool, typer.Option("--reports", help="FILE holds whole reports: are their lesions found, and how fast?")
    ] = False,
    json: Json = None,
) -> None:
    """Count what is understood of descriptions, by attribute: precision, recall, inventions, contraries.

    With --reports, of whole reports: lesions found, missed and invented, with their sizes, segments and attributes, and
    the CPU time that 1,000 such reports take. Prints a Markdown table; needs no model.
    """
    from TextoMorphLib.errors import InputError
    from TextoMorphLib.evaluation import texts as benchmark

    if half not in benchmark.HALVES:
        raise InputError(f"unknown half '{half}'; use one of: {', '.join(benchmark.HALVES)}")
    if reports:
        from TextoMorphLib.evaluation import report_texts

        measured = report_texts.run(report_texts.load(file))
        typer.echo(report_texts.table(measured))
        if json:
            outputs.write_bytes(json, outputs.to_json(measured.as_dict()).encode())
        return
    found = benchmark.run(benchmark.load(file, half))
    typer.echo(benchmark.table(found))
    if json:
        outputs.write_bytes(json, outputs.to_json(found.as_dict()).encode())


@app.command()
def speed(
    model: common.Model = "starter",
    device: common.Device = "auto",
    steps: common.Steps = None,
    guidance: common.Guidance = None,
    preset: common.Preset = "final",
) -> None:
    """Time one tumour in a 96 mm region: warm, cold from the shell, and the memory it takes. Prints JSON."""
    from TextoMorphLib.evaluation import speed as benchmark
    from TextoMorphLib.synthesis.request import check_preset

    check_preset(preset)

    typer.echo(outputs.to_json(benchmark.run(model, device, steps, guidance, preset)))


@app.command()
def downstream(
    config: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="Resources/Training/downstream.toml.")],
    healthy: Annotated[
        Path, typer.Option("--healthy", metavar="CASES.jsonl", help="Scans that tumours are put in, with their organ.")
    ],
    test: Annotated[
        Path, typer.Option("--test", metavar="CASES.jsonl", help="Scans with real tumours, and their organ.")
    ],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Gets everything; made if need be.")],
    step: Annotated[str, typer.Option("--step", help="One of: banks, train, develop, targeted, segment, report.")],
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Of a training, in place of the configuration's.")
    ] = None,
    bank: Annotated[
        int | None, typer.Option("--bank", min=1, help="Patches of a bank, in place of the configuration's.")
    ] = None,
) -> None:
    """Measure what tumours of several sources are worth to a segmenter; docs/downstream.md shows the steps in order.

    Started again after a stop, a step goes on where it was.
    """
    from TextoMorphLib.experiments import downstream as experiment

    if step != REPORT and step not in experiment.STEPS:
        raise InputError(f"unknown step '{step}'; use one of: {', '.join((*experiment.STEPS, REPORT))}")
    shorter = {name: value for name, value in (("steps", steps), ("bank", bank)) if value is not None}
    loaded = experiment.load(config, healthy, test, output, shorter)
    if step != REPORT:
        experiment.STEPS[step](loaded, typer.echo)
        return
    from TextoMorphLib.experiments import downstream_report

    found = downstream_report.report(loaded)
    text = downstream_report.table(found)
    outputs.write_bytes(output / "downstream.json", outputs.to_json(found).encode())
    outputs.write_bytes(output / "downstream.md", text.encode())
    outputs.write_bytes(output / "downstream.png", downstream_report.picture(found))
    typer.echo(text)


@app.command()
def throughput(
    model: common.Model = "starter",
    device: common.Device = "auto",
    preset: common.Preset = "final",
    workers: Annotated[str, typer.Option("--workers", help="Numbers of workers to try, separated by commas.")] = "1,2",
    ray: Annotated[str | None, typer.Option("--ray", metavar="ADDRESS", help="A Ray cluster to try, too.")] = None,
    count: Annotated[
        int, typer.Option("--count", min=1, help="Of how many tumours to tell what they take.")
    ] = 1_000_000,
    cores: Annotated[int, typer.Option("--cores", min=1, help="On how many cores.")] = 64,
    json: Json = None,
) -> None:
    """Measure what a batch costs over scan size, lesion size and jobs, and tell what a million tumours take.

    Costs are processor seconds: other programs on the machine hardly change them. Prints Markdown tables.
    """
    from TextoMorphLib.synthesis.request import check_preset

    check_preset(preset)
    try:
        numbers = [int(each) for each in workers.split(",")]
    except ValueError:
        raise InputError(f"workers '{workers}' are no numbers separated by commas; for example 1,2") from None
    if not all(1 <= number <= 256 for number in numbers):
        raise InputError(f"workers '{workers}' are out of range; use 1 to 256")
    from TextoMorphLib.batches import throughput as benchmark

    with common.progress("measuring throughput") as step:
        found = benchmark.run(model, device, preset, numbers, ray, step)
    typer.echo(benchmark.table(found, count, cores))
    if json:
        outputs.write_bytes(
            json, outputs.to_json({**found, "forecast": benchmark.forecast(found, count, cores)}).encode()
        )


def _sizes(text: str) -> list[float]:
    try:
        sizes = [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"sizes '{text}' are no numbers separated by commas; for example 12,20,35") from None
    if not all(4 <= size <= 150 for size in sizes):
        raise InputError(f"sizes '{text}' are out of range; use 4 to 150 mm")
    return sizes


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(","))
    if unknown := [part for part in parts if part not in PARTS]:
        raise InputError(f"unknown part '{unknown[0]}'; use some of: {', '.join(PARTS)}")
    return parts
