"""A server that asks for tokens, and commands with one."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.e2e.terminal import PROGRAM, Serve, run


class Team(Serve):
    """A server that asks for tokens: behind a proxy, as far as it knows."""

    def __init__(self, folder: Path, log: Path, *options: str) -> None:
        with log.open("a") as stderr:
            super().__init__(folder, "--behind-proxy", "--save-after", "0.1", *options, stderr=stderr)


def token(role: str, *options: str) -> str:
    """A new token from the command line."""
    made = run("token", "new", "--role", role, *options)
    assert made.returncode == 0, made
    assert re.fullmatch(r"jpt_[0-9a-f]{8}_[\w-]{43}\n", made.stdout)
    assert made.stdout.strip() not in made.stderr
    return made.stdout.strip()


def id_of(line: str) -> str:
    return line.split("_")[1]


def as_holder(line: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a token for the server that is among its arguments."""
    [url] = [argument for argument in arguments if "://" in argument]
    return subprocess.run(
        [*PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "JPTERM_LIKE_TOKEN": f"{origin(url)}={line}"},
    )


def origin(url: str) -> str:
    return "/".join(url.split("/")[:3])
