"""Cases from what others keep: MSD and nnU-Net's dataset.json, the published lists, KiTS folders, plain folders.

Each layout is a function that returns the cases of a source, or None if the source is not of its kind; `LAYOUTS` has
them in the order in which they are tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from TextoMorphLib.cases.case import ORGAN, TUMOUR, Case
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs
from TextoMorphLib.io.textfile import from_json, read_text
from TextoMorphLib.text.organs import ORGANS

DATASET, KITS_CT = "dataset.json", "imaging.nii.gz"
KITS_LABELS = ("segmentation.nii.gz", "aggregated_MAJ_seg.nii.gz")  # of KiTS19 and 23, and of KiTS21
USUAL: dict[str, tuple[int, ...]] = {ORGAN: (1,), TUMOUR: (2,)}
KITS: dict[str, tuple[int, ...]] = {ORGAN: (1,), TUMOUR: (2,), "cyst": (3,)}
_LESION = re.compile(r"tumou?r|cancer|lesion|mass|cyst|pdac|pnet|metasta|carcinoma|malignan|benign", re.IGNORECASE)
_OTHERS = re.compile(
    r"\b(mri?|t1\w*|t2\w*|flair|adc|dwi|pet|suv|us|ultrasound)\b", re.IGNORECASE
)  # images that are no CT
MOST_VALUE = 2**31 - 1
_LIST = re.compile(r"(train|val)_(\d+)\.txt$")
_TEXTS_APART = re.compile(r"\s{4,}")  # the published lists part the texts of one scan by ten spaces


@dataclass(frozen=True)
class Source:
    """What is to be imported.

    Attributes:
        path: A file or folder.
        organ: As given by the user; else told from the source.
        data: Where relative paths of lists start; the source's folder if None.
        labels: Folder of the label maps of a plain folder of scans.
        values: What the label maps' numbers mean, as given by the user.
        reports: Folder of the reports, `ID.txt` for the case of that id.
    """

    path: Path
    organ: str | None = None
    data: Path | None = None
    labels: Path | None = None
    values: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    reports: Path | None = None

    @property
    def folder(self) -> Path:
        """Where the source lies."""
        return self.path if self.path.is_dir() else self.path.parent

    def organ_of(self, *hints: str, fallback: str = "") -> str:
        """The organ: what the user said, or the one that a name tells; the fallback's where no other tells one.

        Raises:
            InputError: None or several.
        """
        if self.organ:
            return self.organ
        told = [organ for organ in ORGANS if any(organ in hint.lower() for hint in hints)]
        told = told or [organ for organ in ORGANS if organ in fallback.lower()]
        if len(told) != 1:
            raise InputError(f"cannot tell the organ of {self.path}; add --organ, such as --organ liver")
        return told[0]


def import_cases(source: Source) -> list[Case]:
    """The cases of a source in any layout known here.

    Raises:
        InputError: It is of no known layout, or something in it cannot be understood.
    """
    if not source.path.exists():
        raise InputError(f"no such file or folder: {source.path}")
    for layout in LAYOUTS:
        cases = layout(source)
        if cases is not None:
            if not cases:
                raise InputError(f"{source.path} names no case")
            _check_names(cases)
            return sorted(_with_reports(cases, source.reports), key=lambda case: case.id)
    raise InputError(
        f"{source.path} is in no layout known here: dataset.json (MSD, nnU-Net), lists *_train_0.txt and *_val_0.txt, "
        "case folders with imaging.nii.gz (KiTS), or a folder of scans with --labels DIR"
    )


def _check_names(cases: list[Case]) -> None:
    """Refuses two cases of one name: predictions and reports are told apart by it."""
    known: dict[str, Path] = {}
    for case in cases:
        if case.id in known:
            raise InputError(f"{case.ct} and {known[case.id]} are both called {case.id}")
        known[case.id] = case.ct


def _with_reports(cases: list[Case], folder: Path | None) -> list[Case]:
    """The cases, each with its report where there is one."""
    if folder is None:
        return cases
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; --reports is the folder of the reports")
    found = {path.stem: path for path in sorted(folder.glob("*.txt"))}
    if strange := sorted(set(found) - {case.id for case in cases}):
        ids = ", ".join(case.id for case in cases[:3])
        raise InputError(f"{found[strange[0]]} is the report of no case; name it after one: {ids}, ...")
    if not found:
        raise InputError(f"{folder} holds no report; name each after its case, such as {cases[0].id}.txt")
    return [replace(case, report=found.get(case.id, case.report)) for case in cases]


def dataset_json(source: Source) -> list[Case] | None:
    """The Medical Segmentation Decathlon's and nnU-Net's dataset.json."""
    path = source.path / DATASET if source.path.is_dir() else source.path
    if path.name != DATASET or not path.is_file():
        return None
    try:
        told = from_json(read_text(path))
        labels, pairs = _numbers(told["labels"]), _pairs(told, path.parent)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no dataset.json: {error or type(error).__name__}") from error
    named = [str(told.get("name", "")), *labels]
    organ = source.organ_of(*named, fallback=path.parent.resolve().name)
    values = dict(source.values) or _meaning(labels, organ, path)
    return [_case(label, ct, organ, values) for ct, label in pairs if not label.name.startswith("._")]


def _pairs(told: Mapping[str, Any], folder: Path) -> list[tuple[Path, Path]]:
    """CT and label map of each case: as they are listed, or by nnU-Net's rule for names."""
    channel = _ct_channel(told)
    if isinstance(told.get("training"), list):
        listed = [(item["image"], item["label"]) for item in told["training"]]
        return [(_with_channel(folder / image, channel), folder / label) for image, label in listed]
    if isinstance(told.get("dataset"), Mapping):  # nnU-Net 2 with files anywhere
        return [(folder / item["images"][channel], folder / item["label"]) for item in told["dataset"].values()]
    ending = str(told.get("file_ending", ".nii.gz"))
    return [
        (folder / "imagesTr" / f"{label.name[: -len(ending)]}_{channel:04d}{ending}", label)
        for label in sorted((folder / "labelsTr").glob(f"*{ending}"))
    ]


