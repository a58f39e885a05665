"""Requests of scripts to a session, as plain dictionaries: the language of `pipe` and of the one-shot commands.

A request names what to `do` and, for edits, a place in one of four ways: by offset, by line, by a text that occurs
once, or by an anchor. Nothing here reads or prints; the caller shows the answers.

    {"do": "insert", "text": "new\\n", "line": 3}
    {"do": "replace", "old": "teh", "text": "the"}
    {"do": "delete", "start": 10, "end": 20, "seen": 7}
    {"do": "run", "cells": ["3f9a81c2"]}
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from crdt import Anchor, ForeignOp, Patch
from jpterm_like.client.events import Changed, Event, Reset
from jpterm_like.client.session import Session
from jpterm_like.errors import JptermError, escape_for_terminal

CHANGES_KEPT: Final = 10_000
"""How many changes ago the offsets of a request may date from."""


class BadRequest(JptermError):
    """A request that cannot be carried out. Nothing was changed."""


class EditRequests:
    """Carries out requests in one session.

    Offsets of a request refer to the present text; with `"seen": n` to the text after change number n.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.number = 0
        """Number of the latest change."""
        self._changes: deque[Patch] = deque(maxlen=CHANGES_KEPT)
        session.listen(self._follow)

    def _follow(self, event: Event) -> None:
        if isinstance(event, Changed | Reset):
            self.number += 1
            self._changes.append(event.patch)

    async def carry_out(self, request: object) -> dict[str, object]:
        """Carry out a request, and return its answer.

        Raises:
            JptermError: it cannot be done; nothing was changed.
        """
        if not isinstance(request, dict):
            raise BadRequest('A request is a JSON object, such as {"do": "text"}.')
        what = request.get("do")
        handler = _ACTIONS.get(what) if isinstance(what, str) else None
        if handler is None:
            raise BadRequest(f'"do" can be {", ".join(_ACTIONS)}.')
        if strange := sorted(set(request) - {"do", "id"} - handler.keys):
            raise BadRequest(
                f'"{escape_for_terminal(what)}" does not know "{escape_for_terminal(strange[0])}".'
            )
        return await handler.act(self, request)

    # ------------------------------------------------------------------ edits

    async def _insert(self, request: dict[str, Any]) -> dict[str, object]:
        text = _text_in(request)
        start = end = self._place(request)
        return self._edit([(start, end)], text)

    async def _append(self, request: dict[str, Any]) -> dict[str, object]:
        text = _text_in(request)
        end = len(self.session.buffer)
        if end and self.session.buffer.slice(end - 1, end) != "\n":
            text = "\n" + text
        if not text.endswith("\n"):
            text += "\n"
        return self._edit([(end, end)], text)

    async def _replace(self, request: dict[str, Any]) -> dict[str, object]:
        return self._edit(self._ranges(request), _text_in(request))

    async def _delete(self, request: dict[str, Any]) -> dict[str, object]:
        return self._edit(self._ranges(request), "")

    def _edit(self, ranges: list[tuple[int, int]], text: str) -> dict[str, object]:
        session = self.session
        try:
            with session.one_step():
                for start, end in reversed(ranges):
                    session.replace(start, end, text)
        except ValueError as problem:  # lone surrogates, which JSON can name but no file can hold
            raise BadRequest(f"This cannot be written: {problem}.") from problem
        start = ranges[-1][0] + sum(len(text) - (end - start) for start, end in ranges[:-1])
        session.show_caret(start + len(text), None)
        return {"start": start, "end": start + len(text), "count": len(ranges), "number": self.number}

    # ------------------------------------------------------------------ places

    def _place(self, request: dict[str, Any]) -> int:
        key = _only_one(request, ("offset", "line", "before", "after", "anchor"))
        value = request[key]
        if key == "offset":
            return self._offset(request, value)
        if key == "line":
            return self._lines(value, value, past=True)[0]
        if key == "anchor":
            return self._anchored(value)
        start, end = self._once(value)
        return end if key == "after" else start

    def _ranges(self, request: dict[str, Any]) -> list[tuple[int, int]]:
        key = _only_one(request, ("old", "start", "line", "anchor"))
        if key == "old":
            if request.get("all") is True:
                return self._everywhere(request["old"])
            return [self._once(request["old"])]
        if key == "line":
            return [self._lines(request["line"], request.get("last", request["line"]))]
        if key == "anchor":
            start, end = self._anchored(request["anchor"]), self._anchored(request.get("until"))
        else:
            start, end = self._offset(request, request["start"]), self._offset(request, request.get("end"))
        if start > end:
            raise BadRequest(f"The place ends at {end}, before it begins at {start}.")
        return [(start, end)]

    def _offset(self, request: dict[str, Any], value: object) -> int:
        offset = _number_in(value, "an offset")
        seen = request.get("seen")
        if seen is not None:
            missed = self.number - _number_in(seen, '"seen"')
            if not 0 <= missed <= len(self._changes):
                raise BadRequest(
                    f'"seen" is {seen}, but changes {self.number - len(self._changes)} to {self.number} are known.'
                )
            for patch in list(self._changes)[len(self._changes) - missed :]:
                offset = patch.map_offset(offset)
        length = len(self.session.buffer)
        if offset > length:
            raise BadRequest(f"The offset {offset} is beyond the end of the text, which is at {length}.")
        return offset

    def _lines(self, first: object, last: object, *, past: bool = False) -> tuple[int, int]:
        """Return start and end of some lines, counted from 1; `past` permits the line after the last one."""
        numbers = _number_in(first, "a line"), _number_in(last, "a line")
        text = self.session.text
        starts = line_starts(text)
        count = len(starts)
        ends = [*starts[1:], len(text)]
        if past and numbers[0] == count + 1:
            return len(text), len(text)
        if not 1 <= numbers[0] <= numbers[1] <= count:
            wanted = f"{numbers[0]}" if numbers[0] == numbers[1] else f"{numbers[0]}-{numbers[1]}"
            raise BadRequest(f"There is no line {wanted}: the text has {count}.")
        return starts[numbers[0] - 1], ends[numbers[1] - 1]

    def _once(self, wanted: object) -> tuple[int, int]:
        found = self._everywhere(wanted)
        if len(found) > 1:
            raise BadRequest(f"The text {_quoted(str(wanted))} occurs {len(found)} times: give more of it.")
        return found[0]

    def _everywhere(self, wanted: object) -> list[tuple[int, int]]:
        if not isinstance(wanted, str) or not wanted:
            raise BadRequest("Give the text to look for.")
        text = self.session.text
        found: list[tuple[int, int]] = []
        at = text.find(wanted)
        while at >= 0:
            found.append((at, at + len(wanted)))
            at = text.find(wanted, at + len(wanted))
        if not found:
            raise BadRequest(f"The text {_quoted(wanted)} does not occur.")
        return found

    def _anchored(self, value: object) -> int:
        try:
            anchor = Anchor.decode(base64.urlsafe_b64decode(value))  # type: ignore[arg-type]
        except (ValueError, TypeError, binascii.Error, ForeignOp):
            raise BadRequest('This is no anchor: take one from the answer to "anchor".') from None
        offset = self.session.buffer.offset(anchor)
        if offset is None:
            raise BadRequest("This anchor belongs to another text.")
        return offset

    # ------------------------------------------------------------------ everything else

    async def _text(self, request: dict[str, Any]) -> dict[str, object]:
        return {"text": self.session.text, "number": self.number}

    async def _anchor(self, request: dict[str, Any]) -> dict[str, object]:
        offset = self._offset(request, request.get("offset"))
        anchor = self.session.buffer.anchor(offset, before=request.get("before") is True)
        return {"anchor": base64.urlsafe_b64encode(anchor.encode()).decode("ascii")}

    async def _caret(self, request: dict[str, Any]) -> dict[str, object]:
        mark = request.get("mark")
        self.session.show_caret(
            self._offset(request, request.get("offset")),
            None if mark is None else self._offset(request, mark),
        )
        return {}

    async def _undo(self, request: dict[str, Any]) -> dict[str, object]:
        if self.session.undo() is None:
            raise BadRequest("Nothing of yours to undo.")
        return {"number": self.number}

    async def _redo(self, request: dict[str, Any]) -> dict[str, object]:
        if self.session.redo() is None:
            raise BadRequest("Nothing to redo.")
        return {"number": self.number}

    async def _discard(self, request: dict[str, Any]) -> dict[str, object]:
        if not self.session.discard():
            raise BadRequest("Nothing of yours is unsaved.")
        with contextlib.suppress(JptermError):  # then the text is only shown as unsaved
            await self.session.compare()
        return {"number": self.number}

    async def _save(self, request: dict[str, Any]) -> dict[str, object]:
        await self.session.save()
        return {}

    async def _stored(self, request: dict[str, Any]) -> dict[str, object]:
        await self.session.stored()
        return {}

    async def _cells(self, request: dict[str, Any]) -> dict[str, object]:
        from jpterm_like.cli.notebook_events import cells_in

        await self._notebook()
        return {"cells": cells_in(self.session), "number": self.number}

    async def _run(self, request: dict[str, Any]) -> dict[str, object]:
        from jpterm_like.notebook.cells import parts_of

        await self._notebook()
        text = self.session.text
        code = {
            part.id: text[part.body : part.end] for part in parts_of(text) if part.kind == "code" and part.id
        }
        wanted = request.get("cells")
        if wanted is None:
            wanted = [cell for cell, source in code.items() if source.strip()]
        if not isinstance(wanted, list) or not wanted or not all(cell in code for cell in wanted):
            raise BadRequest('Give ids of cells of code in "cells": "cells" lists them.')
        runs = await self.session.run_cells(wanted)
        return {"runs": dict(zip(wanted, runs, strict=True))}

    async def _interrupt(self, request: dict[str, Any]) -> dict[str, object]:
        await self._notebook()
        await self.session.command_kernel("interrupt")
        return {}

    async def _answer(self, request: dict[str, Any]) -> dict[str, object]:
        await self._notebook()
        run = request.get("run")
        if not isinstance(run, str):
            raise BadRequest('Give the "run" that asks.')
        await self.session.answer_input(run, _text_in(request))
        return {}

    async def _notebook(self) -> None:
        if not self.session.is_notebook:
            raise BadRequest("This text is no notebook.")
        await self.session.outputs_known()

    async def _people(self, request: dict[str, Any]) -> dict[str, object]:
        return {"people": people_in(self.session)}


