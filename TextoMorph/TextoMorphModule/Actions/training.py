"""Train: `textomorph train` as a process of its own, its losses, and what comes of it as a model to be chosen."""

import inspect
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from TextoMorphModule.Actions import background
from TextoMorphModule.Actions.background import Progress
from TextoMorphModule.Actions.processes import WITH_CHECKPOINT_S, Console

LOG, CHECKPOINT, MANIFEST = "training.log", "checkpoint.pt", "manifest.json"
INPUTS = ("data", "cases", "fold")  # options of the commands that the panel knows


@dataclass(frozen=True)
class TrainingKind:
    """Something that can be trained.

    Attributes:
        name: What follows `textomorph train`.
        meaning: What it does, in a sentence.
        inputs: Of data, cases and fold, those that it takes; True for those that it needs.
        configurations: Those that come with TextoMorph, then those in the user's own folder.
    """

    name: str
    meaning: str
    inputs: dict[str, bool]
    configurations: list[Path]


class TrainingRun:
    """A training that runs, or has ended.

    Attributes:
        output: Its folder.
        step: The optimiser steps that are done.
        of: How many there will be; 0 before that is known.
        values: What was logged, by name: pairs of step and value. An earlier run's are there, too, where this one goes
            on with it.
    """

    def __init__(
        self,
        arguments: list[str],
        output: Path,
        onLine: Callable[[str], None],
        onChange: Callable[[], None],
    ) -> None:
        self.output, self.onChange = output, onChange
        self.step = self.of = 0
        self.values: dict[str, list[tuple[int, float]]] = {}
        log = output / LOG
        if log.is_file() and "--resume" in arguments:
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
                self._take(line)
        self.console = Console(
            arguments,
            onLine=onLine,
            onEvent=lambda event: self._onEvent(event),
            onEnd=lambda: self.onChange(),
            log=log,
            patience=WITH_CHECKPOINT_S,
        )

    @property
    def running(self) -> bool:
        """Whether it still goes on."""
        return self.console.running

    def stop(self) -> None:
        """Asks it to end; it writes a checkpoint first, which takes seconds."""
        self.console.stop()

    def _take(self, line: str) -> None:
        if line.startswith("{"):
            try:
                self._add(json.loads(line))
            except (ValueError, TypeError):
                return

    def _onEvent(self, event: dict[str, Any]) -> None:
        self._add(event)
        self.onChange()

    def _add(self, event: dict[str, Any]) -> None:
        step = event.get("step")
        if not isinstance(step, int):
            return
        if step < self.step:  # gone on from an older checkpoint, or another fold
            self.values = {name: [each for each in known if each[0] < step] for name, known in self.values.items()}
        self.step, self.of = step, int(event.get("of", self.of))
        for name, value in event.items():
            if name not in ("step", "of") and isinstance(value, (int, float)):
                self.values.setdefault(name, []).append((step, float(value)))