def _ct_channel(told: Mapping[str, Any]) -> int:
    """Which of a data set's images of a case is the CT.

    Raises:
        InputError: There are several, and none is said to be it.
    """
    names = told.get("channel_names") or told.get("modality") or {"0": "CT"}
    names = names if isinstance(names, Mapping) else dict(enumerate(names))
    found = [int(number) for number, name in names.items() if str(name).strip().lower() == "ct"]
    if not found and (len(names) > 1 or _OTHERS.search(" ".join(map(str, names.values())))):
        raise InputError(f"none of its images is called CT: {', '.join(map(str, names.values()))}")
    return found[0] if found else 0


def _with_channel(image: Path, channel: int) -> Path:
    """The file itself: nnU-Net 1 lists `case.nii.gz` and keeps `case_0000.nii.gz`."""
    end = next((end for end in outputs.IMAGE_SUFFIXES if image.name.endswith(end)), "")
    numbered = image.with_name(f"{image.name.removesuffix(end)}_{channel:04d}{end}")
    return numbered if not image.exists() and numbered.exists() else image


def published_lists(source: Source) -> list[Case] | None:
    """The published folds: `*_train_K.txt` and `*_val_K.txt`; "CT LABEL", or "CT ORGAN [ORGAN] TEXT" if healthy."""
    files = [source.path] if source.path.is_file() else sorted(source.path.glob("*.txt"))
    files = [path for path in files if _LIST.search(path.name)]
    if not files:
        return None
    data = source.data or source.folder
    organ = source.organ_of(source.folder.resolve().name, source.path.name)
    found: dict[str, Case] = {}
    for path in files:
        part, fold = _LIST.search(path.name).groups()  # type: ignore[union-attr]
        for number, line in enumerate(read_text(path).split("\n"), start=1):
            if not line.strip():
                continue
            try:
                case = _listed(line.strip(), data, organ, dict(source.values) or USUAL)
            except InputError as error:
                raise InputError(f"{path} line {number}: {error}") from error
            before = found.get(case.id)
            if before and before.ct != case.ct:
                raise InputError(f"{path} line {number}: {case.ct} and {before.ct} are both called {case.id}")
            if before is None or part == "val":
                if part == "val" and before and before.fold not in (None, int(fold)):
                    raise InputError(f"{path} line {number}: {case.id} is tested in fold {before.fold}, too")
                found[case.id] = case.with_fold(int(fold)) if part == "val" else case
    return list(found.values())