class _Action:
    """One kind of request: the method that carries it out, and the keys that it knows."""

    def __init__(
        self, act: Callable[[EditRequests, dict[str, Any]], Awaitable[dict[str, object]]], keys: str = ""
    ) -> None:
        self.act = act
        self.keys = set(keys.split())


_RANGE: Final = "old all line last start end anchor until seen"
_ACTIONS: Final[dict[str, _Action]] = {
    "insert": _Action(EditRequests._insert, "text offset line before after anchor seen"),
    "append": _Action(EditRequests._append, "text"),
    "replace": _Action(EditRequests._replace, f"text {_RANGE}"),
    "delete": _Action(EditRequests._delete, _RANGE),
    "undo": _Action(EditRequests._undo),
    "redo": _Action(EditRequests._redo),
    "discard": _Action(EditRequests._discard),
    "text": _Action(EditRequests._text),
    "anchor": _Action(EditRequests._anchor, "offset before seen"),
    "caret": _Action(EditRequests._caret, "offset mark seen"),
    "people": _Action(EditRequests._people),
    "cells": _Action(EditRequests._cells),
    "run": _Action(EditRequests._run, "cells"),
    "interrupt": _Action(EditRequests._interrupt),
    "answer": _Action(EditRequests._answer, "run text"),
    "save": _Action(EditRequests._save),
    "stored": _Action(EditRequests._stored),
}


