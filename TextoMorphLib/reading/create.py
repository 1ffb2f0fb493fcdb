"""Making a study: twins synthesised, everything brought into one form, orders drawn, the key written apart."""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from TextoMorphLib import output as files
from TextoMorphLib import vocabulary
from TextoMorphLib.errors import Cancelled, InputError
from TextoMorphLib.masks import check_mask, read_mask
from TextoMorphLib.reading import order, package, study
from TextoMorphLib.reading.table import REAL, Row, read_table
from TextoMorphLib.volume import Volume, check_ct

if TYPE_CHECKING:
    from TextoMorphLib.synthesis import Synthesizer

# What a twin can be made from, and the guidance scale that makes it (None: as asked).
TWINS: dict[str, float | None] = {"text": None, "mask": 0.0}
SAME_TIME = 946_684_800  # 1 January 2000; every file of the package carries it


@dataclass(frozen=True)
class Plan:
    """What kind of study to make.

    Attributes:
        readers: Their names.
        twins: Which twins to synthesise of each real tumour: "text" (same mask and text), "mask" (same mask, no text).
        apart: Twins and repeats are at least this many cases apart.
        repeats: Cases that each reader sees a second time.
        seed: Decides orders and names; drawn if None. It is kept in the key.
        title: For people.
        level: Of the window that a case opens with, HU.
        width: Of that window, HU.
        frame: What is shown of each scan.
        model: Of the twins.
        device: To synthesise on.
        steps: Sampling steps; the model's default if None.
        guidance: Guidance scale; the model's default if None.
    """

    readers: tuple[str, ...]
    twins: tuple[str, ...] = ("text",)
    apart: int = 10
    repeats: int = 0
    seed: int | None = None
    title: str = "Visual Turing Test"
    level: float = 40.0
    width: float = 400.0
    frame: package.Frame = field(default_factory=package.Frame)
    model: str = "starter"
    device: str = "auto"
    steps: int | None = None
    guidance: float | None = None


@dataclass
class _Member:
    """One case on its way into the study."""

    row: Row  # its own line; a twin that is still to make has its real tumour's
    source: str
    twin: str | None = None  # how to make it
    real: Row | None = None  # whose surroundings it shows
    id: str = ""
    diameter_mm: float = 0.0
    sums: tuple[str, ...] = ()  # SHA-256 of its scan's and its mask's file
    made: dict[str, Any] | None = None  # how it was synthesised


def create(
    table: Path, folder: Path, key: Path | None, plan: Plan, progress: Callable[[int, int], object] | None = None
) -> study.Study:
    """Make a study from a table of tumours.

    Nothing is left behind when something goes wrong on the way.

    Args:
        table: CSV, as `table.read_table` takes it.
        folder: The study's folder; must not exist.
        key: Where the key goes; beside the folder if None, and never inside it.
        plan: What kind of study to make.
        progress: Called with (cases done, cases in all); returns False to cancel.

    Raises:
        InputError: What is wrong; with the table's line where it is about one.
        Cancelled: `progress` returned False.
    """
    key = study.key_path(folder) if key is None else key
    _check(folder, key, plan)
    rows = read_table(table)
    groups = _groups(rows, plan.twins)
    seed = secrets.randbelow(2**31) if plan.seed is None else plan.seed
    rng = random.Random(seed)
    # Whether such orders can be drawn at all is better known before the hours of synthesis.
    order.draw_order(
        [tuple(m.source for m in group) for group in groups], [""] * len(groups), plan.apart, plan.repeats, rng
    )
    members = [member for group in groups for member in group]
    for member, number in zip(members, rng.sample(range(16**8), len(members)), strict=True):
        member.id = f"c{number:08x}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            work, ready = Path(temporary) / "work", Path(temporary) / "ready"
            (work / "cases").mkdir(parents=True)
            make = _Maker(plan, seed)
            for done, member in enumerate(members):
                if progress is not None and progress(done, len(members)) is False:
                    raise Cancelled("cancelled")
                _write_case(work, member, make, plan.frame)
            _check_no_two_alike(members)
            strata = [f"{group[0].row.organ} {study.size_class(group[0].diameter_mm)}" for group in groups]
            ids = [tuple(member.id for member in group) for group in groups]
            orders = {
                name: order.draw_order(ids, strata, plan.apart, plan.repeats, rng) for name in sorted(plan.readers)
            }
            key_text = _key(table, members, plan, seed, study_id := secrets.token_hex(8))
            _finish(work, ready, _study(members, orders, plan, study_id, key_text))
            files.write_bytes(key, key_text)
            os.replace(ready, folder)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
    return study.Study.read(folder)