class Training:
    """Models of one's own."""

    def trainings(self) -> dict[str, TrainingKind]:
        """What can be trained, by its name: all that `textomorph train` knows.

        Example:
            >>> logic.trainings()["diffusion"].configurations[0].name
            'real-diffusion.toml'
        """
        from TextoMorphLib import paths
        from TextoMorphLib.commands import train

        found = {}
        known = [path for folder in paths.folders("Training") for path in sorted(folder.glob("*.toml"))]
        for command in train.app.registered_commands:
            function = command.callback
            assert function is not None
            name = command.name or function.__name__
            given = inspect.signature(function).parameters
            inputs = {each: given[each].default is inspect.Parameter.empty for each in INPUTS if each in given}
            own = sorted((path for path in known if name in path.stem.split("-")), key=_forAblations)
            found[name] = TrainingKind(name, (inspect.getdoc(function) or "").split("\n")[0], inputs, own)
        return found

    def canTrain(self, kind: str) -> bool:
        """Whether the packages that a training needs are there; if not, asks whether to install them.

        Raises:
            RuntimeError: They could not be installed.

        Example:
            >>> logic.canTrain("diffusion")
            True
        """
        from TextoMorphModule.Actions import packages

        extras = ("train", "segmentation") if kind == "segmentation" else ("train",)
        return all(packages.ensured(extra) for extra in extras)

    def train(
        self,
        kind: str,
        configuration: str | Path,
        output: str | Path,
        data: str | Path = "",
        cases: str | Path = "",
        fold: str = "",
        onLine: Callable[[str], None] = lambda line: None,
        onChange: Callable[[], None] = lambda: None,
    ) -> TrainingRun:
        """Starts a training in the background, or goes on with the one whose checkpoint is in the output folder.

        It ends with Slicer, also where Slicer is killed; its checkpoint stays.

        Args:
            kind: One of `trainings()`.
            configuration: A TOML file.
            output: The training's folder.
            data: Folder of CTs, where the kind takes one.
            cases: A cases.jsonl, where it takes one.
            fold: A fold's number or "all", where it takes one; "" trains on every case.
            onLine: Called in Slicer's own thread with each line that it writes.
            onChange: Called likewise at each logged step and at the end.

        Raises:
            InputError: There is no such configuration, or the output folder cannot be made.

        Example:
            >>> run = logic.train("texts", "/data/texts.toml", "/data/runs/texts")
            >>> run.step, run.of, run.running
            (340, 1500, True)
        """
        from TextoMorphLib.errors import InputError

        if not Path(configuration).is_file():
            raise InputError(f"no such configuration: {configuration}")
        folder = Path(output)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write to {output}: {error.strerror}") from None
        arguments = ["train", kind, str(configuration), "--output", str(output)]
        takes = self.trainings()[kind].inputs
        for name, value in (("data", data), ("cases", cases), ("fold", fold)):
            if str(value) and name in takes:
                arguments += [f"--{name}", str(value)]
        if self.canResume(folder):
            arguments.append("--resume")
        return TrainingRun(arguments, folder, onLine, onChange)

    def canResume(self, output: str | Path) -> bool:
        """Whether a training was begun in a folder, so that `train` goes on with it.

        Example:
            >>> logic.canResume("/data/runs/texts")
            True
        """
        return bool(str(output)) and any(any(Path(output).glob(place)) for place in (CHECKPOINT, f"*/{CHECKPOINT}"))

    def trainedModels(self, output: str | Path) -> list[Path]:
        """The finished models in a training's folder: one, or one a fold.

        Example:
            >>> logic.trainedModels("/data/runs/liver")
            [PosixPath('/data/runs/liver/whole/model')]
        """
        if not str(output):
            return []
        return sorted(
            path.parent for place in ("model", "*/model") for path in Path(output).glob(f"{place}/{MANIFEST}")
        )

    def useModel(self, folder: str | Path, progress: Progress | None = None) -> tuple[str, str]:
        """Copies a finished model to the user's models folder, where it is offered like those of TextoMorph.

        One that is there already is not copied again; another one of its name is left alone, and this one gets a
        number.

        Args:
            folder: The model.
            progress: Called about twenty times a second; returns False to cancel.

        Returns:
            The name under which it is offered, and its kind: synthesis, segmentation or published.

        Raises:
            InputError: It is no model, or damaged.

        Example:
            >>> logic.useModel("/data/runs/diffusion/model")
            ('my-model', 'synthesis')
        """
        given: tuple[str, str] = background.run(lambda onStep: _installed(Path(folder), self._models()), progress)
        return given

    def _models(self) -> Path:
        from TextoMorphLib import paths

        place: Path = paths.user() / "Models"
        return place


def _forAblations(configuration: Path) -> tuple[bool, str]:
    """Last what is for ablations alone: the first is proposed."""
    return configuration.stem.startswith("ablation"), configuration.stem


def _installed(folder: Path, models: Path) -> tuple[str, str]:
    from TextoMorphLib.errors import InputError
    from TextoMorphLib.models import bundle

    fingerprint, config = bundle.verify(folder), bundle.read_config(folder)
    wanted = str(config.get("name", "")).strip().replace("/", "-").replace("\\", "-").lstrip(".") or "model"
    taken = set(bundle.names())
    try:
        models.mkdir(parents=True, exist_ok=True)
        for number in range(1, 1000):
            name = wanted if number == 1 else f"{wanted}-{number}"
            place = models / name
            if place.is_dir() and bundle.sha256(place / MANIFEST) == fingerprint:
                return name, config["kind"]
            if name not in taken and not place.exists():
                break
        part = models / f".{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(folder, part)
        part.rename(place)
    except OSError as error:
        raise InputError(f"cannot write to {models}: {error.strerror or error}") from None
    return name, config["kind"]
