"""Making a study: what readers get does not tell real from synthetic; orders are fair; bad tables are refused."""

from __future__ import annotations

import json
import random
import re
import zlib
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from small_studies import FRAME, SPACING, scan, small_study, write_table

from TextoMorphLib import paths
from TextoMorphLib.cli import main
from TextoMorphLib.errors import InputError
from TextoMorphLib.io.volume import Volume
from TextoMorphLib.reader_study import study as studies
from TextoMorphLib.reader_study.create import Plan, create
from TextoMorphLib.reader_study.order import draw_order
from TextoMorphLib.reader_study.package import Frame
from TextoMorphLib.reader_study.study import Study, case_paths


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> tuple[Study, dict]:
    """A study of six real lesions whose twins a (small, untrained) model made: with the text, and without."""
    folder = tmp_path_factory.mktemp("made")
    table = write_table(folder / "scans", 6, methods=())
    plan = ["--readers", "anna,ben", "--twins", "text,mask", "--apart", "4", "--repeats", "3", "--seed", "5"]
    shown = ["--field", "48,48,45", "--spacing", "2,2,2.5", "--steps", "1", "--device", "cpu"]
    assert (
        main(
            ["vtt", "create", str(table), "--output", str(folder / "study"), "--model", str(tiny_bundle), *plan, *shown]
        )
        == 0
    )
    study = Study.read(folder / "study")
    return study, study.read_key()


def surroundings(study: Study, case: str) -> np.ndarray:
    """A case's HU with the lesion, 4 mm around it, and what sampling and smoothing reach beyond, blotted out."""
    image, mask = (np.asanyarray(nib.Nifti1Image.from_filename(path).dataobj) for path in study.files(case))
    near = ndimage.distance_transform_edt(~mask.astype(bool), sampling=FRAME.spacing_mm) < 4 + 5
    return np.where(near, 0, image)


def test_twins_have_their_real_lesions_mask_and_text_and_nobody_elses(made: tuple[Study, dict]) -> None:
    study, key = made
    pairs: dict[str, dict[str, str]] = {}
    for case, entry in key["cases"].items():
        pairs.setdefault(entry["pair"], {})[entry["source"]] = case
    assert len(study.cases) == 18
    for pair in pairs.values():
        assert set(pair) == {"real", "TextoMorph", "TextoMorph, mask only"}
        cases = [study.cases[case] for case in pair.values()]
        assert len({(case.organ, case.text, case.terms, case.mask_sha256) for case in cases}) == 1
        assert len({case.ct_sha256 for case in cases}) == 3
        assert cases[0].terms == ("hypoattenuating", "ill-defined", "no calcification")


def test_nothing_but_the_lesion_tells_real_from_synthetic(made: tuple[Study, dict]) -> None:
    study, key = made
    files = {case: case_paths(study.folder, case) for case in study.cases}
    # File names, sizes, dates and permissions, headers (with type, grid and place), the scan around the lesion.
    for case, (ct, mask) in files.items():
        twin = next(
            c for c, e in key["cases"].items() if e["pair"] == key["cases"][case]["pair"] and e["source"] == "real"
        )
        for path, other in zip((ct, mask), files[twin], strict=True):
            assert re.fullmatch(r"c[0-9a-f]{8}(-mask)?\.nii", path.name)
            here, there = path.stat(), other.stat()
            assert (here.st_size, here.st_mtime, here.st_mode) == (there.st_size, there.st_mtime, there.st_mode)
        assert ct.read_bytes()[:352] == files[twin][0].read_bytes()[:352]
        assert mask.read_bytes() == files[twin][1].read_bytes()
        assert np.array_equal(surroundings(study, case), surroundings(study, twin))
    assert len({path.stat().st_mtime for path in study.folder.rglob("*")}) == 1
    for kind in (0, 1):  # one header, one size, one use of the disk for all, pairs or not
        seen = [pair[kind] for pair in files.values()]
        sizes = {(path.stat().st_size, getattr(path.stat(), "st_blocks", 0)) for path in seen}
        assert len(sizes) == len({path.read_bytes()[:352] for path in seen}) == 1
    assert {path.suffix for path in study.folder.rglob("*.*")} == {".nii", ".json"}, "nothing compressed by content"

    # A guesser that learns from all of it, each pair left out in turn, is right no more often than chance.
    cases = list(study.cases)
    labels = np.array([key["cases"][case]["synthetic"] for case in cases])
    groups = np.array([key["cases"][case]["pair"] for case in cases])
    features = []
    for place, case in enumerate(cases):
        around, stat = surroundings(study, case), files[case][0].stat()
        grain = around - ndimage.gaussian_filter(around.astype(np.float32), 1)
        orders = [study.readers[reader].index(case) for reader in study.readers]
        features.append(
            [
                *(int(case[1:], 16), place, stat.st_size, stat.st_ino, stat.st_ctime_ns, *orders),
                *(around.mean(), around.std(), grain.std(), len(zlib.compress(around.tobytes()))),
                *np.percentile(around, [1, 25, 75, 99]),
            ]
        )
    table = np.array(features, float)
    table = (table - table.mean(0)) / np.maximum(table.std(0), 1e-9)
    right = 0.0
    for group in set(groups):
        learn = groups != group
        ways = [table[learn & (labels == kind)].mean(0) for kind in (False, True)]
        guesses = np.square(table[~learn] - ways[1]).sum(1) < np.square(table[~learn] - ways[0]).sum(1)
        right += np.mean([np.mean(guesses[labels[~learn] == kind] == kind) for kind in (False, True)])
    assert right / len(set(groups)) < 0.75  # six pairs: chance alone goes up to there

    # Nor does the study's file say it, in so many words or by what it leaves out.
    assert not set(re.findall(r"TextoMorph|source|pair|seed", (study.folder / "study.json").read_text()))
    assert not list(study.folder.rglob("*key*"))


