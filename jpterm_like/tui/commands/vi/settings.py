"""`:set`: the options of vi that the editor has."""

from __future__ import annotations

from typing import Final

from jpterm_like.tui.commands.vi.host import Vi
from jpterm_like.tui.text.cells import clean

_NAMES: Final = {
    "nu": "number", "ic": "ignorecase", "scs": "smartcase", "ws": "wrapscan", "et": "expandtab", "ts": "tabstop",
    "sw": "shiftwidth", "sts": "softtabstop", "ai": "autoindent", "hls": "hlsearch", "is": "incsearch",
}  # fmt: skip


def set_options(vi: Vi, argument: str) -> str:
    """Set options such as "nu", "nowrap", "ts=8", "ic!"; return a sentence for the person."""
    said = [_set(vi, word) for word in argument.split()]
    return (
        " ".join(dict.fromkeys(said))
        or "These are known: nu wrap list ic scs ws et ts ai, each with no in front or ! behind."
    )


def _set(vi: Vi, word: str) -> str:
    editor = vi.editor
    name, equals, value = word.partition("=")
    asks = name.endswith("?")
    toggles = name.endswith("!")
    name = name.rstrip("?!")
    on = True
    full = _NAMES.get(name, name)
    if full.startswith("no") and full not in ("number",):
        full, on = _NAMES.get(full[2:], full[2:]), False
    states = _states(vi)
    if full in states:
        now, toggle = states[full]
        if asks:
            return f"{full} is {'on' if now else 'off'}."
        wanted = not now if toggles else on
        if wanted != now:
            toggle()
        return f"{full} is {'on' if wanted else 'off'}."
    if full in ("tabstop", "shiftwidth", "softtabstop"):
        width = value if equals else ""
        if not width:
            return f"{full} is {editor.text_layout.tab_width}."
        if not width.isdecimal() or not 1 <= int(width[:3]) <= 16:
            return f"{full} is a number from 1 to 16."
        return f"The width of tabs is the setting tab_width, now {editor.text_layout.tab_width}."
    if full in ("hlsearch", "incsearch"):
        return "Matches are marked while the search bar of the editor is open."
    return f"{clean(name, 20)} is no option here; nu wrap list ic scs ws et ai are."


def _states(vi: Vi):  # type: ignore[no-untyped-def]
    editor, motions = vi.editor, vi.motions

    def flip(name: str):  # type: ignore[no-untyped-def]
        def does() -> None:
            setattr(motions, name, not getattr(motions, name))

        return getattr(motions, name), does

    def indent() -> None:
        editor.indent = "tabs" if editor.indent == "spaces" else "spaces"

    def auto_indent() -> None:
        editor.auto_indent = not editor.auto_indent

    shown = getattr(editor, "_numbers", False), lambda: editor.run("toggle_numbers")
    wraps = getattr(editor, "_wraps", False), lambda: editor.run("toggle_wrap")
    blanks = getattr(getattr(editor, "_display_options", None), "whitespace", False)
    return {
        "number": shown, "wrap": wraps, "list": (blanks, lambda: editor.run("toggle_whitespace")),
        "ignorecase": flip("ignore_case"), "smartcase": flip("smart_case"), "wrapscan": flip("wraps"),
        "expandtab": (editor.indent == "spaces", indent), "autoindent": (editor.auto_indent, auto_indent),
    }  # fmt: skip