def _check(folder: Path, key: Path, plan: Plan) -> None:
    if folder.exists():
        raise InputError(f"{folder} exists; choose another name, so that no study is overwritten")
    if key.exists():
        raise InputError(f"the key {key} exists; choose another name, so that no study loses its key")
    if folder.resolve() in key.resolve().parents:
        raise InputError("the key must not lie in the study's folder, which the readers get; choose another --key")
    if not plan.readers:
        raise InputError("a study needs readers; name them with --readers anna,ben")
    for number, name in enumerate(plan.readers):
        study.check_reader_name(name)
        if name.lower() in [other.lower() for other in plan.readers[:number]]:
            raise InputError(f"two readers are called '{name}'; give each a name of their own")
    if unknown := [twin for twin in plan.twins if twin not in TWINS]:
        raise InputError(f"unknown twin '{unknown[0]}'; use text, mask or both, separated by a comma, or none")
    if plan.apart < 1 or plan.repeats < 0:
        raise InputError("--apart must be 1 or more, and --repeats 0 or more")


def _groups(rows: Sequence[Row], twins: Sequence[str]) -> list[list[_Member]]:
    """Real tumours with their twins, those of the table and those still to make; real ones first."""
    by_pair: dict[str, list[Row]] = {}
    for row in rows:
        by_pair.setdefault(row.pair, []).append(row)
    groups = []
    for pair in by_pair.values():
        real = next((row for row in pair if not row.synthetic), None)
        given = sorted((row for row in pair if row.synthetic), key=lambda row: row.source)
        group = [_Member(real, REAL)] if real else []
        group += [_Member(row, row.source, real=real) for row in given]
        for twin in twins if real else ():
            source = {"text": "TextoMorph", "mask": "TextoMorph, mask only"}[twin]
            if any(member.source == source for member in group):
                raise InputError(f"line {given[0].line} is called '{source}', as the twins to make; use --twins none")
            group.append(_Member(real, source, twin, real))  # type: ignore[arg-type]
        groups.append(group)
    sources = {member.source for group in groups for member in group}
    if REAL not in sources or len(sources) < 2:
        raise InputError("a study needs both real and synthetic tumours; add real ones, or twins with --twins text")
    return groups


