"""`:s`: replace matches in a range of lines, all of them or after a question for each."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from jpterm_like.tui.commands.vi.failure import Failed, NotFound
from jpterm_like.tui.commands.vi.host import Vi
from jpterm_like.tui.commands.vi.key_notation import Key
from jpterm_like.tui.commands.vi.patterns import Pattern, Search, expand
from jpterm_like.tui.commands.vi.text import Place
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.query import BadPattern


class Substitution:
    """A pattern, its replacement and its flags."""

    def __init__(self, pattern: Pattern, template: str, flags: str) -> None:
        self.pattern = pattern
        self.template = template
        self.flags = flags
        self.quiet = False
        """Whether nothing is said, since it is run for many lines."""

    @classmethod
    def parse(cls, vi: Vi, after: str, last: Substitution | None) -> tuple[Substitution, int]:
        """The substitution of "/a/b/g", and the count behind it; nothing: the last one again."""
        body = after
        if body and not body[0].isalnum() and body[0] not in ' "|&':
            sign, pieces, at = body[0], [""], 1
            while at < len(body):
                if body[at] == "\\" and at + 1 < len(body):
                    pieces[-1] += sign if body[at + 1] == sign and sign not in "&" else body[at : at + 2]
                    at += 2
                    continue
                if body[at] == sign and len(pieces) < 3:
                    pieces.append("")
                else:
                    pieces[-1] += body[at]
                at += 1
            source, template, flags = [*pieces, "", ""][:3]
            if template == "~" and last is not None:
                template = last.template
        elif last is None:
            raise Failed("There is no substitution from before: :s/old/new/.")
        else:
            source, template, flags = last.pattern.source, last.template, body
        flags = flags.strip()
        if flags.startswith("&"):
            flags = (last.flags if last is not None else "") + flags[1:]
        letters = flags.rstrip("0123456789 ")
        count = int(flags[len(letters) :].strip()[:9] or 0)
        if unknown := set(letters) - set("gcinIe "):
            raise Failed(f":s: there is no flag {clean(''.join(sorted(unknown)), 10)}; g c i n are.")
        if source:
            vi.motions.use(source)
        elif vi.motions.pattern is None:
            raise Failed("There is no pattern from before.")
        pattern = vi.motions.pattern
        assert pattern is not None
        if "i" in letters or "I" in letters:
            try:
                pattern = Pattern(pattern.source + (r"\c" if "i" in letters else r"\C"))
            except BadPattern as problem:
                raise Failed(f"Not replaced: {problem}.") from None
        return cls(pattern, template, letters), count

    def run(self, vi: Vi, first: int, last: int) -> Generator[None, Key, Any]:
        """Replace in the rows from `first` to `last`, in slices. The rows follow what others edit meanwhile."""
        text = vi.text
        everywhere, asks, counts = "g" in self.flags, "c" in self.flags, "n" in self.flags
        end = TrackedOffset(vi.editor.session.buffer, text.start(last) + len(text.line(last)))
        changes = lines = 0
        row, final = first, None
        search = Search(self.pattern)
        answer, found = "", False
        while row <= text.place(end.offset).row and row < text.rows and answer != "q":
            line, column, changed = text.line(row), 0, False
            while column <= len(line):
                if vi.is_due:
                    here = TrackedOffset(vi.editor.session.buffer, text.start(row) + column)
                    yield from vi.pause()
                    here.follow()
                    end.follow()
                    now = text.place(here.offset)
                    final = None if final is None else final + now.row - row
                    (row, column), line = now, text.line(now.row)
                match = search.first(line, column)
                if match is None:
                    break
                if not found:
                    vi.marks.jump()
                found = True
                low, high = match.span()
                put = expand(match, self.template)
                step = 0
                if counts:
                    changes, changed, step = changes + 1, True, high
                else:
                    if asks and answer != "a":
                        tracked = TrackedOffset(vi.editor.session.buffer, text.start(row) + low, before=True)
                        behind = TrackedOffset(vi.editor.session.buffer, text.start(row) + high)
                        answer = yield from self._ask(vi, row, low, high, put)
                        tracked.follow()
                        behind.follow()
                        end.follow()
                        row, low = text.place(tracked.offset)
                        line, high = text.line(row), low + (behind.offset - tracked.offset)
                        if line[low:high] != match[0]:
                            answer = (
                                "n" if answer in ("y", "l") else answer
                            )  # somebody else changed it meanwhile
                    if asks and answer == "q":
                        break
                    if not asks or answer in ("y", "a", "l"):
                        text.edit(text.start(row) + low, text.start(row) + high, put)
                        end.follow()
                        changes, changed = changes + 1, True
                        final = row + put.count("\n")
                        row, tail = final, put.rpartition("\n")[2]
                        step = len(tail) if "\n" in put else low + len(put)
                        line = text.line(row)
                        if answer == "l":
                            answer = "q"
                            break
                    else:
                        step = high
                column = step + (low == high)
                if column >= len(line):
                    break  # as in Vim, nothing matches at the end behind another match
                if not everywhere:
                    break
            lines += changed
            row += 1
            end.follow()
        self._tell(vi, changes, lines, final, counts, answer)

    def _tell(self, vi: Vi, changes: int, lines: int, final: int | None, counts: bool, answer: str) -> None:
        source = clean(self.pattern.source, 40)
        if final is not None:
            vi.text.go(Place(final, vi.text.indent(final)))
        if not changes and not answer:
            if "e" not in self.flags:
                raise NotFound(f"Not found: {source}")
        elif counts:
            vi.editor.say(f"{changes:,} matches in {lines:,} lines.")
        elif not self.quiet and (changes > 1 or answer):
            vi.editor.say(f"Replaced {changes:,} in {lines:,} lines.")

    def _ask(self, vi: Vi, row: int, low: int, high: int, put: str) -> Generator[None, Key, str]:
        """Show the match, and wait for y, n, a, q or l."""
        text = vi.text
        vi.editor.cursor.put(text.offset(Place(row, low)), text.offset(Place(row, high)))
        vi.editor.finish()
        vi.prompt = f"replace with {clean(put, 30)}? y n  a all  q stop  l last"
        try:
            while True:
                key = yield
                if key[0] in ("escape", "ctrl+c"):
                    return "q"
                if key[1] in ("y", "n", "a", "q", "l"):
                    return key[1]
        finally:
            vi.prompt = ""
            vi.editor.cursor.put(text.offset(text.caret))
