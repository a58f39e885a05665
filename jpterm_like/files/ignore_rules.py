"""The text files of a folder that people edit: found by looking, without git and without any other program.

git obeys the configuration of the place where it is started (core.fsmonitor is a command), and in a shared folder others write
that. So the folder is walked here, and of git only its .gitignore files are read: as patterns, which the library pathspec
translates and `regex` tries. Those are other people's too; a pattern that goes on for ever is left out.

Beside git's own answer: a file that is ignored is left out also if it is in the index, which is not read.
"""

from __future__ import annotations

import itertools
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

NAMES_MAX: Final = 50_000
"""More files than this are not listed."""
LIST_S: Final = 3.0
"""For so long a folder is looked through."""
PATTERN_S: Final = 0.05
"""One name is compared with one file's patterns for so long."""
IGNORE_BYTES_MAX: Final = 64 * 1024
"""So much of a .gitignore is read: the longest of GitHub's collection have some 10 KiB."""
LINES_MAX: Final = 1_000
"""And so many lines of it: each costs some 0.2 ms to be made a pattern."""

MADE: Final = frozenset(
    ("node_modules", "__pycache__", "venv", "env", "dist", "build", "target", "vendor", "site-packages")
)
"""Folders of what programs made, and people do not edit. In a repository its .gitignore says which those are."""
NO_TEXT: Final = (
    *(".pyc", ".pyo", ".so", ".o", ".a", ".dll", ".exe", ".bin", ".class", ".jar", ".whl", ".sqlite", ".db"),
    *(".png", ".jpg", ".jpeg", ".gif", ".ico", ".webp", ".pdf", ".woff", ".woff2", ".ttf", ".otf"),
    *(".zip", ".gz", ".bz2", ".xz", ".zst", ".tar", ".mp3", ".mp4", ".ogg", ".wav", ".mov", ".avi"),
)
"""Endings of files that are no text."""


def files_in(folder: Path, own_rules: Path | None = None) -> list[str]:
    """The names of a folder's text files and of those in its folders.

    Args:
        folder: where to look.
        own_rules: the user's own .gitignore, which counts in every repository.
    """
    top = _top_of(folder)
    until = time.monotonic() + LIST_S
    names = _walk(folder, until) if top is None else sorted(_walk_repository(folder, top, until, own_rules))
    return list(itertools.islice((name for name in names if not name.lower().endswith(NO_TEXT)), NAMES_MAX))


def _top_of(folder: Path) -> Path | None:
    """The folder of the repository around, which has a .git in it; None outside of one."""
    return next((top for top in (folder, *folder.parents) if os.path.lexists(top / ".git")), None)


def _walk(folder: Path, until: float) -> Iterator[str]:
    for inner, folders, files in _listed(folder, until):
        folders[:] = [name for name in folders if name not in MADE and not name.startswith(".")]
        yield from (inner + name for name in files if not name.startswith("."))


def _walk_repository(folder: Path, top: Path, until: float, own_rules: Path | None) -> Iterator[str]:
    above = [top, *reversed([one for one in folder.parents if top in one.parents])] if folder != top else []
    outer = [] if own_rules is None else [_patterns_of(own_rules, top)]
    outer += [_patterns_of(top / ".git" / "info" / "exclude", top)]
    outer += [_patterns_of(one / ".gitignore", one) for one in above]
    kept: dict[str, list[_Patterns]] = {}
    for inner, folders, files in _listed(folder, until):
        here = folder / inner
        around = kept.pop(inner, outer)
        patterns = [*around, _patterns_of(here / ".gitignore", here)]
        patterns = [one for one in patterns if one.steps]
        folders[:] = [
            name for name in folders if name != ".git" and not _is_ignored(f"{here / name}/", patterns, until)
        ]
        kept |= {f"{inner}{name}/": patterns for name in folders}
        yield from (
            inner + name
            for name in files
            if name != ".git" and not _is_ignored(f"{here / name}", patterns, until)
        )


def _listed(folder: Path, until: float) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each folder as "" or "inner/", with the names of its folders, to be thinned out, and files."""
    for base, folders, files in os.walk(folder):
        folders.sort()
        inner = os.path.relpath(base, folder)
        yield "" if inner == "." else f"{inner}/", folders, sorted(files)
        if time.monotonic() > until:
            return


class _Patterns(NamedTuple):
    """Of one .gitignore."""

    folder: str
    """What its patterns are about, with a slash at the end."""
    steps: list[tuple[Any, bool]]
    """Patterns, and whether they ignore or take back: the last that fits counts, and comes first here."""


def _patterns_of(path: Path, folder: Path) -> _Patterns:
    import regex
    from pathspec.patterns.gitignore import GitIgnorePatternError
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    found: list[tuple[str, bool]] = []
    for line in _lines_of(path):
        try:
            pattern, ignores = GitIgnoreSpecPattern.pattern_to_regex(line)
        except GitIgnorePatternError:
            continue
        if pattern is not None and ignores is not None:
            found.append((pattern, ignores))
    steps = []
    for ignores, group in itertools.groupby(reversed(found), key=lambda pair: pair[1]):
        try:
            # which of several fits makes no difference
            steps.append(
                (regex.compile("|".join(pattern for pattern, _ in group), cache_pattern=False), ignores)
            )
        except regex.error:
            continue
    return _Patterns(f"{str(folder).rstrip('/')}/", steps)


def _lines_of(path: Path) -> Iterable[str]:
    """The lines of an ordinary file; of anything else none, as git has it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ()
    with open(fd, "rb") as stream:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ()
        return (
            stream.read(IGNORE_BYTES_MAX)
            .decode("utf-8", "replace")
            .removeprefix("\ufeff")
            .split("\n")[:LINES_MAX]
        )


def _is_ignored(path: str, patterns: list[_Patterns], until: float) -> bool:
    """Whether the innermost file of patterns that says something of a path ignores it; folders end with a slash.

    When the time is over, everything is.
    """
    if time.monotonic() > until:
        return True
    for one in reversed(patterns):
        name = path.removeprefix(one.folder)
        for step in list(one.steps):
            pattern, ignores = step
            try:
                if pattern.match(name, timeout=PATTERN_S, concurrent=True):
                    return bool(ignores)
            except TimeoutError:
                one.steps.remove(step)
    return False
