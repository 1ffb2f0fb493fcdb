"""The wheel alone, in a fresh environment, from a folder of wheels, without a network: does the demo run?

    pip download --dest wheels dist/textomorph-*.whl      # once, with a network
    python release/try_wheel.py dist/textomorph-*.whl --wheels wheels

Where the system lets a program be without a network (`unshare --net`), the demo is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

WITHOUT_NETWORK = ["unshare", "--map-root-user", "--net"]


def main() -> int:
    """The command; status 0 if the demo made what it should."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--wheels", type=Path, required=True, help="a folder with the wheels of all that it needs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        venv.create(home / "venv", with_pip=True)
        programs = home / "venv" / ("Scripts" if os.name == "nt" else "bin")
        pip = [str(programs / "python"), "-m", "pip", "--isolated", "install", "--quiet", "--no-index"]
        subprocess.run([*pip, "--find-links", str(given.wheels.resolve()), str(given.wheel.resolve())], check=True)
        alone = WITHOUT_NETWORK if _can(WITHOUT_NETWORK) else []
        print("without a network" if alone else "with a network that nothing asks for", flush=True)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment["TEXTOMORPH_HOME"] = str(home / "home")
        demo = [*alone, str(programs / "textomorph"), "demo", "--phantom", "--output-dir", str(home / "out")]
        subprocess.run(demo, check=True, cwd=home, env=environment)
        made = sorted(path.name for path in (home / "out").iterdir())
        print(", ".join(made))
        return int(not {"synthetic.nii.gz", "synthetic.json", "picture.png"} <= set(made))


def _can(command: list[str]) -> bool:
    try:
        return subprocess.run([*command, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
