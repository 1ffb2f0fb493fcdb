"""What a denoiser is trained on, prepared: real lesions of cases, and rendered ones in scans."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from TextoMorphLib.cases import read_cases
from TextoMorphLib.cases.folds import parted
from TextoMorphLib.errors import InputError
from TextoMorphLib.models import bundle
from TextoMorphLib.simulation.backgrounds import OrganPlace
from TextoMorphLib.simulation.organ_backgrounds import INVENTED
from TextoMorphLib.training import cache, triple_shards
from TextoMorphLib.training.diffusion_batches import REAL, RENDERED, Pairs
from TextoMorphLib.training.diffusion_networks import Networks, trained
from TextoMorphLib.training.triple_shards import RealLesion, TripleSettings
from TextoMorphLib.training.triple_texts import TextSettings

TOLD = 10  # doubtful lesions that are named


@dataclass(frozen=True)
class Data:
    """What there is to train on.

    Attributes:
        mix: Shares of real and rendered lesions.
        real: Real lesions,
        tested: and those of the fold that is kept out.
        pairs: Rendered lesions by the side of their crops, mm.
    """

    mix: dict[str, float]
    real: list[RealLesion]
    tested: list[RealLesion]
    pairs: dict[int, Pairs]

    def told(self) -> dict[str, list[str]]:
        """What of it decides a training, for `same_training.told_of`: cases, their lesions and words, rendered ones."""
        cases = {lesion.path.name.rpartition("-")[0] for lesion in self.real}
        pairs = [
            json.dumps([size, each.descriptions, each.organs, each.tensors["deepest"].tolist()])
            for size, each in self.pairs.items()
        ]
        return {"cases": sorted(cases), "lesions": [each.told for each in self.real], "rendered pairs": pairs}


@dataclass(frozen=True)
class Sources:
    """Where the data come from.

    Attributes:
        config: The configuration's file, and
        settings: what it says.
        networks: The autoencoder and the classifier are asked.
        mix: Shares of real and rendered lesions.
        data: Folder of the CTs for rendered ones.
        cases: cases.jsonl with real ones.
        fold: Which of its folds is kept out.
        output: The run's folder, which keeps what is prepared.
        say: Told what was found.
    """

    config: Path
    settings: Mapping[str, Any]
    networks: Networks
    mix: dict[str, float]
    data: Path | None
    cases: Path | None
    fold: int | None
    output: Path
    say: Callable[[str], Any]

    def prepared(self) -> Data:
        """All of it; what an earlier run prepared is taken from its folder."""
        real, tested = self._real() if REAL in self.mix else ([], [])
        return Data(self.mix, real, tested, self._rendered() if RENDERED in self.mix else {})

    def _real(self) -> tuple[list[RealLesion], list[RealLesion]]:
        assert self.cases is not None
        cases = read_cases(self.cases)
        given = dict(self.settings.get("triples", {}))
        if organs := given.pop("organs", None):
            cases = [case for case in cases if case.organ in organs]
            if not cases:
                raise InputError(f"{self.cases} has no case of the {' or '.join(organs)}, as [triples] organs asks for")
        seed = self.settings["training"].get("seed", 0)
        how = settings_of(TripleSettings, {"seed": seed, **given}, "triples")
        texts = settings_of(TextSettings, self.settings.get("texts", {}), "texts")
        train, kept = (cases, []) if self.fold is None else parted(cases, self.fold)
        autoencoder, folder = self.networks.autoencoder, self.output / "triples"
        lesions, notes = triple_shards.prepare(train, autoencoder, how, texts, folder)
        self._tell(lesions, notes)
        return lesions, triple_shards.prepare(kept, autoencoder, how, texts, folder)[0] if kept else []

    def _tell(self, lesions: Sequence[RealLesion], notes: Sequence[str]) -> None:
        for note in notes[:TOLD]:
            self.say(f"warning: {note}")
        if len(notes) > TOLD:
            self.say(f"warning: and {len(notes) - TOLD} more")
        by = Counter(lesion.source for lesion in lesions)
        words = ", ".join(f"{name} {count}" for name, count in sorted(by.items()))
        left, noise = (np.median([getattr(lesion, name) for lesion in lesions]) for name in ("left_hu", "noise_hu"))
        self.say(
            f"{len(lesions)} real lesions of {len({lesion.patient for lesion in lesions})} patients (words: {words}); "
            f"noise {noise:.0f} HU, of which {left:.1f} HU is left in what is learnt (medians)"
        )

    def _rendered(self) -> dict[int, Pairs]:
        settings = self.settings
        if "examples" not in settings or "data" not in settings:
            raise InputError(f"{self.config} needs [data] and [examples] to render lesions; set rendered = 0 in [mix]")
        assert self.data is not None
        if "autoencoder" in settings:
            weights = trained(self.config, settings["autoencoder"]["weights"])
        else:
            weights = bundle.find(settings["model"]["start"]) / "autoencoder.safetensors"
        shards = cache.Shards(
            autoencoder=self.networks.config["autoencoder"],
            weights=weights,
            data=self.data,
            names=settings["data"]["train"],
            folder=self.output / "examples",
            seed=settings["training"]["seed"],
            **organs_of(settings),
        )
        pairs: dict[int, Pairs] = {}
        for few, wanted in ((False, settings["examples"]["pairs"]), (True, settings["examples"].get("few", {}))):
            counts = {int(size): int(count) for size, count in wanted.items() if count}
            made = replace(shards, few=few)
            cache.make(made, counts, settings["examples"]["workers"])
            for size, count in counts.items():
                found = self._read(made, size, count)
                pairs[size] = pairs[size].with_more(found) if size in pairs else found
        return pairs

    def _read(self, shards: cache.Shards, size: int, count: int) -> Pairs:
        tensors, descriptions, organs = cache.read(shards, size, count)
        said = torch.stack([self.networks.classifier.vectors(both) for both in descriptions])
        return Pairs(tensors, said, descriptions, organs)


def organs_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a configuration says of the organs that lesions are rendered in.

    Raises:
        InputError: An organ that nobody can invent, shares that do not go together, or places that are not whole.
    """
    odds = {str(organ): float(share) for organ, share in settings["examples"].get("organs", {}).items()}
    places = [settings_of(OrganPlace, place, "data.places") for place in settings["data"].get("places", ())]
    if unknown := [organ for organ in (*odds, *(place.organ for place in places)) if organ not in INVENTED]:
        raise InputError(f"[examples] organs and [[data.places]] know {', '.join(INVENTED)}, not {unknown[0]}")
    if min(odds.values(), default=0) < 0 or sum(odds.values()) > 1 + 1e-9:
        raise InputError("[examples] organs must be shares of 0 or more, together 1 at the most")
    return {"organs": odds, "places": places, "invented": float(settings["examples"].get("invented", 0.5))}


def settings_of(kind: Any, given: Mapping[str, Any], table: str) -> Any:
    """A dataclass from a table of a configuration.

    Raises:
        InputError: The table names what the dataclass does not know.
    """
    known = [each.name for each in fields(kind)]
    if unknown := [name for name in given if name not in known]:
        raise InputError(f"[{table}] knows {', '.join(known)}, not {unknown[0]}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})