def _listed(line: str, data: Path, organ: str, values: Mapping[str, tuple[int, ...]]) -> Case:
    words = re.match(r"(\S+)\s+((?:\S+\.nii(?:\.gz)?\s*)+)(.*)$", line, re.DOTALL)
    if not words:
        raise InputError("not 'CT LABEL' or 'CT ORGAN_MASK TEXT'")
    ct, masks = words[1], words[2].split()
    texts = tuple(text.strip() for text in _TEXTS_APART.split(words[3]) if text.strip())
    if "BDMAP" in ct or f"{organ}_label" in masks[0] or len(masks) > 1:
        name = ct.split("/")[-2] if ct.endswith("/ct.nii.gz") else _stem(Path(ct))
        return Case(name, data / ct, organ, name, organ_mask=tuple(data / m for m in masks), healthy=True, texts=texts)
    name = _name(data / masks[0], data / ct)
    return Case(name, data / ct, organ, name, data / masks[0], values, texts=texts)


def kits_folders(source: Source) -> list[Case] | None:
    """KiTS: a folder a case, with imaging.nii.gz and its segmentation (1 kidney, 2 tumour, 3 cyst); age and sex."""
    if not source.path.is_dir():
        return None
    found = (sorted(source.path.glob(f"{under}/{KITS_CT}")) for under in ("*", "data/*", "dataset/*"))
    folders = [path.parent for path in next(filter(None, found), [])]
    if not folders:
        return None
    values, organ = dict(source.values) or KITS, source.organ or "kidney"
    people = _kits_people(folders[0].parent)
    cases = []
    for folder in folders:
        label = next((folder / name for name in KITS_LABELS if (folder / name).is_file()), None)
        if label:  # the test cases come without
            known = people.get(folder.name, {})
            cases.append(Case(folder.name, folder / KITS_CT, organ, folder.name, label, values, **known))
    return cases


def _kits_people(folder: Path) -> dict[str, dict[str, Any]]:
    """Age and sex by case, from KiTS' JSON (kits.json, kits23.json), if it is there.

    Raises:
        InputError: It is no such file.
    """
    path = next(iter([*sorted(folder.glob("kits*.json")), *sorted(folder.parent.glob("kits*.json"))]), None)
    if path is None:
        return {}
    try:
        return {
            str(one["case_id"]): {
                "age": one.get("age_at_nephrectomy"),
                "sex": {"female": "F", "male": "M"}.get(str(one.get("gender", "")).lower()),
            }
            for one in from_json(read_text(path))
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} does not say whose cases these are: {error}") from error


def plain_folders(source: Source) -> list[Case] | None:
    """A folder of scans, and one of label maps of the same names (`case1_label.nii.gz` for `case1_ct.nii.gz`)."""
    if not source.path.is_dir():
        return None
    folder = source.labels or source.path
    together = folder.resolve() == source.path.resolve()
    if together and not any(map(_is_label, _images(folder))):
        return None
    organ = source.organ_of(source.path.resolve().name)
    scans = _by_stem(path for path in _images(source.path) if not (together and _is_label(path)))
    labels = _by_stem(path for path in _images(folder) if _is_label(path) or not together)
    if without := sorted(set(scans) - set(labels)):
        more = f" and {len(without) - 1} more" if len(without) > 1 else ""
        raise InputError(f"no label map for {scans[without[0]].name}{more} in {folder}")
    values = dict(source.values) or USUAL
    return [Case(name, scans[name], organ, name, labels[name], values) for name in scans]


LAYOUTS: tuple[Callable[[Source], list[Case] | None], ...] = (
    dataset_json,
    published_lists,
    kits_folders,
    plain_folders,
)