class _Maker:
    """Reads or synthesises a case; the model is loaded when it is first needed, a scan is kept while it is in use."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan, self.seed = plan, seed
        self.synthesizer: Synthesizer | None = None
        self.number = 0
        self.kept: tuple[Row, Volume, np.ndarray] | None = None

    def __call__(self, member: _Member) -> tuple[Volume, np.ndarray]:
        if member.real is None:
            return self.scan(member.row)
        real, mask = self.scan(member.real)
        if member.twin is None:
            twin = Volume.read(member.row.ct)
            check_ct(twin)
            if not np.array_equal(read_mask(member.row.mask, real), mask):
                raise InputError("its mask is not that of its real twin")
        else:
            twin = self.synthesised(real, mask, member)
        return package.only_lesion(twin, real, mask), mask

    def scan(self, row: Row) -> tuple[Volume, np.ndarray]:
        if self.kept is None or self.kept[0] is not row:
            ct = Volume.read(row.ct)
            check_ct(ct)
            mask = read_mask(row.mask, ct)
            check_mask(mask, ct)
            self.kept = (row, ct, mask)
        return self.kept[1], self.kept[2]

    def synthesised(self, real: Volume, mask: np.ndarray, member: _Member) -> Volume:
        if self.synthesizer is None:
            from TextoMorphLib.synthesis import Synthesizer

            self.synthesizer = Synthesizer.load(self.plan.model, self.plan.device)
        self.number += 1
        guidance = TWINS[member.twin or ""]
        made = self.synthesizer.synthesize(
            real,
            mask,
            member.row.text,
            organ=member.row.organ,
            seed=(self.seed + self.number) % 2**31,
            steps=self.plan.steps,
            guidance=self.plan.guidance if guidance is None else guidance,
        )
        member.made = {name: made.report[name] for name in ("seed", "steps", "guidance", "model", "versions", "device")}
        return made.volume


def _write_case(work: Path, member: _Member, make: _Maker, frame: package.Frame) -> None:
    try:
        ct, mask = make(member)
        image, where = package.cut(ct, mask, frame)
    except InputError as error:
        raise InputError(f"table line {member.row.line}: {error}") from error
    owner = member.real or member.row
    member.diameter_mm = owner.diameter_mm or round(package.diameter_mm(mask, ct.spacing), 1)
    paths = study.case_paths(work, member.id)
    for volume, path in zip((image, where), paths, strict=True):
        volume.write(path, note=package.NOTE)
    member.sums = tuple(study.sha256(path.read_bytes()) for path in paths)


def _check_no_two_alike(members: Sequence[_Member]) -> None:
    seen: dict[str, _Member] = {}
    for member in members:
        twice = seen.setdefault(member.sums[0], member)
        if twice is not member:
            raise InputError(f"table line {member.row.line}: the same image as line {twice.row.line}; each tumour once")


def _terms(row: Row) -> list[str]:
    mentions = vocabulary.find(row.text, row.organ)
    return list(dict.fromkeys(mention.name for mention in mentions if mention.term.about == "lesion"))


def _key(table: Path, members: Sequence[_Member], plan: Plan, seed: int, study_id: str) -> bytes:
    numbers = {pair: number for number, pair in enumerate(dict.fromkeys(member.row.pair for member in members), 1)}
    cases = {
        member.id: {
            "source": member.source,
            "synthetic": member.source != REAL,
            "pair": f"p{numbers[member.row.pair]:03d}",
            "organ": member.row.organ,
            "diameter_mm": member.diameter_mm,
            "table_line": member.row.line,
            "ct": str(member.row.ct),
            "mask": str(member.row.mask),
            "synthesis": member.made,
        }
        for member in sorted(members, key=lambda member: member.id)
    }
    from TextoMorphLib import __version__

    key = {
        "format": study.KEY_FORMAT,
        "study": study_id,
        "about": "Tells real from synthetic. Keep it from the readers until all have finished.",
        "salt": secrets.token_hex(16),  # or the checksum in the study could be found by trying
        "table_sha256": study.sha256(table.read_bytes()),
        "settings": {**asdict(plan), "seed": seed, "version": __version__},
        "cases": cases,
    }
    return (files.to_json(key) + "\n").encode()


def _study(
    members: Sequence[_Member], orders: dict[str, list[str]], plan: Plan, study_id: str, key: bytes
) -> dict[str, Any]:
    def case(member: _Member) -> dict[str, Any]:
        ct, mask = member.sums
        row = member.real or member.row
        return {"organ": row.organ, "text": row.text, "terms": _terms(row), "ct_sha256": ct, "mask_sha256": mask}

    return {
        "format": study.FORMAT,
        "about": "Some of these cases are real and some are synthetic; for research only. The key lies elsewhere.",
        "id": study_id,
        "title": plan.title,
        "key_sha256": study.sha256(key),
        "window": {"level": plan.level, "width": plan.width},
        "readers": {name: {"order": shown} for name, shown in orders.items()},
        "cases": {member.id: case(member) for member in sorted(members, key=lambda member: member.id)},
    }


def _finish(work: Path, ready: Path, content: dict[str, Any]) -> None:
    """Write the package in one go, in the order of the names: no date or place on the disk tells how a case came."""
    (ready / "cases").mkdir(parents=True)
    (ready / "answers").mkdir()
    (ready / study.FILE).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for path in sorted((work / "cases").iterdir()):
        shutil.copyfile(path, ready / "cases" / path.name)
    for path in [ready, *ready.rglob("*")]:
        os.utime(path, (SAME_TIME, SAME_TIME))
