"""Patterns: vi's regular expressions as those of the `regex` module, and what stands for a match in a replacement."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any, Final

from jpterm_like.tui.commands.vi.failure import Failed
from jpterm_like.tui.text.query import CODE_POINT_S, LINE_S, PATTERN_S, BadPattern, Query

_SPECIAL: Final = set("\\.*[]^$+?(){}|/~&<>=@%-#'\"!,:;`_ ")

_CLASSES: Final = {
    "s": r"[ \t]", "S": r"[^ \t]", "d": "[0-9]", "D": "[^0-9]", "w": "[0-9A-Za-z_]", "W": "[^0-9A-Za-z_]",
    "a": "[A-Za-z]", "A": "[^A-Za-z]", "l": "[a-z]", "L": "[^a-z]", "u": "[A-Z]", "U": "[^A-Z]", "x": "[0-9A-Fa-f]",
    "X": "[^0-9A-Fa-f]", "o": "[0-7]", "O": "[^0-7]", "h": "[A-Za-z_]", "H": "[^A-Za-z_]", "i": r"[\w]", "k": r"[\w]",
    "t": r"\t", "e": r"\x1b", "n": r"\n", "r": r"\r", "<": r"(?<!\w)(?=\w)", ">": r"(?<=\w)(?!\w)",
}  # fmt: skip


class Pattern:
    """A compiled pattern and its source."""

    def __init__(self, source: str, ignore_case: bool = False, smart_case: bool = False) -> None:
        """Compile it.

        Raises:
            BadPattern: it is no pattern, or uses what is not supported.
        """
        self.source = source
        ignore_case = ignore_case and not (smart_case and any(sign.isupper() for sign in source))
        for mark, ignored in ((r"\c", True), (r"\C", False)):
            if _has(source, mark[1]):
                ignore_case = ignored
                source = _without(source, mark[1])
        self.query = Query(translate(source), case=not ignore_case, regex=True)
        """The same as the editor's own search has it."""
        self.compiled = self.query.compile()


class Search:
    """Searches lines for a pattern. As in the search bar, a slow one is given up when it has taken PATTERN_S more than the normal
    time, summed over all lines."""

    def __init__(self, pattern: Pattern) -> None:
        self._compiled = pattern.compiled
        self._lost_s = 0.0

    def first(self, line: str, column: int = 0) -> Any:
        """The first match from a column on, or None."""
        return self._timed(lambda time_s: self._compiled.search(line, column, timeout=time_s), len(line))

    def starts(self, line: str) -> list[int]:
        """The columns of all matches."""
        return self._timed(  # type: ignore[no-any-return]
            lambda time_s: [match.start() for match in self._compiled.finditer(line, timeout=time_s)],
            len(line),
        )

    def _timed(self, find: Callable[[float], Any], size: int) -> Any:
        left_s = PATTERN_S - self._lost_s
        began = process_time()
        try:
            if left_s > 0:
                return find(left_s)
        except TimeoutError:
            pass
        finally:
            self._lost_s += max(0.0, process_time() - began - LINE_S - CODE_POINT_S * size)
        raise Failed("The pattern takes too long, so it was given up.")


def end_of(source: str, sign: str) -> int:
    """Where the first `sign` that is not escaped stands, else the length."""
    at = 0
    while at < len(source) and source[at] != sign:
        at += 2 if source[at] == "\\" else 1
    return min(at, len(source))


def _has(source: str, letter: str) -> bool:
    at = source.find("\\")
    while 0 <= at < len(source) - 1:
        if source[at + 1] == letter:
            return True
        at = source.find("\\", at + 2)
    return False


def _without(source: str, letter: str) -> str:
    pieces, at = [], 0
    while at < len(source):
        if source[at] == "\\" and source[at + 1 : at + 2] == letter:
            at += 2
            continue
        step = 2 if source[at] == "\\" else 1
        pieces.append(source[at : at + step])
        at += step
    return "".join(pieces)


