"""A batch over two Ray nodes on the loopback address, one of which is killed twice, against a single process.

    make ray-thousand        # or: python Testing/thousand_jobs.py --count 200 --model DIR

Says what is there, whether any job was made twice, and whether the bytes are those of one process; ends with 1 if not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "unit" / "batches"))

import ray_nodes
import small_scan

from TextoMorphLib.batches import journal

PLACES = 8


def main() -> int:
    """Runs both, and compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--kills", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="thousand") as folder:
        sets = [Path(folder) / name for name in ("cluster", "alone")]
        for each in sets:
            (each / "out").mkdir(parents=True)
            small_scan.write(each, PLACES)
            (each / "jobs.jsonl").write_text(small_scan.jobs(given.count, PLACES))
        over_ray(sets[0], given.count, given.kills, given.model)
        subprocess.run(batch(sets[1], given.model), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return compared(sets[0], sets[1], given.count)


def batch(folder: Path, model: str) -> list[str]:
    """The command."""
    jobs = str(folder / "jobs.jsonl")
    return [sys.executable, "-m", "TextoMorphLib", "batch", jobs, "--device", "cpu", "--model", model]


def over_ray(folder: Path, count: int, kills: int, model: str) -> None:
    """The batch on two nodes; the second is killed when a quarter and a half are done, and started again."""
    with ray_nodes.cluster() as cluster:
        cluster.head(1)
        cluster.wait(1)
        cluster.node("second", 1)
        cluster.wait(2)
        command = [*batch(folder, model), "--ray", cluster.address]
        log = folder / "said.txt"
        with log.open("w") as said:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        for kill in range(1, kills + 1):
            while process.poll() is None and len(images(folder)) < kill * count / (kills + 2):
                time.sleep(0.2)
            cluster.kill("second")
            print(f"killed the second node with {len(images(folder))} of {count} done", flush=True)
            time.sleep(1)
            cluster.node("second", 1)
            cluster.wait(2)
            print(f"both nodes are up again with {len(images(folder))} done", flush=True)
        status = process.wait()
        ours = [line for line in log.read_text().splitlines() if not line.startswith("warning: ")]
        print(f"the batch over Ray ended with status {status} {' '.join(ours)[-500:]}", flush=True)


def images(folder: Path) -> list[Path]:
    """What is made."""
    return sorted((folder / "out").glob("*.nii.gz"))


def compared(cluster: Path, alone: Path, count: int) -> int:
    """Says what came out; 0 if all is as it should be."""
    made = Counter(note["output"] for note in journal.read(cluster / "out") if note["event"] == "done")
    twice = sum(number > 1 for number in made.values())
    equal = sum(path.read_bytes() == (alone / "out" / path.name).read_bytes() for path in images(cluster))
    reports = sum("image" in json.loads(path.read_text()) for path in (cluster / "out").glob("*.json"))
    left = [path.name for path in (cluster / "out").iterdir() if path.name.startswith(".")]
    there = len(images(cluster))
    for name, folder in (("on two nodes", cluster), ("in one process", alone)):
        cpu = [note["cpu_seconds"] for note in journal.read(folder / "out") if note["event"] == "done"]
        print(f"CPU seconds a job {name}: {sum(cpu) / max(len(cpu), 1):.2f}")
    print(f"of {count} jobs: {there} images, {reports} reports, {equal} as one process makes them, {twice} made twice")
    print(f"left behind: {left or 'nothing'}")
    return int(not there == reports == equal == count or bool(twice))


if __name__ == "__main__":
    sys.exit(main())
