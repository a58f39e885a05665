"""Commands that look back: who wrote each line, what differs from an earlier time, taking work back, restoring a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import PurePosixPath

from crdt import Patch, Version
from jpterm_like.cli.edit_requests import line_starts, range_of_lines
from jpterm_like.cli.scripting import confirmed, connected, saves_only_mine, with_session
from jpterm_like.cli.times import readable
from jpterm_like.client.last_visit import visits_noted
from jpterm_like.client.session import Session
from jpterm_like.config import Paths, display_name
from jpterm_like.errors import JptermError
from jpterm_like.history.apart import Apart
from jpterm_like.history.blame import BlamedLine, as_it_was, blame
from jpterm_like.history.changed_places import ChangedPlace, changed_places
from jpterm_like.history.deleted import passage_with
from jpterm_like.history.differences import unified_diff
from jpterm_like.history.operations import by_site
from jpterm_like.stores import replicas_of

SHOWN_MAX: int = 100
"""Characters that are shown of a longer change."""
NAME_WIDTH_MAX: int = 20
"""Cells of the column of names; longer names are cut."""


def blamed_lines(
    address: str, lines: tuple[int, int] | None, at: float | None, newest: bool
) -> tuple[list[BlamedLine], str]:
    """Return the lines of a text with their authors, and the name of the file.

    Raises:
        JptermError: see `scripting.read_text`; or there are no such lines.
    """

    def look(session: Session) -> tuple[list[BlamedLine], str]:
        buffer = session.buffer
        if at is not None:
            buffer = as_it_was(buffer, buffer.version_at(at))
        first, last = lines or (1, None)
        found = blame(buffer, first, last, newest)
        if lines is not None and (last is None or len(found) < last - first + 1):
            raise JptermError(
                f"There is no line {max(first, first + len(found))}; the last line is {len(line_starts(buffer.text))}."
            )
        return found, PurePosixPath(session.title).name

    return with_session(address, look)


def written_blame(lines: Sequence[BlamedLine]) -> Iterator[str]:
    """Yield the lines as people read them."""
    width = min(NAME_WIDTH_MAX, max([len(it.name or "(the file)") for it in lines], default=0))
    digits = len(str(lines[-1].number)) if lines else 0
    for it in lines:
        name = it.name or "(the file)"
        name = name if len(name) <= width else name[: width - 1] + "…"
        yield f"{name:<{width}}  {readable(it.seconds)}  {it.number:>{digits}}  {it.text}"


def read_diff(address: str, old: float, new: float | None, words: bool) -> list[str]:
    """Return the lines of a unified diff between two times; `new` None: now.

    Raises:
        JptermError: see `scripting.read_text`.
    """

    def look(session: Session) -> list[str]:
        buffer = session.buffer
        later = buffer.version if new is None else buffer.version_at(new)
        name = PurePosixPath(session.title).name
        then = readable(int(old))
        now = "now" if new is None else readable(int(new))
        return list(
            unified_diff(buffer, buffer.version_at(old), later, f"{name}\t{then}", f"{name}\t{now}", words)
        )

    return with_session(address, look)


def read_changes(address: str, since: float | None, by: str | None) -> list[ChangedPlace]:
    """Return what changed since a time; None: since my last key in it on this machine.

    Raises:
        JptermError: it is not known when that was; see also `scripting.read_text`.
    """

    def look(session: Session) -> list[ChangedPlace]:
        buffer = session.buffer
        old, apart = _seen_last(session) if since is None else (buffer.version_at(since), None)
        return list(changed_places(buffer, old, buffer.version, by, apart))

    return with_session(address, look)


def _seen_last(session: Session) -> tuple[Version, Apart | None]:
    """Return what I had seen of a text at my last key in it on this machine, and what I still have to review.

    Raises:
        JptermError: it is not known.
    """
    version = session.buffer.version
    with closing(replicas_of(Paths.of_user())) as replicas:
        visits = [it for it in visits_noted(replicas, session.key) if it.seen.meet(version)]
    if not visits:
        raise JptermError(
            f"It is not known what you saw of {session.title} last: say since when, as in --since 2h."
        )
    visit = max(visits, key=lambda it: it.at)
    apart = visit.apart
    if apart is None or not apart.mine.merge(apart.theirs) <= version:  # the server lacks some of it
        return visit.seen.meet(version), None
    # All that I wrote, also after it.
    mine = Version({site: version.get(site) for site in apart.mine.beyond(apart.common)})
    return apart.mine.merge(mine).meet(version), apart


def written_changes(places: Sequence[ChangedPlace]) -> Iterator[str]:
    """Yield the changes as people read them."""
    for it in places:
        names = " and ".join(name or "(the file)" for name in it.names)
        parts = [f"{sign}{_shortened(text)}" for sign, text in (("-", it.gone), ("+", it.new)) if text]
        yield f"{'!' if it.overlap else ' '} line {it.line}  {readable(it.seconds)}  {names}  {'  '.join(parts)}"
        if it.overlap is not None:
            for what, text in (
                ("was", it.overlap.was),
                ("you", it.overlap.mine),
                ("they", it.overlap.theirs),
            ):
                yield f"    {what:<4}  {_shortened(text)}"


def _shortened(text: str) -> str:
    text = text.replace("\n", "⏎")
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"


def take_back(
    address: str,
    *,
    by: str | None,
    since: float | None,
    lines: tuple[int, int] | None,
    name: str | None,
    save: bool,
) -> str:
    """Take back what somebody wrote, or what was written since a time, as an edit of mine; return what was done.

    Raises:
        JptermError: there is nothing to take back; see also `scripting.edit_once`.
    """

    def act(session: Session, start: int, end: int) -> Patch:
        buffer = session.buffer
        before = Version() if since is None else buffer.version_at(since)
        sites = {
            site
            for site, clock in buffer.version.items()
            if before.get(site) < clock and (by is None or buffer.author_of(site) == by)
        }
        if by is not None and not sites:
            known = sorted({buffer.author_of(site) for site, _ in buffer.version.items()} - {""})
            raise JptermError(
                f"Nobody called {by} wrote here{_since(since)}; these did: {', '.join(known) or 'nobody'}."
            )
        return session.revert(buffer.work_of(sites, before), start, end)

    return _edit(address, act, lines, name, save, "There is nothing to take back.")


def restore(address: str, to: float, lines: tuple[int, int] | None, name: str | None, save: bool) -> str:
    """Make a text what it was at a time, as an edit of mine; return what was done.

    Raises:
        JptermError: it is as it was then; see also `scripting.edit_once`.
    """

    def act(session: Session, start: int, end: int) -> Patch:
        return session.restore(session.buffer.version_at(to), start, end)

    return _edit(address, act, lines, name, save, f"Nothing differs from {readable(int(to))}.")


def restore_passage(
    address: str, deletion: tuple[int, int], lines: tuple[int, int] | None, name: str | None, save: bool
) -> str:
    """Bring back the deleted passage with this deletion, as an edit of mine; return what was done.

    Raises:
        JptermError: there is none; see also `scripting.edit_once`.
    """

    def act(session: Session, start: int, end: int) -> Patch:
        passage = passage_with(session.buffer, *deletion)
        if passage is None:
            raise JptermError(
                "There is no such passage: it is back already, or was never in this text. Nothing was changed."
            )
        return session.revert(by_site(passage.operations), start, end)

    return _edit(address, act, lines, name, save, "This passage is not in these lines.")


def _edit(
    address: str,
    act: Callable[[Session, int, int], Patch],
    lines: tuple[int, int] | None,
    name: str | None,
    save: bool,
    nothing: str,
) -> str:
    who = display_name(name)

    async def edit() -> str:
        async with connected(address, name=who, create=False, visible=True) as session:
            start, end = range_of_lines(session.text, lines)
            patch = act(session, start, end)
            if not patch:
                raise JptermError(f"{nothing} Nothing was changed.")
            await confirmed(session, lambda: save or saves_only_mine(session))
            gone = sum(splice.end - splice.start for splice in patch)
            back = sum(len(splice.text) for splice in patch)
            return f"{len(patch)} {'passage' if len(patch) == 1 else 'passages'}: {gone:,} characters gone, {back:,} back."

    return asyncio.run(edit())


def _since(since: float | None) -> str:
    return "" if since is None else f" since {readable(int(since))}"
