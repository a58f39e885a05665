"""Links in a line: addresses, Markdown links, wiki links and file names with a line. Recognised by patterns, in linear time.

Only web and mail addresses without control characters are handed to a terminal or a browser; anything else names a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

ADDRESS_LENGTH_MAX: Final = 2_000
"""Longer addresses are no links."""

WINDOW: Final = 2_000
"""How far around the caret a link is looked for, in code points: a line may be a whole file."""

# Not in an address: white space, control characters, and signs that turn the writing around or are not seen.
_NOT_IN: Final = r"\s<>\"`\x00-\x20\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e0fff"
_WEB: Final = re.compile(rf"(?<!\w)(?:https?://|mailto:)[^{_NOT_IN}]+", re.IGNORECASE)
_MARKDOWN: Final = re.compile(
    rf"\[[^\[\]]*\]\(\s*(?:<([^<>\n]*)>|((?:[^()<>{_NOT_IN}]|\([^()<>{_NOT_IN}]*\))+))(?:\s+\"[^\"]*\")?\s*\)"
)
_WIKI: Final = re.compile(r"\[\[([^\[\]|]+)(?:\|[^\[\]]*)?\]\]")
_FILE: Final = re.compile(r"[^\s<>\"'`()\[\]{}|,;=*]+")
_WITH_PLACE: Final = re.compile(r"(.+?):(\d{1,9})(?::(\d{1,9}))?:?")
_LOOKS_LIKE_A_FILE: Final = re.compile(r"(?:\.{1,2}/|~/|/).+|[^/]+(?:/[^/]+)+|[^.].*\.[A-Za-z]\w{0,9}")


class Link(NamedTuple):
    """The code points from `start` to `end` of a line lead to `target`."""

    start: int
    end: int
    target: str
    is_bare: bool = False
    """Whether the address stands in the text as it is."""


def is_web(target: str) -> bool:
    """Whether a target may be given to a browser or a terminal."""
    return len(target) <= ADDRESS_LENGTH_MAX and _WEB.fullmatch(target) is not None


def web_links(line: str) -> list[Link]:
    """The links of a line that lead to web or mail addresses."""
    if "://" not in line and "mailto:" not in line:
        return []
    found = [link for link in _markdown_links(line) if is_web(link.target)]
    for link in _bare_links(line):
        if not any(other.start < link.end and link.start < other.end for other in found):
            found.append(link)
    return found


def for_terminal(target: str) -> str | None:
    """A web address as a terminal takes it, in ASCII; None if its host cannot be written so."""
    found = re.fullmatch(r"(\w+:(?://)?[^/?#]*)(.*)", target)
    if found is None or not found[1].isascii():
        return None
    return found[1] + quote(found[2], safe="".join(map(chr, range(0x21, 0x7F))))


def link_at(line: str, column: int) -> str | None:
    """The target of the link or the file name at a column; None if there is none."""
    start = max(0, column - WINDOW)
    line, column = line[start : column + WINDOW], column - start
    for link in (*_markdown_links(line), *_wiki_links(line), *_bare_links(line)):
        if link.start <= column <= link.end:
            return link.target
    for match in _FILE.finditer(line):
        if match.start() <= column <= match.end():
            name = match[0].strip(".:!?") if not match[0].startswith(".") else match[0].rstrip(".:!?")
            place = _WITH_PLACE.fullmatch(name)
            bare = (place[1] if place else name).partition("#")[0]
            has_line = place is not None and re.search(r"[^\W\d]", bare) is not None
            return name if has_line or _LOOKS_LIKE_A_FILE.fullmatch(bare) else None
    return None


class FileLink(NamedTuple):
    """A link to a file."""

    names: tuple[str, ...]
    """The names under which it may be, the likeliest first; empty: the text that the link is in."""
    place: tuple[int, int] | None
    """Line and column, both from 1."""
    heading: str


def file_link(target: str) -> FileLink | None:
    """Take a target that is no web address apart; None if it is an address of another kind, or cannot be the name of a file."""
    if re.match(r"\w[\w+.-]+:(?!\d)", target) or re.search(r"[\x00-\x1f\x7f]|%00", target):
        return None
    target = target[:ADDRESS_LENGTH_MAX]
    path, _, heading = target.partition("#")
    place = None
    if found := _WITH_PLACE.fullmatch(path):
        path, place = found[1], (int(found[2]), int(found[3] or 1))
    elif found := re.fullmatch(r"L(\d{1,9})(?:-L\d+)?", heading):
        heading, place = "", (int(found[1]), 1)
    names = dict.fromkeys([path, unquote(path)]) if path else {}
    for name in tuple(names):  # wiki links leave it out
        names[f"{name}.md"] = None
    return FileLink(tuple(names), place, unquote(heading))


def slug(heading: str) -> str:
    """A heading as links name it: "What is new?" is "what-is-new"."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _markdown_links(line: str) -> Iterator[Link]:
    if "](" in line:
        for match in _MARKDOWN.finditer(line):
            yield Link(*match.span(), (match[1] or match[2] or "").strip())


def _wiki_links(line: str) -> Iterator[Link]:
    if "[[" in line:
        for match in _WIKI.finditer(line):
            yield Link(*match.span(), match[1].strip())


def _bare_links(line: str) -> Iterator[Link]:
    for match in _WEB.finditer(line):
        address = _without_punctuation(match[0])
        if is_web(address):
            yield Link(match.start(), match.start() + len(address), address, is_bare=True)


def _without_punctuation(address: str) -> str:
    """Leave out what ends the sentence, and closing brackets that the address did not open."""
    end = len(address)
    pairs = {")": "(", "]": "[", "}": "{"}
    counts = {sign: address.count(sign) for pair in pairs.items() for sign in pair}
    while end:
        last = address[end - 1]
        if last in pairs and counts[last] > counts[pairs[last]]:
            counts[last] -= 1
        elif last not in ".,;:!?'*_~|":
            break
        end -= 1
    return address[:end]
