"""Pure and compiled code agree: random histories give the same bytes from both.

`CRDT_COMPILED_PYTHON` names the interpreter of an environment in which the compiled package is installed:

    python -m venv /tmp/compiled && JPTERM_LIKE_COMPILE=1 /tmp/compiled/bin/pip install .
    CRDT_COMPILED_PYTHON=/tmp/compiled/bin/python pytest tests/crdt/test_compiled.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPT = Path(__file__).with_name("histories.py")

SEEDS = int(os.environ.get("CRDT_SEEDS", "200"))
STEPS = int(os.environ.get("CRDT_STEPS", "60"))
FIRST_SEED = int(os.environ.get("CRDT_FIRST_SEED", "0"))
TWIN = os.environ.get("CRDT_COMPILED_PYTHON", "")


def histories(python: str, path: str | None, folder: Path) -> list[str]:
    """Return the script's output under an interpreter, with the `crdt` of `path` or else the installed one."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    if path is not None:
        environment["PYTHONPATH"] = path
    command = [python, str(SCRIPT), str(FIRST_SEED), str(SEEDS), str(STEPS)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_histories_depend_on_the_seed_only(tmp_path: Path) -> None:
    """The comparison is meaningful: two processes with different hash seeds agree, two history seeds do not."""
    command = [sys.executable, str(SCRIPT), "0", "5", "40"]
    said = [
        subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert len({line.split()[1] for line in said[0][1:]}) == 5


@pytest.mark.skipif(not TWIN, reason="CRDT_COMPILED_PYTHON names no environment with the compiled crdt")
def test_pure_and_compiled_make_the_same_bytes(tmp_path: Path) -> None:
    """Messages, documents, versions, anchors, patches, and error messages are equal."""
    pure = histories(sys.executable, str(ROOT), tmp_path)
    compiled = histories(TWIN, None, tmp_path)
    assert (pure[0], compiled[0]) == ("pure", "compiled")
    differing = [line for line, other in zip(pure[1:], compiled[1:], strict=True) if line != other]
    assert not differing, f"seeds {[line.split()[0] for line in differing]}"
