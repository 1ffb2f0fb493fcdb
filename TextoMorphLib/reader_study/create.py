"""Making a study: twins synthesised, everything brought into one form, orders drawn, the key written apart."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from TextoMorphLib.errors import ALONE, ORGAN_ALONE, Cancelled, InputError, doubts_kept, doubts_of_many
from TextoMorphLib.io import outputs as files
from TextoMorphLib.io.atomic import replacing
from TextoMorphLib.io.masks import check_mask, read_mask
from TextoMorphLib.io.volume import Volume, check_ct
from TextoMorphLib.reader_study import order, package, study, twin_doubts
from TextoMorphLib.reader_study.checkpoint import Work, chance, stamp
from TextoMorphLib.reader_study.table import REAL, Row, read_table
from TextoMorphLib.text import understanding

if TYPE_CHECKING:
    from TextoMorphLib.synthesis import Synthesizer

# What a twin can be made from, and what is then called its source.
TWINS = {"text": "TextoMorph", "mask": "TextoMorph, mask only"}
SAME_TIME = 946_684_800  # 1 January 2000; every file of the package carries it


@dataclass(frozen=True)
class Plan:
    """What kind of study to make.

    Attributes:
        readers: Their names.
        twins: Which twins to synthesise of each real tumour: "text" (same mask and text), "mask" (same mask, no text).
        apart: Twins and repeats are at least this many cases apart.
        repeats: Cases that each reader sees a second time.
        seed: Decides names and orders, with the scans; drawn if None. It is kept in the key.
        title: For people.
        questions: What is asked besides call and confidence: "terms", "comment", both or none.
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
    questions: tuple[str, ...] = ("terms", "comment")
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
    recipe: str = ""  # its name in the unfinished work
    facts: dict[str, Any] | None = None  # once it is finished: diameter_mm, sha256 (scan and mask), synthesis

    @property
    def owner(self) -> Row:
        """The line of the tumour whose mask, organ and text it has."""
        return self.real or self.row

    @property
    def diameter_mm(self) -> float:
        """As measured by hand, or else from the mask."""
        return float(self.owner.diameter_mm or (self.facts or {})["diameter_mm"])


