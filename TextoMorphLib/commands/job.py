"""One tumour to make: what `generate`, `batch` and `demo` have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

    def check(self, overwrite: bool = False) -> None:
        """Find what is cheap to find before any scan or model is read.

        Raises:
            InputError: The first thing that is wrong.
        """
        outputs.check_image(self.output, inputs=(self.ct, self.mask), overwrite=overwrite)
        from TextoMorphLib.request import check_request

        check_request(self.text, self.organ, self.seed, self.steps, self.guidance, self.preset)

    def request(self, model: str) -> dict[str, Any]:
        """All that decides the result, as it stands in the report; equal requests give equal results."""
        plain = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}
        return {**plain, "model": model}


def make(
    job: Job,
    model: str,
    synthesizer: Synthesizer,
    ct: Volume,
    mask: np.ndarray[Any, Any],
    step: Callable[[int, int], bool] | None = None,
) -> Synthesis:
    """Synthesise a job's tumour and write the scan with its report.

    Args:
        job: What to make.
        model: Name or folder the synthesizer was loaded from.
        synthesizer: The loaded model.
        ct: The job's scan, already read.
        mask: The job's mask, already read; boolean, the scan's shape.
        step: Called with (done, total); returns False to cancel.
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
    )
    report = {**synthesis.report, "request": job.request(model)}
    outputs.write_image(synthesis.volume, report, job.output, note=provenance(job.seed))
    return synthesis