def test_a_twin_made_elsewhere_keeps_only_its_lesion(tmp_path: Path) -> None:
    """Whatever another program did to the whole scan (rounding, smoothing, noise) is not shown."""
    table = write_table(tmp_path / "scans", 4)
    for number in range(4):
        twin, _ = scan(number, -30.0)
        noise = np.random.default_rng(number).normal(0, 30, twin.shape)
        Volume.from_array(twin.data + noise.astype(np.float32), SPACING).write(
            tmp_path / "scans" / f"ours{number}.nii.gz"
        )
    study = create(table, tmp_path / "study", None, Plan(("anna",), twins=(), apart=2, frame=FRAME))
    key = study.read_key()
    pairs = Counter(entry["pair"] for entry in key["cases"].values())
    for pair in pairs:
        one, two = (case for case, entry in key["cases"].items() if entry["pair"] == pair)
        assert np.array_equal(surroundings(study, one), surroundings(study, two))
        assert study.cases[one].ct_sha256 != study.cases[two].ct_sha256


def test_the_key_is_fixed_before_the_reading(made: tuple[Study, dict], tmp_path: Path) -> None:
    study, _ = made
    path = studies.key_path(study.folder)
    assert studies.sha256(path.read_bytes()) == study.key_sha256
    changed = tmp_path / "key.json"
    changed.write_text(path.read_text().replace('"synthetic": true', '"synthetic": false', 1))
    with pytest.raises(InputError, match="changed since the study was made"):
        study.read_key(changed)
    changed.write_text(path.read_text().replace(study.id, "another"))
    with pytest.raises(InputError, match="not the key of this study"):
        study.read_key(changed)


def test_a_guessed_seed_does_not_tell_what_is_real(tmp_path: Path) -> None:
    """Names and orders are those of seed *and* scans, which readers do not have: who tries all seeds finds none."""
    study = small_study(tmp_path / "study", readers=("anna", "ben"))
    for seed in range(50):  # the true one, 1, too
        guessed = random.Random(seed).sample(range(16**8), len(study.cases))
        assert not {f"c{number:08x}" for number in guessed} & set(study.cases)
    table = write_table(tmp_path / "other", 4)
    ct, _ = scan(3, -40.0)
    ct.data[0, 0, 0] += 1  # one voxel, far from the lesion
    ct.write(tmp_path / "other" / "real3.nii.gz")
    other = create(table, tmp_path / "others", None, Plan(("anna", "ben"), twins=(), apart=2, seed=1, frame=FRAME))
    assert not set(other.cases) & set(study.cases)

    def real_or_not(of: Study) -> list[list[bool]]:
        key = of.read_key()["cases"]
        return [[key[case]["synthetic"] for case in order] for order in of.readers.values()]

    assert real_or_not(other) != real_or_not(study)


def test_same_seed_same_orders_and_the_study_file_follows_its_schema(tmp_path: Path) -> None:
    import fastjsonschema

    first, again = (small_study(tmp_path / name, readers=("anna", "ben")) for name in "ab")
    assert first.readers == again.readers
    assert first.readers["anna"] != first.readers["ben"]
    assert first.key_sha256 != again.key_sha256, "the salt keeps the key from being guessed"
    content = json.loads((first.folder / "study.json").read_text())
    validate = fastjsonschema.compile(json.loads((paths.resources() / "Reading" / "study.schema.json").read_text()))
    validate(content)
    for name in ("id", "key_sha256", "window", "questions", "cases", "readers"):
        lacking = {key: value for key, value in content.items() if key != name}
        with pytest.raises(fastjsonschema.JsonSchemaException):
            validate(lacking)
        (first.folder / "study.json").write_text(json.dumps(lacking))
        with pytest.raises(InputError, match=name):
            Study.read(first.folder)


