"""A scan's tumours to make: what `generate`, `batch` and `demo` have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from TextoMorphLib import paths
from TextoMorphLib.errors import ORGAN_ALONE, InputError, doubts_told
from TextoMorphLib.io import contents, outputs
from TextoMorphLib.io.provenance import provenance

if TYPE_CHECKING:
    import numpy as np

    from TextoMorphLib.io.delta import Delta
    from TextoMorphLib.io.volume import Volume
    from TextoMorphLib.synthesis import Synthesis, Synthesizer
    from TextoMorphLib.synthesis.several import Lesion

STORES = ("scan", "delta")


@dataclass(frozen=True)
class Part:
    """One of several lesions of a job; what is None is the job's."""

    mask: Path
    text: str
    organ: str | None = None
    label: str | int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Job:
    """A scan, where the tumour goes, its description, and where the result goes.

    Attributes:
        lesions: Several lesions with words of their own, which all go into the output; `mask` (None) and `text` (empty)
            are left out then.
    """

    ct: Path
    mask: Path | None
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
    lesions: tuple[Part, ...] = ()
    hedges: str = "marked"
    organ_mask: Path | None = None  # where healthy tissue is judged
    store: str = "scan"  # or "delta": what changed of the scan, in the output's stead

    @property
    def stored(self) -> Path:
        """The file that holds the result."""
        return outputs.delta_path(self.output) if self.store == "delta" else self.output

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is asked for: each lesion with its organ and label, or the only one."""
        if self.mask is not None:
            return (Part(self.mask, self.text, self.organ, self.label),)
        return tuple(
            replace(part, organ=part.organ or self.organ, label=self.label if part.label is None else part.label)
            for part in self.lesions
        )

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that are read."""
        return (self.ct, *(part.mask for part in self.parts), *filter(None, [self.organ_mask]))

    def check(self, overwrite: bool = False) -> None:
        """Find what is cheap to find before any scan or model is read.

        Raises:
            InputError: The first thing that is wrong.
        """
        if self.store not in STORES:
            raise InputError(f"unknown store '{self.store}'; use one of: {', '.join(STORES)}")
        outputs.check_image(self.output, inputs=self.inputs, overwrite=overwrite)
        if self.stored != self.output:
            outputs.check_file(self.stored, overwrite=overwrite)
        from TextoMorphLib.synthesis.request import check_request
        from TextoMorphLib.text.understanding import check_hedges

        check_hedges(self.hedges)
        for part in self.parts:
            with self._named(part):
                seed = self.seed if part.seed is None else part.seed
                check_request(part.text, part.organ or "", seed, self.steps, self.guidance, self.preset)

    def read(self, reader: Callable[[Path], Volume] | None = None) -> tuple[Volume, list[Lesion], list[str]]:
        """The checked scan and lesions, and what is doubtful of them; the user is told of it at once.

        Args:
            reader: Reads the scan; `Volume.read` if None.

        Raises:
            InputError: What is wrong with either.
        """
        from TextoMorphLib.io import scan
        from TextoMorphLib.synthesis import several

        lesions = []
        with doubts_told() as doubts:
            ct = scan.read_ct(self.ct, self.assume_hu, reader)
            for part in self.parts:
                with self._named(part):
                    mask = scan.read_lesion_mask(part.mask, ct, self.resample_mask, part.label, self.replace)
                lesions.append(several.Lesion.of(mask, part.text, part.organ or "", part.seed))
        several.check(lesions)
        return ct, lesions, list(dict.fromkeys(doubts))

    def read_organ(self, ct: Volume, lesions: Sequence[Lesion]) -> np.ndarray[Any, Any] | None:
        """The organ's mask on the scan's grid, boolean; None if none is given.

        Args:
            ct: The job's scan, already read.
            lesions: The job's lesions, already read.

        Raises:
            InputError: What is wrong with it.
        """
        from TextoMorphLib.io.masks import read_mask
        from TextoMorphLib.spatial.region import check_organ

        if self.organ_mask is None:
            return None
        organ = read_mask(self.organ_mask, ct, resample=self.resample_mask, choose=ORGAN_ALONE)
        for part, lesion in zip(self.parts, lesions, strict=True):
            with self._named(part):
                check_organ(ct, lesion.mask(ct.shape), organ)
        return organ

    @contextmanager
    def _named(self, part: Part) -> Iterator[None]:
        """Says which lesion it is, of several, that something is wrong with."""
        try:
            yield
        except InputError as error:
            if len(self.parts) < 2:
                raise
            raise InputError(f"lesion {self.parts.index(part) + 1}: {error}") from error

    def request(self) -> dict[str, Any]:
        """All that decides the result but the model, as it stands in the report; equal requests give equal results.

        Paths are as seen from the output's folder: wherever a batch is started from, and wherever all of it is moved.
        """
        here = self.output.resolve().parent

        def plain(value: Any) -> Any:
            if isinstance(value, tuple):
                return [{name: plain(each) for name, each in part.items() if each is not None} for part in value]
            return contents.named(value, here) if isinstance(value, Path) else value

        given = asdict(self)
        # As in reports from before there was a choice.
        if not self.lesions:
            del given["lesions"]
        if self.store == "scan":
            del given["store"]
        if self.organ_mask is None:
            del given["organ_mask"]
        if self.hedges == "marked":
            del given["hedges"]
        if own := _own_words():
            given["vocabulary"] = own
        return {key: plain(value) for key, value in given.items()}

    def contents(self) -> dict[str, str]:
        """What the inputs hold, by their paths as seen from the output's folder."""
        return contents.of(self.inputs, self.output.parent)

    def unlike(self, fingerprint: str) -> str:
        """Why what is there is not what this job makes; empty if it is, whole, and from what the inputs hold now.

        Args:
            fingerprint: The model's, which the report has to name, too.
        """
        made, wanted = self._made(), self.request()
        asked = self._asked(made)
        if not asked:
            return "no report beside it says what it is"
        if other := sorted(key for key in {*asked, *wanted} if asked.get(key) != wanted.get(key)):
            return f"it was made with another {', '.join(other)}"
        if (made.get("model") or {}).get("sha256") != fingerprint:
            return "it was made with another model"
        if changed := contents.changed(made.get("inputs"), self.contents()):
            return f"{', '.join(changed)} has changed since it was made"
        return "" if outputs.is_whole(self.output) else "it is not as its report says"

    def is_done(self, fingerprint: str) -> bool:
        """Whether an earlier run made exactly this; see `unlike`."""
        return not self.unlike(fingerprint)

    def is_there(self, verify: bool = False) -> bool:
        """Whether an earlier run made what is asked, by whatever model, as a scan or a delta.

        Args:
            verify: Read output and inputs, and hold them against the report; else it counts that it is there and not
                empty.
        """
        made = self._made()
        if verify and contents.changed(made.get("inputs"), self.contents()):
            return False
        store = str((made.get("image") or {}).get("store", "scan"))
        kept = replace(self, store=store)
        if self._asked(made) != kept.request():
            return False
        return outputs.is_whole(self.output) if verify else kept.stored.is_file() and kept.stored.stat().st_size > 0

    def is_broken(self) -> bool:
        """Whether there is nothing to lose: an empty file that a crash left, or no longer what this request made."""
        for path in (self.stored, outputs.report_path(self.output)):
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


