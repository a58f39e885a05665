"""Real kernels, servers and commands, killed at random while a cell prints ticks and appends to a file."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.terminal import PATIENCE_S, PROGRAM

TICKS = 12
SOURCE = f"""import time
with open("ran", "a") as file:
    file.write("x\\n")
for at in range({TICKS}):
    print("tick", at, flush=True)
    time.sleep(0.04)
"""


class Machine:
    """A folder that is served with --run, and a user."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "w"
        self.folder.mkdir()
        self.file = self.folder / "a.ipynb"
        self._socket = root / "s"
        home = root / "home"
        (home / "r").mkdir(parents=True, mode=0o700)
        self._env = {
            **os.environ,
            "HOME": str(home),
            "XDG_STATE_HOME": str(home),
            "XDG_RUNTIME_DIR": str(home / "r"),
        }
        self.server: subprocess.Popen[bytes] | None = None
        cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": []}
        whole = {
            "cells": [{**cell, "source": SOURCE.splitlines(keepends=True)}],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        self.file.write_text(json.dumps(whole))

    @property
    def url(self) -> str:
        return f"ws+unix://{self._socket}:/a.ipynb"

    def serve(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._socket.unlink()
        command = [
            *PROGRAM,
            "serve",
            str(self.folder),
            "--unix",
            str(self._socket),
            "--run",
            "--save-after",
            "0.2",
        ]
        self.server = subprocess.Popen(
            command, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + PATIENCE_S
        while not self._socket.exists():
            assert time.monotonic() < deadline and self.server.poll() is None
            time.sleep(0.01)

    def kill_server(self, number: int = signal.SIGKILL) -> None:
        assert self.server is not None
        self.server.send_signal(number)
        self.server.wait(timeout=PATIENCE_S)

    def begin(self, *options: str) -> subprocess.Popen[str]:
        command = [*PROGRAM, "run", self.url, *options]
        return subprocess.Popen(
            command, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def end_kernels(self) -> None:
        """End what the test has started, and nothing else."""
        for path in (Path(self._env["XDG_STATE_HOME"])).rglob("keeper.json"):
            folder = path.parent
            code = f"from pathlib import Path; from jpterm_like.kernels.start import request; request(Path({str(folder)!r}), {{'do': 'stop'}})"
            subprocess.run([*PROGRAM[:1], "-c", code], env=self._env, capture_output=True, timeout=PATIENCE_S)


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("n"))
    yield machine
    machine.end_kernels()
    if machine.server is not None and machine.server.poll() is None:
        machine.kill_server(signal.SIGTERM)


def outputs(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text())["cells"][0]["outputs"]
    return found


@pytest.mark.amount
def test_every_tick_is_there_once_whoever_is_killed(machine: Machine, pytestconfig: pytest.Config) -> None:
    """Client, server or both are killed at a random moment of a run. Afterwards each tick is there once, in the answer to --wait and in the
    file, and the cell has run as often as somebody asked."""
    pytest.importorskip("zmq")
    pytest.importorskip("ipykernel")
    rng = random.Random(11)
    expected = "".join(f"tick {at}\n" for at in range(TICKS))
    machine.serve()
    for asked in range(1, 1 + pytestconfig.getoption("--run-kills")):
        who = ("both", "client", "server")[asked % 3]
        running = machine.begin()
        ran = machine.folder / "ran"
        deadline = time.monotonic() + PATIENCE_S
        while not (ran.exists() and ran.read_text().count("x") == asked):
            assert time.monotonic() < deadline and running.poll() is None, (running.poll(), asked)
            time.sleep(0.01)
        time.sleep(rng.random() * 0.04 * (TICKS + 2))
        if who != "server":
            running.kill()
        if who != "client":
            machine.kill_server()
            time.sleep(rng.random() * 0.3)
            machine.serve()
        told, problem = running.communicate(timeout=PATIENCE_S)
        if who == "server":
            assert (running.returncode, told) == (0, expected), (asked, who, problem)
        again = machine.begin("--wait")
        told, problem = again.communicate(timeout=PATIENCE_S)
        assert (again.returncode, told) == (0, expected), (asked, who, problem)
        printed = outputs(machine.file)
        deadline = time.monotonic() + PATIENCE_S
        while "".join("".join(each["text"]) for each in printed) != expected:  # it is saved in a moment
            assert time.monotonic() < deadline, (asked, who, printed)
            time.sleep(0.05)
            printed = outputs(machine.file)
        assert {each["name"] for each in printed} == {"stdout"}, printed
        assert ran.read_text().count("x") == asked, (asked, who)
