"""Write the history of a text as commits of git, or as a recording of a terminal."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

from crdt import TextBuffer
from jpterm_like.cli.cast import cast
from jpterm_like.cli.scripting import with_session
from jpterm_like.errors import JptermError, explain
from jpterm_like.files import safe_git
from jpterm_like.history.git_export import commits_of, fast_import
from jpterm_like.history.sittings import sittings

BRANCH: Final = "refs/heads/jpterm-like"
T = TypeVar("T")


def read_cast(address: str, size: tuple[int, int], since: float, version: int) -> list[str]:
    """Return the lines of a recording.

    Raises:
        JptermError: see `scripting.read_text`.
    """
    return _read(address, lambda buffer, title: list(cast(buffer, title, *size, since, version)))


def read_fast_import(address: str, by_author: bool) -> list[bytes]:
    """Return a stream for `git fast-import`.

    Raises:
        JptermError: see `scripting.read_text`.
    """

    def write(buffer: TextBuffer, title: str) -> list[bytes]:
        commits = commits_of(buffer, sittings(buffer), by_author)
        return list(fast_import(buffer, commits, title, BRANCH, False))

    return _read(address, write)


def export_to_repository(address: str, folder: str, by_author: bool, since_last: bool) -> str:
    """Put the commits on the branch of a repository; return what was done.

    Raises:
        JptermError: git is not there, or refuses; the branch has other commits already; see also `scripting.read_text`.
    """
    repository = Path(folder).absolute()
    if not (repository / ".git").exists() and not (repository / "HEAD").is_file():
        try:
            repository.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise JptermError(f"{folder} cannot be made: {explain(problem)}.") from None
        _git(repository, "init", "--quiet", "--initial-branch=jpterm-like")
    tip = _git(repository, "log", "-1", "--format=%ct", BRANCH, "--", missing="").strip()
    if tip and not since_last:
        raise JptermError(f"{folder} has a branch jpterm-like already: --since-last goes on with it.")

    def write(buffer: TextBuffer, title: str) -> list[bytes]:
        commits = commits_of(buffer, sittings(buffer), by_author)
        if tip:
            commits = [it for it in commits if it.seconds > int(tip)]
        return list(fast_import(buffer, commits, title, BRANCH, bool(tip)))

    parts = _read(address, write)
    if parts:
        _git(repository, "fast-import", "--quiet", stdin=b"".join(parts))
    made = sum(part.startswith(b"commit ") for part in parts)
    return f"{made} {'commit' if made == 1 else 'commits'} on the branch jpterm-like of {folder}."


def _git(repository: Path, *arguments: str, stdin: bytes = b"", missing: str | None = None) -> str:
    """Run git and return what it prints; `missing` is returned if it fails.

    Raises:
        JptermError: git is not there, or fails.
    """
    git = safe_git.find_git()
    if git is None:
        raise JptermError("git is not installed.")
    done = subprocess.run(
        [git, *safe_git.OPTIONS, "-C", str(repository), *arguments],
        cwd="/",
        env=safe_git.environment(),
        input=stdin,
        capture_output=True,
        check=False,
    )
    if not done.returncode:
        return done.stdout.decode("utf-8", "replace")
    if missing is not None:
        return missing
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    raise JptermError(f"git says: {said[-1] if said else f'exit code {done.returncode}'}")


def _read(address: str, write: Callable[[TextBuffer, str], T]) -> T:
    return with_session(
        address, lambda session: write(session.buffer, PurePosixPath(session.title).name or "text")
    )
