"""A Ray cluster on the loopback address, for tests: a head, and nodes that can be killed and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

LOOPBACK = "127.0.0.2"  # Ray takes 127.0.0.1 for a name of the address that others reach this machine by
ENVIRONMENT = {
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_DEDUP_LOGS": "0",
}
MEMORY = 80_000_000  # of a node's object store, which jobs do not use


class Cluster:
    """A head node without CPUs or with some, and nodes by name.

    Attributes:
        address: Of the head.
    """

    def __init__(self, folder: Path) -> None:
        self.address = f"{LOOPBACK}:{_free_port()}"
        self._folder, self._processes = folder, dict[str, subprocess.Popen[bytes]]()
        self._commands: dict[str, list[str]] = {}

    def head(self, cpus: int) -> None:
        """Starts the head."""
        port = self.address.split(":")[1]
        self._start("head", cpus, "--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={self._folder}")

    def node(self, name: str, cpus: int) -> None:
        """Starts a node."""
        self._start(name, cpus, f"--address={self.address}")

    def kill(self, name: str) -> None:
        """Ends a node and all that runs on it, at once."""
        process = self._processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _start(self, name: str, cpus: int, *options: str) -> None:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", f"--node-ip-address={LOOPBACK}"]
        command += [f"--num-cpus={cpus}", f"--object-store-memory={MEMORY}", "--disable-usage-stats", *options]
        self._commands[name] = command
        self._run(name)

    def _run(self, name: str) -> None:
        log = open(self._folder / f"{name}.log", "ab")  # noqa: SIM115 - the process's
        self._processes[name] = subprocess.Popen(
            self._commands[name], stdout=log, stderr=log, env={**os.environ, **ENVIRONMENT}, start_new_session=True
        )

    def wait(self, cpus: int, seconds: float = 240) -> None:
        """Until the cluster has as many CPUs; a node that gave up starting, as on a busy machine, starts again."""
        code = f"import ray; ray.init('{self.address}'); print('CPUs', ray.cluster_resources().get('CPU', 0))"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for name, process in list(self._processes.items()):
                if process.poll() is not None:
                    self.kill(name)
                    self._run(name)
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **ENVIRONMENT}
            )
            there = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("CPUs")]
            if there and float(there[0]) >= cpus:
                return
            time.sleep(1)
        raise TimeoutError((self._folder / "head.log").read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        """Ends all."""
        for name in list(self._processes):
            self.kill(name)


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        made = Cluster(Path(folder))
        try:
            yield made
        finally:
            made.stop()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])