def create(
    table: Path, folder: Path, key: Path | None, plan: Plan, progress: Callable[[int, int], object] | None = None
) -> study.Study:
    """Make a study from a table of tumours.

    Once something is synthesised, finished cases are kept beside the key until the study is there: the same call goes
    on from where it was stopped, by whatever. Before that, nothing is left behind.

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
    work = Work(key)
    _check(folder, key, plan, work)
    rows = read_table(table)
    groups = _groups(rows, plan.twins)
    # Whether such orders can be drawn at all is better known before the hours of synthesis.
    sources = [tuple(member.source for member in group) for group in groups]
    order.draw_order(sources, [""] * len(groups), plan.apart, plan.repeats, random.Random(0))
    work.begin()
    members = [member for group in groups for member in group]
    try:
        seed = work.drawn["seed"] if plan.seed is None else plan.seed
        _make_cases(members, work, _Maker(plan, seed), progress)
        _check_no_two_alike(members)
        rng = chance(seed, dict.fromkeys(path for row in rows for path in (row.ct, row.mask)))
        for member, number in zip(members, rng.sample(range(16**8), len(members)), strict=True):
            member.id = f"c{number:08x}"
        strata = [f"{group[0].row.organ} {study.size_class(group[0].diameter_mm)}" for group in groups]
        ids = [tuple(member.id for member in group) for group in groups]
        orders = {name: order.draw_order(ids, strata, plan.apart, plan.repeats, rng) for name in sorted(plan.readers)}
        key_text = _key(table, members, plan, seed, work)
        _finish(folder, key, members, _study(members, orders, plan, work, key_text), key_text, work)
    except BaseException:
        if not any(member.facts and member.facts["synthesis"] for member in members):
            work.discard()  # nothing in it took long
        work.close()
        raise
    work.discard()
    return study.Study.read(folder)


def _check(folder: Path, key: Path, plan: Plan, work: Work) -> None:
    if folder.exists() and work.drawn and work.drawn["study"] == _id(folder / study.FILE, "id"):
        work.discard()  # the study is whole; only this was left to do
    _check_free(folder, key, work)
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
    study.asked(plan.questions)
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
            source = TWINS[twin]
            if any(member.source == source for member in group):
                raise InputError(f"line {given[0].line} is called '{source}', as the twins to make; use --twins none")
            group.append(_Member(real, source, twin, real))  # type: ignore[arg-type]
        groups.append(group)
    sources = {member.source for group in groups for member in group}
    if REAL not in sources or len(sources) < 2:
        raise InputError("a study needs both real and synthetic tumours; add real ones, or twins with --twins text")
    return groups


def _check_free(folder: Path, key: Path, work: Work) -> None:
    if folder.exists():
        raise InputError(f"{folder} exists; choose another name, so that no study is overwritten")
    if key.exists() and not (work.drawn and work.drawn["study"] == _id(key, "study")):
        raise InputError(f"the key {key} exists; choose another name, so that no study loses its key")
    parent = next(parent for parent in folder.resolve().parents if parent.exists())
    if not os.access(parent, os.W_OK):
        raise InputError(f"cannot write {folder}: no permission to write in {parent}")


def _id(path: Path, name: str) -> Any:
    """Which study a file belongs to, as far as it can be told."""
    try:
        return study.read_json(path, "")[1].get(name)
    except InputError:
        return None


class _Maker:
    """Reads or synthesises a case; the model is loaded when it is first needed, a scan is kept while it is in use."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan, self.seed = plan, seed
        self.synthesizer: Synthesizer | None = None
        self.kept: tuple[Row, Volume, np.ndarray] | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Of the model: it may have been trained on since this was begun."""
        from TextoMorphLib.sources import scans

        return scans.fingerprint(self.plan.model)

    def recipe(self, member: _Member) -> str:
        """A name for all that a case is made from."""
        from TextoMorphLib.version import __version__

        rows = [member.row, member.owner]
        plan = self.plan
        how = [member.twin, self.twin_seed(member), self.fingerprint, plan.steps, plan.guidance] if member.twin else []
        how += [stamp(member.row.organ_mask)] if member.twin and member.row.organ_mask else []
        parts = [
            [[stamp(row.ct), stamp(row.mask), row.organ, row.text] for row in rows],
            how,
            asdict(plan.frame),
            __version__,
        ]
        return study.sha256(json.dumps(parts).encode())[:16]

    def twin_seed(self, member: _Member) -> int:
        """The same whatever else stands in the table, and in whichever order the cases are made."""
        return random.Random(f"{self.seed} {member.row.pair} {member.twin}").randrange(2**31)

    def __call__(self, member: _Member) -> tuple[Volume, np.ndarray, dict[str, Any] | None]:
        """A case's scan, its mask, and how it was synthesised."""
        if member.real is None:
            return *self.scan(member.row), None
        made = None
        with doubts_kept():  # told when the real tumour was read
            real, mask = self.scan(member.real)
        if member.twin is None:
            twin = Volume.read(member.row.ct)
            check_ct(twin)
            if not np.array_equal(read_mask(member.row.mask, real, choose=ALONE), mask):
                raise InputError("its mask is not that of its real twin")
        else:
            twin, made = self.synthesised(real, mask, member)
        return package.only_lesion(twin, real, mask), mask, made

    def scan(self, row: Row) -> tuple[Volume, np.ndarray]:
        if self.kept is None or self.kept[0] is not row:
            ct = Volume.read(row.ct)
            check_ct(ct)
            mask = read_mask(row.mask, ct, choose=ALONE)
            check_mask(mask, ct, replace=True)
            self.kept = (row, ct, mask)
        return self.kept[1], self.kept[2]

    def synthesised(self, real: Volume, mask: np.ndarray, member: _Member) -> tuple[Volume, dict[str, Any]]:
        from TextoMorphLib.sources.scans import MaskOnly
        from TextoMorphLib.synthesis import Synthesizer

        if self.synthesizer is None:
            self.synthesizer = Synthesizer.load(self.plan.model, self.plan.device)
        # What words draw by rule, and which candidate is taken, no guidance scale leaves out: it is told no words.
        maker = self.synthesizer if member.twin == "text" else MaskOnly(self.synthesizer)
        plan, row = self.plan, member.row
        within = None if row.organ_mask is None else read_mask(row.organ_mask, real, choose=ORGAN_ALONE)
        told = (row.text, row.organ, self.twin_seed(member), plan.steps, plan.guidance)
        made = maker.synthesize(real, mask, *told, replace=True, within=within)
        twin_doubts.tell(made.report, of_text=member.twin == "text")
        names = ("seed", "steps", "guidance", "model", "versions", "device")
        return made.volume, {name: made.report[name] for name in names}


