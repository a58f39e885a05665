"""`:set`: the options of vi that the editor has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from jpterm_like.tui.commands.vi.host import Vi
from jpterm_like.tui.text.cells import clean

_NAMES: Final = {
    "nu": "number", "ic": "ignorecase", "scs": "smartcase", "ws": "wrapscan", "et": "expandtab", "ts": "tabstop",
    "sw": "shiftwidth", "sts": "softtabstop", "ai": "autoindent", "hls": "hlsearch",
    "fenc": "fileencoding",
}  # fmt: skip

KNOWN: Final = "nu wrap list ic scs ws hls et ts sw ai fenc"

NOT_TOLD: Final = "The encoding of this file is not known here."


def set_options(vi: Vi, argument: str) -> str:
    """Set options such as "nu", "nowrap", "ts=8", "ic!"; return a sentence for the person."""
    said = [_set(vi, word) for word in argument.split()]
    return " ".join(dict.fromkeys(said)) or f"These are known: {KNOWN}; most with no in front, ! or ? behind."


def _set(vi: Vi, word: str) -> str:
    editor = vi.editor
    name, _, value = word.partition("=")
    asks = name.endswith("?")
    toggles = name.endswith("!")
    name = name.rstrip("?!")
    on = True
    full = _NAMES.get(name, name)
    if full.startswith("no"):
        full, on = _NAMES.get(full[2:], full[2:]), False
    if (option := _options(vi).get(full)) is not None:
        if asks:
            return f"{full} is {'on' if option.is_on else 'off'}."
        wanted = not option.is_on if toggles else on
        if wanted != option.is_on:
            option.toggle()
        return f"{full} is {'on' if wanted else 'off'}."
    if full in ("tabstop", "shiftwidth", "softtabstop"):
        if not value:
            return f"{full} is {editor.text_layout.tab_width}."
        if not value.isdecimal() or not 1 <= int(value[:3]) <= 16:
            return f"{full} is a number from 1 to 16."
        return f"The width of tabs is the setting tab_width, now {editor.text_layout.tab_width}."
    if full == "fileencoding":
        form = editor.session.form
        if not value:
            return NOT_TOLD if form is None else f"fileencoding is {form.charset}."
        vi.save_in(value)
        return f"Saving in {clean(value, 20)} …"
    return f"{clean(name, 20)} is no option here; {KNOWN} are."


class _Option(NamedTuple):
    is_on: bool
    toggle: Callable[[], None]


def _options(vi: Vi) -> dict[str, _Option]:
    editor, motions = vi.editor, vi.motions

    def flag(owner: object, name: str) -> _Option:
        is_on: bool = getattr(owner, name)
        return _Option(is_on, lambda: setattr(owner, name, not is_on))

    def indent() -> None:
        editor.indent = "tabs" if editor.indent == "spaces" else "spaces"

    return {
        "number": _Option(editor.shows_numbers, lambda: editor.run("toggle_numbers")),
        "wrap": _Option(editor.view.wraps, lambda: editor.run("toggle_wrap")),
        "list": _Option(editor.shows_whitespace, lambda: editor.run("toggle_whitespace")),
        "ignorecase": flag(motions, "ignore_case"),
        "smartcase": flag(motions, "smart_case"),
        "wrapscan": flag(motions, "wraps"),
        "hlsearch": flag(motions, "marks_matches"),
        "expandtab": _Option(editor.indent == "spaces", indent),
        "autoindent": flag(editor, "auto_indent"),
    }