@pytest.mark.parametrize("members", [2, 3])
def test_orders_are_balanced_blocked_and_keep_twins_apart(members: int) -> None:
    strata = ["liver <20"] * 12 + ["liver 20-50"] * 8 + ["kidney <20"] * 10
    groups = [tuple(f"{group}-{member}" for member in range(members)) for group in range(30)]
    real_first = 0
    for seed in range(20):
        order = draw_order(groups, strata, apart=12, repeats=9, rng=random.Random(seed))
        assert Counter(order).most_common(1)[0][1] == 2
        assert len(order) == 30 * members + 9
        group_of = [int(case.split("-")[0]) for case in order]
        for place, group in enumerate(group_of):
            assert group not in group_of[max(place - 11, 0) : place]
        firsts = list(dict.fromkeys(order))
        for part in range(members):  # each part shows each group once, and each source and stratum its share
            shown = firsts[part * 30 : (part + 1) * 30]
            assert len({case.split("-")[0] for case in shown}) == 30
            sources = Counter(case.split("-")[1] for case in shown)
            assert max(sources.values()) - min(sources.values()) <= 1
            half = Counter(strata[int(case.split("-")[0])] for case in shown[:15])
            assert abs(half["liver <20"] - 6) <= 3
        real_first += sum(firsts.index(f"{group}-0") < firsts.index(f"{group}-1") for group in range(30))
        repeated = [case.split("-")[1] for case, times in Counter(order).items() if times == 2]
        assert max(Counter(repeated).values()) - min(Counter(repeated).values()) <= 1
    assert 0.4 < real_first / 600 < 0.6


def test_too_few_cases_to_keep_twins_apart_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--apart 4 or less"):
        small_study(tmp_path, pairs=4, apart=9)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("organ", "tissue"), "column organ is missing"),
        (("kidney", "spleen"), "line 4: unknown organ 'spleen'"),
        (("real1.nii.gz", "lost.nii.gz"), "line 4: .*lost.nii.gz does not exist"),
        (("real1.nii.gz,mask1", "real0.nii.gz,mask0"), "line 4: the same scan and mask as in line 2"),
        (("ours,pair 0", "real,pair 0"), "line 3: pair 'pair 0' has a 'real' in line 2"),
        (
            ('"hypoattenuating, ill-defined lesion without calcification",ours,pair 0', "cyst,ours,pair 0"),
            "organ and text",
        ),
        (("ours0.nii.gz,mask0", "ours0.nii.gz,mask1"), "line 3: its mask is not that of its real twin"),
        (("source", "text"), "the column text stands twice"),
        ((",ours,pair 0", ',ours,pair 0,"'), "look at the double quotes"),
    ],
)
def test_bad_tables(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    table = write_table(tmp_path / "scans", 4)
    table.write_text(table.read_text().replace(*change, 1))
    with pytest.raises(InputError, match=message):
        create(table, tmp_path / "study", None, Plan(("anna",), twins=(), apart=2, frame=FRAME))
    assert [path.name for path in tmp_path.iterdir()] == ["scans"], "nothing half-made is left"


def test_a_text_of_two_lines_keeps_its_words_apart(tmp_path: Path) -> None:
    table = write_table(tmp_path / "scans", 4)
    table.write_text(table.read_text().replace("hypoattenuating, ill-defined", "hypoattenuating\nill-defined"))
    made = create(table, tmp_path / "study", None, Plan(("anna",), twins=(), apart=2, frame=FRAME))
    terms = ("hypoattenuating", "ill-defined", "no calcification")
    assert {tuple(case.terms) for case in made.cases.values()} == {terms}


def test_a_copied_image_is_noticed_whatever_its_name(tmp_path: Path) -> None:
    table = write_table(tmp_path / "scans", 4)
    (tmp_path / "scans" / "ours2.nii.gz").write_bytes((tmp_path / "scans" / "real2.nii.gz").read_bytes())
    with pytest.raises(InputError, match="line 7: the same image as line 6"):
        create(table, tmp_path / "study", None, Plan(("anna",), twins=(), apart=2, frame=FRAME))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"readers": ("anna", "Anna")}, "two readers are called 'Anna'"),
        ({"readers": ("anna", "Anna ")}, "reader name 'Anna '"),
        ({"readers": ("anna,ben",)}, "reader name 'anna,ben'"),
        ({"readers": ("../anna",)}, "reader name '../anna'"),
        ({"readers": ()}, "needs readers"),
        ({"twins": ("words",)}, "unknown twin 'words'"),
        ({"questions": ("age",)}, "unknown question 'age'"),
        ({"frame": Frame((20.0, 20.0, 20.0), (1.0, 1.0, 1.0))}, "does not fit into the field"),
        ({"repeats": 40}, "too many"),
    ],
)
def test_bad_plans(tmp_path: Path, plan: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        small_study(tmp_path, **plan)
    assert not (tmp_path / "study").exists()


def test_no_study_and_no_key_is_ever_overwritten(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    before = studies.key_path(study.folder).read_bytes()
    with pytest.raises(InputError, match="exists"):
        small_study(tmp_path)
    for path in sorted(study.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    study.folder.rmdir()
    with pytest.raises(InputError, match=r"key .* exists"):
        small_study(tmp_path)
    assert studies.key_path(study.folder).read_bytes() == before