def line_starts(text: str) -> list[int]:
    """Return the offset of each line of a text; an empty text has one."""
    starts = [0]
    while (found := text.find("\n", starts[-1])) >= 0:
        starts.append(found + 1)
    if starts[-1] == len(text) and len(starts) > 1:  # no line follows a final newline
        starts.pop()
    return starts


def range_of_lines(text: str, lines: tuple[int, int] | None) -> tuple[int, int]:
    """Return the offsets of some lines, with the line break of the last one; None: of all.

    Raises:
        JptermError: there are no such lines.
    """
    if lines is None:
        return 0, len(text)
    starts = [*line_starts(text), len(text)]
    first, last = lines
    if not first <= last < len(starts):
        raise JptermError(f"There are no lines {first} to {last}; the last line is {len(starts) - 1}.")
    return starts[first - 1], starts[last]


def people_in(session: Session) -> list[dict[str, object]]:
    """List the other people: name, offset of the caret, line and column from 1, and the selection if there is one."""
    buffer = session.buffer
    found: list[dict[str, object]] = []
    for person in session.people:
        entry: dict[str, object] = {"name": person.name}
        caret = None if person.caret is None else buffer.offset(person.caret)
        if caret is not None:
            before = buffer.slice(0, caret)
            entry["offset"] = caret
            entry["line"] = before.count("\n") + 1
            entry["column"] = caret - before.rfind("\n")
        mark = None if person.mark is None else buffer.offset(person.mark)
        if caret is not None and mark is not None and mark != caret:
            entry["selected"] = [min(caret, mark), max(caret, mark)]
        found.append(entry)
    return found


def _text_in(request: dict[str, Any]) -> str:
    text = request.get("text")
    if not isinstance(text, str):
        raise BadRequest('Give the "text".')
    return text.replace("\r\n", "\n")


def _number_in(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadRequest(f"Give {what} as a whole number from 0.")
    return value


def _only_one(request: dict[str, Any], keys: tuple[str, ...]) -> str:
    named = [key for key in keys if request.get(key) is not None]
    if len(named) != 1:
        raise BadRequest(f"Give the place in exactly one way: {', '.join(keys)}.")
    return named[0]


def _quoted(text: str) -> str:
    cut = text if len(text) <= 40 else f"{text[:40]}…"
    return f"“{escape_for_terminal(cut)}”"
