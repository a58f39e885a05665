"""List the text files of a folder that people edit, obeying .gitignore without running git.

git obeys the configuration of the folder in which it is started (core.fsmonitor is a command), and in a shared folder others
write that. So this module walks the folder itself and only reads the .gitignore files: the library pathspec translates their
patterns and `regex` matches them. Other people write those too, so a pattern that takes too long is dropped.

Unlike in git, an ignored file is left out even if it is in the index, which is not read.
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
"""Most files that are listed."""
LIST_S: Final = 3.0
"""Time for walking a folder."""
PATTERN_S: Final = 0.05
"""Time for matching one name with the patterns of one file."""
IGNORE_BYTES_MAX: Final = 64 * 1024
"""Bytes of a .gitignore that are read: the longest in GitHub's collection have some 10 KiB."""
LINES_MAX: Final = 1_000
"""Lines of a .gitignore that are read: compiling each takes some 0.2 ms."""

MADE: Final = frozenset(
    ("node_modules", "__pycache__", "venv", "env", "dist", "build", "target", "vendor", "site-packages")
)
"""Folders with generated files, left out outside of a repository; in a repository its .gitignore names them."""
NO_TEXT: Final = (
    *(".pyc", ".pyo", ".so", ".o", ".a", ".dll", ".exe", ".bin", ".class", ".jar", ".whl", ".sqlite", ".db"),
    *(".png", ".jpg", ".jpeg", ".gif", ".ico", ".webp", ".pdf", ".woff", ".woff2", ".ttf", ".otf"),
    *(".zip", ".gz", ".bz2", ".xz", ".zst", ".tar", ".mp3", ".mp4", ".ogg", ".wav", ".mov", ".avi"),
)
"""Endings of files that are not text."""


def files_in(folder: Path, own_rules: Path | None = None) -> list[str]:
    """The names of the text files in a folder and in the folders below it.

    Args:
        folder: the folder.
        own_rules: the user's own .gitignore, which applies in every repository.
    """
    return list_files(folder, own_rules, LIST_S)[0]


def list_files(folder: Path, own_rules: Path | None, list_s: float) -> tuple[list[str], bool]:
    """As `files_in`, for at most `list_s`; and whether these are all."""
    top = _top_of(folder)
    until = time.monotonic() + list_s
    names = _walk(folder, until) if top is None else sorted(_walk_repository(folder, top, until, own_rules))
    texts = (name for name in names if not name.lower().endswith(NO_TEXT))
    found = list(itertools.islice(texts, NAMES_MAX + 1))
    return found[:NAMES_MAX], len(found) <= NAMES_MAX and time.monotonic() <= until


def _top_of(folder: Path) -> Path | None:
    """The root of the repository that contains a folder; None outside of a repository."""
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
    """Each folder as "" or "inner/", with the names of its folders, which the caller filters, and of its files."""
    for base, folders, files in os.walk(folder):
        folders.sort()
        inner = os.path.relpath(base, folder)
        yield "" if inner == "." else f"{inner}/", folders, sorted(files)
        if time.monotonic() > until:
            return


class _Patterns(NamedTuple):
    """The patterns of one .gitignore."""

    folder: str
    """The folder that the patterns are relative to, with a slash at the end."""
    steps: list[tuple[Any, bool]]
    """Patterns, and whether each ignores or includes again. The last match in the file wins, so it comes first here."""


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
            # it does not matter which alternative matches
            steps.append(
                (regex.compile("|".join(pattern for pattern, _ in group), cache_pattern=False), ignores)
            )
        except regex.error:
            continue
    return _Patterns(f"{str(folder).rstrip('/')}/", steps)


def _lines_of(path: Path) -> Iterable[str]:
    """The lines of an ordinary file; none of anything else, as in git."""
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
    """Whether a path is ignored, by the innermost .gitignore with a matching pattern. Folders end with a slash.

    After the deadline every path is.
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
