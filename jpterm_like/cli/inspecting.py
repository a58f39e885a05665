"""What `inspect --json` prints: a text as its replica holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from jpterm_like.cli.edit_requests import range_of_lines
from jpterm_like.cli.scripting import connected
from jpterm_like.client.session import Session
from jpterm_like.errors import JptermError
from jpterm_like.sync.inspection import name_of


def inspect(address: str, lines: tuple[int, int] | None) -> list[dict[str, object]]:
    """Return what is printed of the text, of its sites, of who lacks what, and of its runs or those of some lines.

    Raises:
        JptermError: see `scripting.read_text`; or there are no such lines.
    """

    async def look() -> list[dict[str, object]]:
        async with connected(address, name="", create=False, visible=False) as session:
            return [*_about(session), *await _guests(session), *_runs(session, lines)]

    return asyncio.run(look())


def _about(session: Session) -> Iterator[dict[str, object]]:
    buffer = session.buffer
    yield {
        "kind": "text",
        "title": session.title,
        "lineage": buffer.lineage.hex(),
        "letters": len(buffer),
        "operations": buffer.version.total,
    }
    for site, clock in sorted(buffer.version.items()):
        yield {
            "kind": "site",
            "site": f"{site:016x}",
            "name": name_of(buffer, site),
            "operations": clock,
            "stored": session.stored_version.get(site),
            "saved": session.saved_version.get(site),
        }


async def _guests(session: Session) -> list[dict[str, object]]:
    try:
        found = await session.guests()
    except JptermError as problem:
        return [{"kind": "guests", "refused": str(problem)}]
    return [
        {
            "kind": "guest",
            "site": f"{it.site:016x}",
            "name": it.name,
            "lacks": it.missing,
            "kept_bytes": it.kept_bytes,
        }
        for it in found
        if it.site != session.buffer.site
    ]


def _runs(session: Session, lines: tuple[int, int] | None) -> Iterator[dict[str, object]]:
    buffer = session.buffer
    for view in buffer.runs(*range_of_lines(buffer.text, lines)):
        yield {
            "kind": "run",
            "site": f"{view.site:016x}",
            "clock": view.clock,
            "name": name_of(buffer, view.site),
            "count": len(view.text),
            "level": view.level,
            "shown": bool(view.level & 1),
            "parent": None if view.parent is None else [f"{view.parent[0]:016x}", view.parent[1]],
            "counter": view.counter,
            "text": view.text,
        }