def _make_cases(
    members: Sequence[_Member], work: Work, make: _Maker, progress: Callable[[int, int], object] | None
) -> None:
    """Make what is not made yet; what is only read goes first, so that bad input shows before the long work."""
    for member in members:
        member.recipe = make.recipe(member)
        member.facts = work.find(member.recipe)
    waiting = [member for member in members if not member.facts]
    lines = len({member.row.line for member in members})
    done = len(members) - len(waiting)
    for made in (False, True):
        with doubts_of_many(lines) as about:
            for member in (each for each in waiting if (each.twin is not None) == made):
                if progress is not None and progress(done, len(members)) is False:
                    raise Cancelled("cancelled")
                with about(f"table line {member.row.line}"):
                    member.facts = _made(member, work, make)
                done += 1


def _made(member: _Member, work: Work, make: _Maker) -> dict[str, Any]:
    """The facts of a case that is finished now."""
    try:
        ct, mask, made = make(member)
        volumes = package.cut(ct, mask, make.plan.frame)
    except InputError as error:
        raise InputError(f"table line {member.row.line}: {error}") from error
    facts = {"diameter_mm": round(package.diameter_mm(mask, ct.spacing), 1), "synthesis": made}
    return work.keep(member.recipe, volumes, package.NOTE, facts)


def _sums(member: _Member) -> list[str]:
    """SHA-256 of a finished case's scan and mask."""
    return list((member.facts or {})["sha256"])


def _check_no_two_alike(members: Sequence[_Member]) -> None:
    seen: dict[str, _Member] = {}
    for member in members:
        twice = seen.setdefault(_sums(member)[0], member)
        if twice is not member:
            raise InputError(f"table line {member.row.line}: the same image as line {twice.row.line}; each tumour once")


def _terms(row: Row) -> list[str]:
    mentions = understanding.find(row.text, row.organ)
    return list(dict.fromkeys(mention.name for mention in mentions if mention.term.about == "lesion"))


def _key(table: Path, members: Sequence[_Member], plan: Plan, seed: int, work: Work) -> bytes:
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
            "synthesis": (member.facts or {})["synthesis"],
        }
        for member in sorted(members, key=lambda member: member.id)
    }
    from TextoMorphLib.version import __version__

    key = {
        "format": study.KEY_FORMAT,
        "study": work.drawn["study"],
        "about": "Tells real from synthetic. Keep it from the readers until all have finished.",
        "salt": work.drawn["salt"],  # or the checksum in the study could be found by trying
        "table_sha256": study.sha256(table.read_bytes()),
        "settings": {**asdict(plan), "seed": seed, "version": __version__},
        "cases": cases,
    }
    return (files.to_json(key) + "\n").encode()


def _study(
    members: Sequence[_Member], orders: dict[str, list[str]], plan: Plan, work: Work, key: bytes
) -> dict[str, Any]:
    def case(member: _Member) -> dict[str, Any]:
        ct, mask = _sums(member)
        row = member.owner
        return {"organ": row.organ, "text": row.text, "terms": _terms(row), "ct_sha256": ct, "mask_sha256": mask}

    return {
        "format": study.STUDY_FORMAT,
        "about": "Some of these cases are real and some are synthetic; for research only. The key lies elsewhere.",
        "id": work.drawn["study"],
        "title": plan.title,
        "key_sha256": study.sha256(key),
        "window": {"level": plan.level, "width": plan.width},
        "questions": study.asked(plan.questions),
        "readers": {name: {"order": shown} for name, shown in orders.items()},
        "cases": {member.id: case(member) for member in sorted(members, key=lambda member: member.id)},
    }


def _finish(
    folder: Path, key: Path, members: Sequence[_Member], content: dict[str, Any], key_text: bytes, work: Work
) -> None:
    """Write the package in one go, in the order of the names: no date or place on the disk tells how a case came."""
    with replacing(folder, key, overwrite=False) as (ready, kept):  # the key first: no study is there without it
        (ready / "cases").mkdir(parents=True)
        (ready / "answers").mkdir()
        (ready / study.FILE).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        for member in sorted(members, key=lambda member: member.id):
            for made, path in zip(work.files(member.recipe), study.case_paths(ready, member.id), strict=True):
                shutil.copyfile(made, path)
        for path in [ready, *ready.rglob("*")]:
            os.utime(path, (SAME_TIME, SAME_TIME))
        _check_free(folder, key, work)
        kept.write_bytes(key_text)