def translate(source: str) -> str:
    r"""Rewrite a pattern with vi's "magic" rules: `\(a\|b\)\+` is `(?:a|b)+`; `\v` and `\V` change them.

    Raises:
        BadPattern: something in it is not supported.
    """
    magic = "m"
    out: list[str] = []
    at = 0
    atom_start = True
    while at < len(source):
        sign = source[at]
        escaped = sign == "\\" and at + 1 < len(source)
        if escaped:
            sign = source[at + 1]
        at += 2 if escaped else 1
        if escaped and sign in "vmMV":
            magic = sign
            continue
        name = _meaning(sign, escaped, magic)
        if name == "literal":
            out.append("\\" + sign if sign in "\\.*[]^$+?(){}|" else sign)
        elif name == "set":
            found, at = _set(source, at)
            out.append(found)
        elif name == "^":
            out.append("^" if atom_start or magic == "v" else r"\^")
            continue
        elif name == "$":
            rest = source[at:]
            ends = not rest or rest.startswith((r"\|", r"\)", r"\n")) or (magic == "v" and rest[0] in "|)")
            out.append("$" if ends else r"\$")
        elif name == "*" and atom_start:
            out.append(r"\*")
        elif name == "{":
            end = source.find("}", at)
            if end < 0:
                raise BadPattern("a repetition without its end")
            counts = source[at:end].rstrip("\\")
            at = end + 1
            lazy = counts.startswith("-")
            counts = counts.lstrip("-")
            low, comma, high = counts.partition(",")
            out.append(
                "{" + (low or "0") + ((comma + high) if comma or not counts else "") + "}" if counts else "*"
            )
            if lazy:
                out.append("?")
        elif name == "class":
            out.append(_CLASSES[sign])
        elif name == "zs":
            which = source[at : at + 1]
            at += 1
            if which == "s":
                out.append(r"\K")
            elif which == "e":
                out.append("(?=" + translate_rest(source[at:], magic) + ")")
                at = len(source)
            else:
                raise BadPattern(f"\\z{which} is not supported")
        elif name == "%":
            if source[at : at + 1] != "(":
                raise BadPattern("\\% is not supported")
            at += 1
            out.append("(?:")
        elif name == "unsupported":
            raise BadPattern(f"\\{sign} is not supported")
        elif name == "backreference":
            out.append(f"(?:\\{sign})")
        else:
            out.append(name)
        atom_start = name in ("(", "|") or (name == "%")
        if name == "zs":
            atom_start = False
    return "".join(out)


def translate_rest(source: str, magic: str) -> str:
    return translate(("\\" + magic if magic != "m" else "") + source)


def _meaning(sign: str, escaped: bool, magic: str) -> str:
    """What a sign of a pattern stands for."""
    if magic == "v":
        if not escaped:
            if sign in "+?(|)":
                return sign
            if sign in "=":
                return "?"
            if sign in "<>":
                return "class"
            if sign == "{":
                return "{"
            if sign == "%":
                return "%"
            if sign in "@&~":
                return "unsupported" if sign != "~" else "literal"
        elif sign in "+?(|)=<>{%@&":
            return "literal"
    elif escaped:
        if sign in "+(|)":
            return sign
        if sign in "=?":
            return "?"
        if sign == "{":
            return "{"
        if sign == "%":
            return "%"
        if sign in "@&_":
            return "unsupported"
    if escaped:
        if sign in "123456789":
            return "backreference"
        if sign == "z":
            return "zs"
        if sign in _CLASSES:
            return "class"
        if magic == "V" and sign in ".*[":
            return {"[": "set"}.get(sign, sign)
        return "literal"
    if magic == "V" and sign not in "^$":
        return "literal"
    if sign in ".*":
        return sign
    if sign in "^$":
        return sign
    return "set" if sign == "[" else "literal"


def _set(source: str, at: int) -> tuple[str, int]:
    """A set of characters such as [a-z] that begins before `at`, and where it ends."""
    end = at
    if source[end : end + 1] == "^":
        end += 1
    if source[end : end + 1] == "]":
        end += 1
    while end < len(source) and source[end] != "]":
        if source.startswith("[:", end) and (close := source.find(":]", end)) >= 0:
            end = close + 2
        else:
            end += 2 if source[end] == "\\" and end + 1 < len(source) else 1
    if end >= len(source):
        return r"\[", at  # no set: a bracket
    inner = source[at:end]
    negated = inner.startswith("^")
    inner = inner[1:] if negated else inner
    inner = inner.replace("[", r"\[") if "[:" not in inner else inner
    if inner.startswith("]"):
        inner = "\\" + inner
    inner = inner.replace("&&", r"&\&").replace("||", r"|\|").replace("--", r"\--").replace("~~", r"~\~")
    return f"[{'^' if negated else ''}{inner}]", end + 1


def expand(match: Any, template: str) -> str:
    r"""The text that replaces a match: `&` and `\0` are all of it, `\1` a group, `\r` a new line, `\u \U \l \L \e` capitals."""
    out: list[str] = []
    once = mode = ""

    def add(text: str) -> None:
        nonlocal once
        if mode:
            text = text.upper() if mode == "U" else text.lower()
        if once and text:
            text = (text[0].upper() if once == "u" else text[0].lower()) + text[1:]
            once = ""
        out.append(text)

    at = 0
    while at < len(template):
        sign = template[at]
        at += 1
        if sign == "&":
            add(match[0])
        elif sign == "\\" and at < len(template):
            sign = template[at]
            at += 1
            if sign.isdecimal():
                number = int(sign)
                add((match[number] or "") if number <= match.re.groups else "")
            elif sign in "ul":
                once = sign
            elif sign in "ULE" or sign == "e":
                mode = sign if sign in "UL" else ""
            else:
                add({"r": "\n", "n": "\0", "t": "\t"}.get(sign, sign))
        else:
            add(sign)
    return "".join(out)
