"""Many documents through a WebDAV server by `sync`, and by git over ssh in the same run: first push, idle, one edit, fresh clone.

python -m tests.bench.carry --documents 1000

Prints seconds of wall clock. Needs Apache with mod_dav, sshd and git; both servers are on this machine.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.machines import Machine, machines
from tests.places.servers import apache, folder_for_all, free_port, sshd

WORDS = [f"word{number}" for number in range(2000)]


def write_texts(folder: Path, count: int) -> None:
    """Texts of some 2.5 kB, a hundred in a folder."""
    chance = random.Random(1)
    for number in range(count):
        path = folder / f"{number // 100:03}" / f"text-{number:05}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(" ".join(chance.choices(WORDS, k=10)) + "\n" for _ in range(40)))
        os.utime(path, (1e9, 1e9))


def timed(title: str, run: Sequence[Sequence[str]], cwd: Path, env: dict[str, str] | None = None) -> float:
    began = time.monotonic()
    for command in run:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{title}: {shlex.join(command)}: {done.stdout}{done.stderr}")
    return time.monotonic() - began


def ours(count: int, ann: Machine, bob: Machine, url: str) -> dict[str, float]:
    program = [sys.executable, "-m", "jpterm_like", "sync", url]

    def run(title: str, machine: Machine) -> float:
        return timed(
            title, [[*program, str(machine.texts), "--name", machine.who]], machine.texts, machine.env
        )

    write_texts(ann.texts, count)
    found = {"first push": run("first push", ann), "idle": run("idle", ann)}
    with (ann.texts / "000" / "text-00007.md").open("a") as file:
        file.write("one edit\n")
    found["one edit"] = run("one edit", ann)
    found["fresh clone"] = run("fresh clone", bob)
    assert sum(path.is_file() for path in bob.texts.rglob("*.md")) == count
    return found


def of_git(count: int, folder: Path, ssh: str, remote: str) -> dict[str, float]:
    texts = folder / "git"
    texts.mkdir()
    write_texts(texts, count)
    env = os.environ | {"GIT_SSH_COMMAND": ssh, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    for name in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{name}_NAME": "Ann", f"GIT_{name}_EMAIL": "ann@example.org"}
    timed(
        "init", [["git", "init", "-q", "-b", "main"], ["git", "remote", "add", "origin", remote]], texts, env
    )
    send = [["git", "add", "-A"], ["git", "commit", "-qm", "x"], ["git", "push", "-q", "origin", "main"]]
    found = {
        "first push": timed("push", send, texts, env),
        "idle": timed("fetch", [["git", "fetch", "-q"]], texts, env),
    }
    with (texts / "000" / "text-00007.md").open("a") as file:
        file.write("one edit\n")
    found["one edit"] = timed("edit", send, texts, env)
    found["fresh clone"] = timed("clone", [["git", "clone", "-q", remote, "clone"]], folder, env)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1000)
    count = parser.parse_args().documents
    with (
        folder_for_all() as web,
        folder_for_all() as of_ssh,
        TemporaryDirectory() as folder,
        apache(web, free_port()) as url,
        sshd(of_ssh, free_port()) as config,
        machines(Path(folder), "Ann", "Bob") as [ann, bob],
    ):
        bare = Path(folder) / "bare.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
        git = of_git(count, Path(folder), f"ssh -F {config}", f"box:{bare}")
        mine = ours(count, ann, bob, "webdav" + url.removeprefix("http"))
        print(f"{count:,} documents, seconds      sync      git    ratio")
        for title, seconds in mine.items():
            print(f"{title:25} {seconds:9.2f} {git[title]:8.2f} {seconds / git[title]:8.2f}")


if __name__ == "__main__":
    main()