def _own_words() -> str:
    """What tells the user's own terms and organs from others: they decide what texts mean; empty if there are none."""
    every = [*paths.listed("Organs"), *paths.listed("Vocabulary/terms")]
    own = [outputs.sha256(path) for path in every if path.is_relative_to(paths.user())]
    return hashlib.sha256("".join(own).encode()).hexdigest() if own else ""


def make(
    job: Job,
    model: str,
    synthesizer: Synthesizer,
    ct: Volume,
    lesions: Sequence[Lesion],
    step: Callable[[int, int], bool] | None = None,
    doubts: Sequence[str] = (),
    overwrite: bool = True,
    also: Callable[[Synthesis], Mapping[Path, Callable[[Path], Any]]] | None = None,
) -> Synthesis:
    """Synthesise a job's tumours and write the scan with its report.

    Args:
        job: What to make.
        model: Name or folder the synthesizer was loaded from.
        synthesizer: The loaded model.
        ct: The job's scan, already read.
        lesions: The job's lesions, already read.
        step: Called with (done, total); returns False to cancel.
        doubts: What was doubtful of the input; goes into the report.
        overwrite: Whether outputs that exist when they are written are replaced.
        also: What else is to be written with the image, all or none: see `outputs.write_image`.
    """
    from TextoMorphLib.synthesis import several

    synthesis = several.synthesize(
        synthesizer,
        ct,
        lesions,
        seed=job.seed,
        progress=step,
        replace=job.replace,
        steps=job.steps,
        guidance=job.guidance,
        preset=job.preset,
        texture=job.texture,
        hedges=job.hedges,
        within=job.read_organ(ct, lesions),
    )
    report = {**synthesis.report, "request": {**job.request(), "model": model}, "inputs": job.contents()}
    report["warnings"] = [*doubts, *report["warnings"]]
    more = also(synthesis) if also else None
    note = provenance(job.seed)
    delta = _delta(job, ct, synthesis.volume, note) if job.store == "delta" else None
    outputs.write_image(synthesis.volume, report, job.output, note, overwrite=overwrite, also=more, delta=delta)
    return replace(synthesis, report=report)


def _delta(job: Job, before: Volume, after: Volume, note: str) -> Delta:
    from TextoMorphLib.io import delta

    return delta.between(before, after, note, source=str(job.request()["ct"]))
