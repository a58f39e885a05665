r"""LaTeX of outputs in Unicode where that says the same, else as it is written.

    \frac{a+b}{2}          (a+b)/2
    e^{i\pi} + 1 = 0       e^(iπ) + 1 = 0

unicodeit (in the extra `notebook`) knows the signs; fractions, roots, matrices and braces are done here before it: it leaves them as they are. A
formula in which a command is left over is shown as it is written, since a wrong formula is worse than an ugly one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Final

SIZE_MAX: Final = 2_000
"""The longest formula that is read."""
DEPTH_MAX: Final = 20

_FORMULA: Final = re.compile(
    r"\$\$([^$]{1,2000})\$\$|\$([^$\s](?:[^$\n]{0,500}[^$\s\\])?)\$(?!\d)|\\\[(.{1,2000}?)\\\]|\\\((.{1,2000}?)\\\)",
    re.S,
)
_MATRIX: Final = re.compile(r"\\begin\{([bpvBV]?matrix|array|cases)\}(?:\{[lcr|]*\})?(.*?)\\end\{\1\}", re.S)
_NOTHING: Final = re.compile(
    r"\\(?:left|right|displaystyle|textstyle|limits|nolimits|big|Big|bigg|Bigg|mathrm|mathit|text|operatorname|mathop|rm)(?![a-zA-Z])\*?"
)
_BLANK: Final = re.compile(r"\\(?:[,;:! ]|quad(?![a-zA-Z])|qquad(?![a-zA-Z]))|~")
_WORDS: Final = re.compile(
    r"\\(sin|cos|tan|cot|sec|csc|sinh|cosh|tanh|arcsin|arccos|arctan|log|ln|exp|lim|max|min|sup|inf|det|dim|ker|gcd|arg|deg)(?![a-zA-Z])"
)
_ENDS: Final = {
    "": ("", ""),
    "p": ("(", ")"),
    "b": ("[", "]"),
    "v": ("|", "|"),
    "B": ("{", "}"),
    "V": ("‖", "‖"),
}
_LEFT_OVER: Final = re.compile(r"\\[a-zA-Z]|[{}]|\\\\")
_OPEN, _SHUT = "\ue000", "\ue001"
"""Stand for braces of the formula itself."""
_LEFT, _RIGHT = "\ue002", "\ue003"
"""Stand for parentheses behind `^` and `_`, of which unicodeit would raise the first one alone."""
_SIGNS: Final = str.maketrans({_OPEN: "{", _SHUT: "}", _LEFT: "(", _RIGHT: ")"})
TEXT_MAX: Final = 5_000
"""The longest text in which formulas are looked for."""


def formulas_in(text: str) -> str:
    """A text with its formulas, between dollar signs and the like, in Unicode."""
    if ("$" not in text and "\\" not in text) or len(text) > TEXT_MAX:
        return text
    return _FORMULA.sub(lambda found: _shown_or(found, found[0]), text)


def _shown_or(found: re.Match[str], written: str) -> str:
    inner = next((group for group in found.groups() if group is not None), "")
    shown = unicode_of(inner)
    return written if shown is None else shown


def text_of_latex(text: str) -> str:
    """What is shown of an output that is LaTeX."""
    bare = text.strip()
    whole = _FORMULA.fullmatch(bare)
    if whole is not None:
        return _shown_or(whole, bare)
    shown = formulas_in(bare)
    if shown != bare:
        return shown
    return unicode_of(bare) or bare


@lru_cache(256)
def unicode_of(formula: str) -> str | None:
    """A formula in Unicode; None if it cannot be said so, or unicodeit is not installed."""
    replace = _unicodeit()
    if replace is None or len(formula) > SIZE_MAX:
        return None
    text = formula.replace("\\{", _OPEN).replace("\\}", _SHUT)
    text = _BLANK.sub(" ", _NOTHING.sub("", text))
    text = _MATRIX.sub(_matrix, text)
    text = _WORDS.sub(r"\1 ", text)
    try:
        text = _arguments(text, 0)
        text = replace(text)
    except (_Unreadable, ValueError, IndexError, KeyError):
        return None
    text = " ".join(text.split())
    if _LEFT_OVER.search(text):
        return None
    return text.translate(_SIGNS)


class _Unreadable(Exception):
    """The braces of a formula are not paired, or it is nested too deeply."""


def _matrix(found: re.Match[str]) -> str:
    name, body = found[1], found[2]
    rows = ["  ".join(cell.strip() for cell in row.split("&")) for row in body.split("\\\\") if row.strip()]
    if name == "cases":
        return f"{_OPEN} {'; '.join(rows)}"
    left, right = _ENDS[name.removesuffix("matrix")] if name != "array" else ("", "")
    return left.replace("{", _OPEN) + "; ".join(rows) + right.replace("}", _SHUT)


def _arguments(text: str, depth: int) -> str:
    """The text with fractions, roots and groups written in a line."""
    if depth > DEPTH_MAX:
        raise _Unreadable
    done: list[str] = []
    at = 0
    while at < len(text):
        if text.startswith(("\\frac", "\\dfrac", "\\tfrac"), at):
            over, at = _argument(text, text.index("c", at) + 1, depth)
            under, at = _argument(text, at, depth)
            done.append(f"{_grouped(over)}/{_grouped(under)}")
        elif text.startswith("\\sqrt", at):
            at += len("\\sqrt")
            root = ""
            if text[at : at + 1] == "[":
                end = text.find("]", at)
                if end < 0:
                    raise _Unreadable
                root, at = text[at + 1 : end], end + 1
            inner, at = _argument(text, at, depth)
            sign = {"": "√", "3": "∛", "4": "∜"}.get(root)
            if sign is None:
                raise _Unreadable
            done.append(f"{sign}{_grouped(inner)}")
        elif text[at] in "^_" and text[at + 1 : at + 2] == "{":
            inner, after = _argument(text, at + 1, depth)
            done.append(_raised(text[at], inner))
            at = after
        elif text[at] == "{":
            inner, at = _argument(text, at, depth)
            done.append(inner)
        elif text[at] == "}":
            raise _Unreadable
        elif text[at] == "\\":
            name = re.compile(r"\\(?:[a-zA-Z]+|.)", re.S).match(text, at)
            if name is None:
                raise _Unreadable
            at = name.end()
            if text[at : at + 1] == "{":  # \mathbb{R}, \hat{x}: unicodeit has them whole
                inner, at = _argument(text, at, depth)
                done.append(f"{name[0]}{{{inner}}}")
            else:
                done.append(name[0])
        else:
            done.append(text[at])
            at += 1
    return "".join(done)


def _argument(text: str, at: int, depth: int) -> tuple[str, int]:
    """The argument that begins here, and where it ends."""
    while text[at : at + 1] == " ":
        at += 1
    if text[at : at + 1] != "{":
        if at >= len(text) or text[at] == "\\":
            raise _Unreadable
        return text[at], at + 1
    level = 0
    for end in range(at, len(text)):
        level += (text[end] == "{") - (text[end] == "}")
        if not level:
            return _arguments(text[at + 1 : end], depth + 1), end + 1
    raise _Unreadable


def _grouped(text: str) -> str:
    """A text that stands beside a slash or a root, in parentheses if it is not one word."""
    return text if re.fullmatch(r"\w|[\d.]+|\\[a-zA-Z]+", text) else f"({text.strip()})"


def _raised(sign: str, inner: str) -> str:
    """A text above or below the line: each character if Unicode has all of them there, else in parentheses."""
    replace = _unicodeit()
    assert replace is not None
    raised = [replace(f"{sign}{{{character}}}") for character in inner]
    if all(len(shown) == 1 and shown != character for shown, character in zip(raised, inner, strict=True)):
        return "".join(raised)
    grouped = _grouped(inner)
    return f"{sign}{_LEFT}{grouped[1:-1]}{_RIGHT}" if grouped.startswith("(") else f"{sign}{grouped}"


@cache
def _unicodeit() -> Callable[[str], str] | None:
    try:
        from unicodeit import replace  # in the extra `notebook`
    except ImportError:
        return None
    return lambda text: str(replace(text))
