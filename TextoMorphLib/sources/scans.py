"""The sources for whole scans: called as `Synthesizer` is, so that whatever takes a model takes a baseline, too.

words        the model, steered by the text
mask-only    the model, without words
rendered     the renderer that the model learned from, without a network
ellipsoids   hand-made rules (`sources.ellipsoids`)
cells        growth (`sources.cells`), inside the mask
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.measurement.attributes import measure_in
from TextoMorphLib.measurement.expectations import compare
from TextoMorphLib.measurement.surroundings import Surroundings
from TextoMorphLib.models import bundle
from TextoMorphLib.models.word_structures import rises_or_sinks
from TextoMorphLib.sources import ALL_DEFAULT
from TextoMorphLib.sources import load as load_source
from TextoMorphLib.spatial import lying
from TextoMorphLib.spatial.compositing import WINDOW_MM, to_scan
from TextoMorphLib.spatial.geometry import distances
from TextoMorphLib.spatial.preparation import prepared
from TextoMorphLib.spatial.region import UNKNOWN_HU, Region, resampled
from TextoMorphLib.synthesis import Synthesizer
from TextoMorphLib.synthesis.request import Wishes
from TextoMorphLib.synthesis.result import LESION_SEEDS, Clock, Synthesis, report_of
from TextoMorphLib.text.concepts import as_drawn
from TextoMorphLib.text.understanding import find
from TextoMorphLib.text.vocabulary import Mention, describe
from TextoMorphLib.version import __version__

WORDS, MASK_ONLY, RENDERED = "words", "mask-only", "rendered"
CHANGES = ("ellipsoids", "cells")  # sources of patches whose tumour is a difference to the scan
NAMES = (WORDS, MASK_ONLY, RENDERED, *CHANGES)
NO_WORDS = "this source of tumours takes no words: the text had no effect"


def named(source: str, model: str) -> str:
    """A source and its model as one name, which `load` and `fingerprint` take: "starter", "mask-only:starter", "cells".

    Raises:
        InputError: There is no such source.
    """
    if source not in NAMES:
        raise InputError(f"unknown source '{source}'; use one of: {', '.join(NAMES)}")
    if source == WORDS:
        return model
    return f"{MASK_ONLY}:{model}" if source == MASK_ONLY else source


def load(name: str, device: str = "auto") -> Synthesizer:
    """What makes the tumours of a source; see `named`, and `Synthesizer.load` for errors."""
    if name in (RENDERED, *CHANGES):
        return Baseline(name)  # type: ignore[return-value]  # it is used alike
    if name.startswith(f"{MASK_ONLY}:"):
        return MaskOnly(Synthesizer.load(name.partition(":")[2], device))  # type: ignore[return-value]
    return Synthesizer.load(name, device)


def fingerprint(name: str) -> str:
    """What stands for a source's model in reports: of its weights, or of its name and version where it has none."""
    if name in (RENDERED, *CHANGES):
        return hashlib.sha256(f"{name} {__version__}".encode()).hexdigest()
    if name.startswith(f"{MASK_ONLY}:"):
        return bundle.verify(bundle.find(name.partition(":")[2]))
    return bundle.verify(bundle.find(name))


class MaskOnly:
    """A model that is told nothing of what a lesion is."""

    def __init__(self, model: Synthesizer) -> None:
        self.model = model

    def synthesize(self, ct: Volume, mask: np.ndarray, text: str, *given: Any, **more: Any) -> Synthesis:
        """As `Synthesizer.synthesize`; the text has no effect."""
        made = self.model.synthesize(ct, mask, ALL_DEFAULT, *given, **more)
        mentions = find(text, str(made.report["organ"]))
        asked = [compare(mentions, asdict(lesion)) for lesion in made.lesions]
        notes = [*made.report["notes"], NO_WORDS]
        return replace(made, report={**made.report, "text": text, "terms": [], "asked": asked, "notes": notes})


class Baseline:
    """A source without a network."""

    def __init__(self, name: str) -> None:
        self.name = name

    def synthesize(self, ct: Volume, mask: np.ndarray, text: str, *given: Any, **more: Any) -> Synthesis:
        """As `Synthesizer.synthesize`; steps, guidance and preset mean nothing here, the text only to *rendered*.

        Raises:
            InputError: As there.
            Cancelled: `progress` returned False.
        """
        wanted = Wishes(*given, **more)
        wanted.check(text)
        clock, lesions = Clock(), []
        mentions = find(text, wanted.organ)
        with clock("all"):
            volume, found, warnings = prepared(ct, mask, wanted.replace, wanted.exclude, wanted.within, wanted.seed)
            if self.name == RENDERED and _rises_or_sinks(mentions):
                found, doubts = lying.turned(volume, found)
                warnings += doubts
            for number, region in enumerate(found):
                if wanted.progress is not None and wanted.progress(number, len(found)) is False:
                    raise Cancelled("cancelled")
                volume = self._put(volume, region, text, wanted, wanted.seed + number * LESION_SEEDS)
                now = resampled(volume, region)
                lesions.append(measure_in(Surroundings.of(region), now))
        report = report_of(text, mentions, wanted.organ, wanted.seed, lesions)
        report |= {
            "steps": 0,
            "model": {"name": self.name, "sha256": fingerprint(self.name)},
            "device": str(torch.device("cpu")),
            "replace": wanted.replace,
            "notes": [] if self.name == RENDERED else [NO_WORDS],
            "warnings": warnings,
            "seconds": clock.rounded(),
        }
        return Synthesis(volume, report, tuple(lesions))

    def _put(self, volume: Volume, region: Region, text: str, wanted: Wishes, seed: int) -> Volume:
        if self.name == RENDERED:
            from TextoMorphLib.sources.rendered import rendered  # as every source: read where it is asked for

            return rendered(volume, region, text, wanted.organ, seed, wanted.exclude)
        # A difference is added: the scan's own noise stays.
        source: Any = load_source(self.name)
        change = source.change(region.ct, region.depth > 0, np.random.default_rng(seed))
        hu, (away, _) = volume.hu(region.box), distances(~region.mask, volume.spacing)
        near = (away < WINDOW_MM[1]) & (hu > UNKNOWN_HU)
        new = np.clip(hu + to_scan(change, region, volume), *region.limits)
        return volume.with_hu(region.box, new, near)


def _rises_or_sinks(mentions: Sequence[Mention]) -> bool:
    """Whether something is asked for that lies by how the patient lay."""
    return rises_or_sinks({kind: {value: 1.0} for kind, value in as_drawn(describe(mentions)).items()})
