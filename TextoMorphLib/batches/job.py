"""One tumour to make: what `generate`, `batch` and `demo` have in common."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from TextoMorphLib.errors import doubts_told
from TextoMorphLib.io import outputs
from TextoMorphLib.io.provenance import provenance

if TYPE_CHECKING:
    import numpy as np

    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.synthesis import Synthesis, Synthesizer


@dataclass(frozen=True)
class Job:
    """A scan, where the tumour goes, its description, and where the result goes."""

    ct: Path
    mask: Path
    text: str
    output: Path
    organ: str = "liver"
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    preset: str = "final"
    replace: bool = False
    label: str | int | None = None
    resample_mask: bool = False
    assume_hu: bool = False
    texture: bool = True

    def check(self, overwrite: bool = False) -> None:
        """Find what is cheap to find before any scan or model is read.

        Raises:
            InputError: The first thing that is wrong.
        """
        outputs.check_image(self.output, inputs=(self.ct, self.mask), overwrite=overwrite)
        from TextoMorphLib.request import check_request

        check_request(self.text, self.organ, self.seed, self.steps, self.guidance, self.preset)

    def read(self) -> tuple[Volume, np.ndarray[Any, Any], list[str]]:
        """The checked scan and mask, and what is doubtful of them; the user is told of it at once.

        Raises:
            InputError: What is wrong with either.
        """
        from TextoMorphLib.io.scan import read_scan

        with doubts_told() as doubts:
            ct, mask = read_scan(self.ct, self.mask, self.resample_mask, self.label, self.assume_hu)
        return ct, mask, doubts

    def request(self) -> dict[str, Any]:
        """All that decides the result but the model, as it stands in the report; equal requests give equal results.

        Paths are as seen from the output's folder: wherever a batch is started from, and wherever all of it is moved.
        """
        here = self.output.resolve().parent

        def plain(value: Any) -> Any:
            if not isinstance(value, Path):
                return value
            try:
                return Path(os.path.relpath(value.resolve(), here)).as_posix()
            except ValueError:  # another drive
                return str(value.resolve())

        return {key: plain(value) for key, value in asdict(self).items()}

    def is_done(self, fingerprint: str) -> bool:
        """Whether an earlier run made exactly this: the whole image is there, and its report has this request.

        Args:
            fingerprint: The model's, which the report has to name, too.
        """
        made = self._made()
        return (
            self._asked(made) == self.request()
            and (made.get("model") or {}).get("sha256") == fingerprint
            and outputs.is_whole(self.output)
        )

    def is_broken(self) -> bool:
        """Whether there is nothing to lose: an empty file that a crash left, or no longer what this request made."""
        for path in (self.output, outputs.report_path(self.output)):
            if path.is_file() and path.stat().st_size == 0:
                return True
        return self._asked(self._made()) == self.request() and not outputs.is_whole(self.output)

    @staticmethod
    def _asked(made: Mapping[str, Any]) -> dict[str, Any]:
        asked = made.get("request")
        return {key: value for key, value in asked.items() if key != "model"} if isinstance(asked, Mapping) else {}

    def _made(self) -> dict[str, Any]:
        try:
            made = json.loads(outputs.report_path(self.output).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return made if isinstance(made, dict) else {}


def make(
    job: Job,
    model: str,
    synthesizer: Synthesizer,
    ct: Volume,
    mask: np.ndarray[Any, Any],
    step: Callable[[int, int], bool] | None = None,
    doubts: Sequence[str] = (),
    overwrite: bool = True,
    also: Callable[[Synthesis], Mapping[Path, Callable[[Path], Any]]] | None = None,
) -> Synthesis:
    """Synthesise a job's tumour and write the scan with its report.

    Args:
        job: What to make.
        model: Name or folder the synthesizer was loaded from.
        synthesizer: The loaded model.
        ct: The job's scan, already read.
        mask: The job's mask, already read; boolean, the scan's shape.
        step: Called with (done, total); returns False to cancel.
        doubts: What was doubtful of the input; goes into the report.
        overwrite: Whether outputs that exist when they are written are replaced.
        also: What else is to be written with the image, all or none: see `outputs.write_image`.
    """
    synthesis = synthesizer.synthesize(
        ct,
        mask,
        job.text,
        organ=job.organ,
        seed=job.seed,
        steps=job.steps,
        guidance=job.guidance,
        progress=step,
        preset=job.preset,
        replace=job.replace,
        texture=job.texture,
    )
    report = {**synthesis.report, "request": {**job.request(), "model": model}}
    report["warnings"] = [*doubts, *report["warnings"]]
    more = also(synthesis) if also else None
    note = provenance(job.seed)
    outputs.write_image(synthesis.volume, report, job.output, note, overwrite=overwrite, also=more)
    return replace(synthesis, report=report)
