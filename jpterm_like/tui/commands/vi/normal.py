"""The commands of normal mode that are neither motions nor operators: each a generator that returns whether it is a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from jpterm_like.tui.commands.lines import indent_of
from jpterm_like.tui.commands.long_undo import LongUndo
from jpterm_like.tui.commands.vi import numbers, operators
from jpterm_like.tui.commands.vi.failure import Failed, NoNumber
from jpterm_like.tui.commands.vi.host import Again, Keys, Vi
from jpterm_like.tui.commands.vi.operators import Range
from jpterm_like.tui.commands.vi.text import Place


def _enter_insert(vi: Vi, place: Place, again: Again | None = None) -> bool:
    vi.insert(place, again, vi.times)
    return True


def do_i(vi: Vi) -> Keys:
    yield from ()
    return _enter_insert(vi, vi.text.caret)


def do_a(vi: Vi) -> Keys:
    yield from ()
    caret = vi.text.caret
    return _enter_insert(vi, vi.text.right(caret) if vi.text.line(caret.row) else caret)


def do_I(vi: Vi) -> Keys:
    yield from ()
    row = vi.text.caret.row
    line = vi.text.line(row)
    return _enter_insert(vi, Place(row, len(indent_of(line))))


def do_A(vi: Vi) -> Keys:
    yield from ()
    row = vi.text.caret.row
    return _enter_insert(vi, Place(row, len(vi.text.line(row))))


def do_gI(vi: Vi) -> Keys:
    yield from ()
    return _enter_insert(vi, Place(vi.text.caret.row, 0))


def do_gi(vi: Vi) -> Keys:
    yield from ()
    there = vi.marks.get("^") or vi.text.caret
    return _enter_insert(vi, Place(there.row, min(there.column, len(vi.text.line(there.row)))))


def _open(vi: Vi, below: bool) -> Keys:
    yield from ()
    vi.require_writing()

    def again(text: str = "", times: int = 1) -> None:
        row = vi.text.caret.row
        line = vi.text.line(row)
        line = (indent_of(line) if vi.editor.auto_indent else "") + text
        vi.text.put_rows(row + below, "\n".join([line] * times))
        vi.text.go(Place(row + times * below, len(line)))

    again()
    return _enter_insert(vi, vi.text.caret, again)


def do_o(vi: Vi) -> Keys:
    return (yield from _open(vi, True))


def do_O(vi: Vi) -> Keys:
    return (yield from _open(vi, False))


def do_R(vi: Vi) -> Keys:
    yield from ()
    _enter_insert(vi, vi.text.caret)
    vi.set_mode("replace")
    return True


def do_r(vi: Vi) -> Keys:
    sign = yield from vi.next_key()
    vi.require_writing()
    caret, text = vi.text.caret, vi.text
    end = caret
    for _ in range(vi.times):
        if end.column >= len(text.line(caret.row)):
            raise Failed
        end = text.right(end)
    if sign == "enter":
        text.replace(caret, end, "\n")
        text.go(Place(caret.row + 1, 0))
    elif len(sign) == 1 and sign.isprintable():
        text.replace(caret, end, sign * vi.times)
        text.go(Place(caret.row, caret.column + vi.times - 1))
    else:
        raise Failed
    return True


def do_tilde(vi: Vi) -> Keys:
    yield from ()
    vi.require_writing()
    caret, text = vi.text.caret, vi.text
    if not text.line(caret.row):
        raise Failed
    end = caret
    for _ in range(vi.times):
        end = text.right(end)
    for _ in operators.change_case(text, Range(caret, end), "g~"):
        pass  # in one line
    text.go(end)
    return True


def _join(vi: Vi, spaces: bool) -> Keys:
    yield from ()
    vi.require_writing()
    row, count = vi.text.caret.row, max(2, vi.times)
    if row + count > vi.text.rows:
        if count <= 2:
            raise Failed
        count = vi.text.rows - row
        if count < 2:
            raise Failed
    vi.text.go(operators.join(vi.text, row, count, spaces))
    return True


def do_J(vi: Vi) -> Keys:
    return (yield from _join(vi, True))


def do_gJ(vi: Vi) -> Keys:
    return (yield from _join(vi, False))


def _put(vi: Vi, before: bool, behind: bool = False) -> Keys:
    yield from ()
    vi.require_writing()
    found = vi.registers.get(vi.register)
    if vi.register in tuple("12345678"):
        # "1p and then . puts in the registers one after the other.
        vi.register = str(int(vi.register) + 1)
    if found is None:
        raise Failed("There is nothing in this register.")
    put = operators.put(vi.text, found, before, vi.times, behind)
    if put is None:
        raise Failed("That would be too much text.")
    vi.text.go(put[0])
    vi.marks.set("[", put[1])
    vi.marks.set("]", put[2])
    return True


def do_p(vi: Vi) -> Keys:
    return (yield from _put(vi, False))


def do_P(vi: Vi) -> Keys:
    return (yield from _put(vi, True))


def do_gp(vi: Vi) -> Keys:
    return (yield from _put(vi, False, behind=True))


def do_gP(vi: Vi) -> Keys:
    return (yield from _put(vi, True, behind=True))


def _add(vi: Vi, sign: int) -> Keys:
    yield from ()
    vi.require_writing()
    there = numbers.add(vi.text, sign * (vi.count or 1))
    if there is None:
        raise NoNumber("There is no number here or behind in the line.")
    vi.text.go(there)
    return True


def do_add(vi: Vi) -> Keys:
    return (yield from _add(vi, 1))


def do_subtract(vi: Vi) -> Keys:
    return (yield from _add(vi, -1))


def do_undo(vi: Vi) -> Keys:
    return (yield from _step_back(vi, vi.undo_carets.undo))


def do_redo(vi: Vi) -> Keys:
    return (yield from _step_back(vi, vi.undo_carets.redo))


def _step_back(vi: Vi, step: Callable[[], bool]) -> Keys:
    """Undo or redo as often as the count says. The editor does a long one in slices, and esc stops it and those behind it."""
    for _ in range(vi.times):
        if not step():
            break
        change = vi.editor.bulk_edit
        while vi.editor.bulk_edit is not None:
            yield from vi.wait()
        if isinstance(change, LongUndo) and change.has_more:
            break
    return False


def do_visual(vi: Vi) -> Keys:
    yield from ()
    vi.visual.start("visual", vi.count)
    return False


def do_visual_line(vi: Vi) -> Keys:
    yield from ()
    vi.visual.start("visual line", vi.count)
    return False


def do_visual_block(vi: Vi) -> Keys:
    yield from ()
    vi.visual.start("visual block", vi.count)
    return False


def do_gv(vi: Vi) -> Keys:
    yield from ()
    if not vi.visual.again():
        raise Failed
    return False


def do_mark(vi: Vi) -> Keys:
    name = yield from vi.next_key()
    if not vi.marks.set(name, vi.text.caret):
        raise Failed(f"m: there is no mark {name}; a to z are.")
    return False


def do_colon(vi: Vi) -> Keys:
    region = f".,.+{vi.count - 1}" if vi.count and vi.count > 1 else "." * bool(vi.count)
    return (yield from vi.ex.command_line(f":{region}"))


def do_again(vi: Vi) -> Keys:
    yield from vi.ex.run("s")
    return True


def do_save_and_close(vi: Vi) -> Keys:
    sign = yield from vi.next_key()
    if sign not in ("Z", "Q"):
        raise Failed(f"Z{sign}: ZZ saves and closes, ZQ discards and closes.")
    vi.editor.run("save_and_close" if sign == "Z" else "close_at_once")
    return False


def do_z(vi: Vi) -> Keys:
    sign = yield from vi.next_key()
    vi.motions.scroll_to(sign)
    return False


def do_suspend(vi: Vi) -> Keys:
    yield from ()
    vi.editor.run("suspend")
    return False


def do_open_link(vi: Vi) -> Keys:
    yield from ()
    vi.editor.run("open_link")
    return False


def do_nothing(vi: Vi) -> Keys:
    yield from ()
    return False


SWALLOWS: Final = {"gr", "g'", "g`", "[", "]", "g?", "=", "g@"}
"""Unsupported commands that have an argument, which is skipped with them."""

COMMANDS: Final[Mapping[str, Callable[[Vi], Keys]]] = {
    "i": do_i, "a": do_a, "I": do_I, "A": do_A, "gI": do_gI, "gi": do_gi, "o": do_o, "O": do_O,
    "R": do_R, "r": do_r, "~": do_tilde, "J": do_J, "gJ": do_gJ, "p": do_p, "P": do_P, "gp": do_gp,
    "gP": do_gP, "ctrl+a": do_add, "ctrl+x": do_subtract, "u": do_undo, "ctrl+r": do_redo, ".": lambda vi: vi.repeat(),
    "v": do_visual, "V": do_visual_line, "ctrl+v": do_visual_block, "gv": do_gv, "m": do_mark,
    "q": lambda vi: vi.record(), "@": lambda vi: vi.play(), ":": do_colon, "&": do_again, "Z": do_save_and_close, "z": do_z,
    "gx": do_open_link, "gf": do_open_link,
    "ctrl+z": do_suspend, "tab": do_nothing, "ctrl+c": do_nothing, "ctrl+left_square_bracket": do_nothing,
}  # fmt: skip