def parse_values(text: str) -> dict[str, tuple[int, ...]]:
    """What the numbers of a label map mean, from "organ=1,tumour=2" or "organ=1,pdac=2+4".

    Raises:
        InputError: It is not written so.
    """
    found: dict[str, tuple[int, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, numbers = part.partition("=")
        if not name.strip() or not all(number.strip().isdecimal() and int(number) for number in numbers.split("+")):
            raise InputError(f"'{part}' says no value; write it as organ=1,tumour=2")
        if name.strip() in found:
            raise InputError(f"'{name.strip()}' stands twice; write several values of one thing as {name.strip()}=1+2")
        found[name.strip()] = tuple(int(number) for number in numbers.split("+"))
    every = [number for numbers in found.values() for number in numbers]
    if twice := [number for number in every if every.count(number) > 1]:
        raise InputError(f"the value {twice[0]} stands twice in '{text}'; each means one thing")
    if every and max(every) > MOST_VALUE:
        raise InputError(f"a label map holds values up to {MOST_VALUE}, not {max(every)}")
    return found


def _numbers(labels: Any) -> dict[str, tuple[int, ...]]:
    """Names to numbers, from {"1": "liver"} (MSD), {"liver": 1}, {"kidney": [1, 2, 3]} (nnU-Net's regions), or a list.

    Raises:
        ValueError: A label has no number.
    """
    given = labels if isinstance(labels, Mapping) else dict(enumerate(labels))
    found: dict[str, tuple[int, ...]] = {}
    for key, value in given.items():
        by_number = str(key).isdecimal() and not str(value).isdecimal() and isinstance(value, str)
        name, numbers = (value, key) if by_number else (key, value)
        found[str(name)] = tuple(map(int, numbers)) if isinstance(numbers, list) else (int(numbers),)
    return {name: numbers for name, numbers in found.items() if numbers != (0,) and name.lower() != "ignore"}


def _meaning(named: Mapping[str, tuple[int, ...]], organ: str, path: Path) -> dict[str, tuple[int, ...]]:
    """Which of a data set's labels are the organ, and which are tumours; a region less what lies in it."""
    lesions = {name: numbers for name, numbers in named.items() if _LESION.search(name)}
    organs = {name: numbers for name, numbers in named.items() if name not in lesions and organ in name.lower()}
    if unknown := sorted(set(named) - set(lesions) - set(organs)):
        raise InputError(f"{path}: what is '{unknown[0]}'? Say which numbers count, such as --values organ=1,tumour=2")
    taken: set[int] = set()
    classes: dict[str, tuple[int, ...]] = {}
    for name, numbers in sorted(lesions.items(), key=lambda item: len(item[1])):  # what is inside another comes first
        own = tuple(number for number in numbers if number not in taken)
        taken |= set(own)
        if own:
            classes[name.lower() if len(lesions) > 1 else TUMOUR] = own
    rest = tuple(number for numbers in organs.values() for number in numbers if number not in taken)
    return {**({ORGAN: tuple(dict.fromkeys(rest))} if rest else {}), **classes}


def _case(label: Path, ct: Path, organ: str, values: Mapping[str, tuple[int, ...]]) -> Case:
    name = _name(label, ct)
    return Case(name, ct, organ, name, label, values)


def _name(label: Path, ct: Path) -> str:
    """What a case is called: by its CT, or by its folder where every CT is called alike."""
    stem = _stem(ct)
    return ct.parent.name if stem in ("imaging", "ct", "image") else stem or _stem(label)


def _stem(path: Path) -> str:
    stem = path.name
    for suffix in outputs.IMAGE_SUFFIXES:
        stem = stem.removesuffix(suffix)
    return re.sub(r"(_0000|[_-](ct|label|labels|seg|mask|segmentation))$", "", stem, flags=re.IGNORECASE)


def _by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    """Files by what their case is called.

    Raises:
        InputError: Two are called alike, as two readers' label maps of one scan.
    """
    found: dict[str, Path] = {}
    for path in paths:
        stem = _stem(path)
        if stem in found:
            raise InputError(f"{found[stem]} and {path.name} are both of {stem}; keep the one that counts")
        found[stem] = path
    return found


def _is_label(path: Path) -> bool:
    return bool(re.search(r"[_-](label|labels|seg|mask|segmentation)\.", path.name, re.IGNORECASE))


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder")
    return sorted(path for path in folder.iterdir() if path.name.lower().endswith(outputs.IMAGE_SUFFIXES))
