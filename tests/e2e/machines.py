"""Machines of a test: each is a home of its own, with its state, its hub and its folder of texts."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from tests.e2e.hub import hub_pid, kill_hub, no_traceback
from tests.e2e.terminal import PATIENCE_S, PROGRAM


class Machine:
    """A person at a machine."""

    def __init__(self, folder: Path, runtime: Path, who: str) -> None:
        self.who = who
        self.home = folder / who
        self.texts = folder / f"texts of {who}"
        self.texts.mkdir()
        self.runtime = runtime
        names = {"XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache"}
        for name in names.values():
            (self.home / name).mkdir(parents=True, mode=0o700)
        self.variables = {
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(runtime),
            **{variable: str(self.home / name) for variable, name in names.items()},
        }
        """Of the environment: what makes this another machine."""
        self.env = {**os.environ, **self.variables}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command here."""
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.texts,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command here to its end."""
        return subprocess.run(
            [*PROGRAM, *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=self.texts,
        )

    def sync(self, place: Path, *options: str) -> str:
        """Sync once, which must succeed; return what it said."""
        done = self.run("sync", str(place), str(self.texts), "--name", self.who, *options)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def append(self, name: str, line: str) -> None:
        """Write a line as an editor would."""
        done = self.run("append", str(self.texts / name), line, "--name", self.who)
        assert done.returncode == 0, done.stderr

    def text(self, name: str) -> str:
        """The text as an editor here shows it."""
        done = self.run("cat", str(self.texts / name))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def files(self) -> dict[str, str]:
        """The plain files."""
        return {
            path.relative_to(self.texts).as_posix(): path.read_text()
            for path in sorted(self.texts.rglob("*"))
            if path.is_file()
        }

    def kill_hub(self) -> None:
        for path in self.runtime.rglob("hub*.sock"):
            kill_hub(path)

    def end(self) -> None:
        """End the hub, and one that a program which was hung up begins meanwhile, to send its last words."""
        deadline = monotonic() + PATIENCE_S
        while self.runtime.exists():
            for path in self.runtime.rglob("hub*.sock"):
                while hub_pid(path) is not None:
                    kill_hub(path)
            shutil.rmtree(self.runtime, ignore_errors=True)
            assert monotonic() < deadline, list(self.runtime.rglob("*"))
        no_traceback(self.home / "state" / "jpterm-like" / "hub.log")


@contextmanager
def machines(folder: Path, *people: str) -> Iterator[list[Machine]]:
    """Machines, one for each person, whose hubs end with this."""
    with tempfile.TemporaryDirectory(prefix="jl-", dir="/tmp") as runtimes:
        found = []
        for number, who in enumerate(people):
            runtime = Path(runtimes) / str(number)
            runtime.mkdir(mode=0o700)
            found.append(Machine(folder, runtime, who))
        try:
            yield found
        finally:
            for machine in found:
                machine.end()
