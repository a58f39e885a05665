"""Where dictionaries are: those of hunspell on this system, else those that come with spylls."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

FOLDERS: Final = (
    "/usr/share/hunspell",
    "/usr/share/myspell",
    "/usr/share/myspell/dicts",
    "/usr/local/share/hunspell",
    "/opt/homebrew/share/hunspell",
    "/Library/Spelling",
    "~/Library/Spelling",
)
"""Folders of hunspell's dictionaries on Linux, the BSDs and macOS."""

OTHERWISE: Final = "en_US"
"""The language where the locale has none."""


def folders(own: Path, environment: Mapping[str, str] = os.environ) -> list[Path]:
    """The folders to look in, in this order: the user's own, those of DICPATH as for hunspell, the system's, those of spylls."""
    named = environment.get("DICPATH", "").split(os.pathsep)
    found = [own, *(Path(each).expanduser() for each in (*filter(None, named), *FOLDERS))]
    spec = importlib.util.find_spec("spylls")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        found += sorted(Path(place, "hunspell", "data").glob("??"))
    return found


def language_of_locale(environment: Mapping[str, str] = os.environ) -> str:
    """The language of the locale, such as "de_DE"."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(variable, ""):
            name = value.partition(".")[0].partition("@")[0]
            return OTHERWISE if name in ("C", "POSIX", "") else name
    return OTHERWISE


def find_dictionary(language: str, places: Sequence[Path]) -> Path | None:
    """The dictionary of a language, without the suffix; else one of the same language for another country; None if there is none."""
    wanted = language.replace("-", "_").casefold()
    there = dict(_dictionaries(places))
    if wanted in there:
        return there[wanted]
    short = wanted.partition("_")[0]
    near = sorted(name for name in there if name.partition("_")[0] == short)
    return there[near[0]] if near else None


def languages(places: Sequence[Path]) -> list[str]:
    """The languages that there are dictionaries of."""
    return sorted({path.name for _, path in _dictionaries(places)})


def _dictionaries(places: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Names in small letters with their paths; an earlier folder comes last, so that it counts in a dictionary."""
    for place in reversed(places):
        try:
            files = sorted(place.glob("*.dic"))
        except OSError:
            continue
        for file in files:
            path = file.with_suffix("")
            if path.with_suffix(".aff").is_file():
                yield path.name.replace("-", "_").casefold(), path
