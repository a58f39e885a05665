"""What the name of a file tells of how one writes in it: comments and indentation."""

from __future__ import annotations

from typing import NamedTuple


class Language(NamedTuple):
    """How people write in some kind of file."""

    comment: str = "#"
    comment_end: str = ""
    """Where a comment does not end with the line."""
    indent: int | None = None
    """Blanks that indent by one step, 0 for a tab; None where there is no custom."""
    colon_indents: bool = False


_KINDS: dict[str, Language] = {
    "py pyi pyx": Language(indent=4, colon_indents=True),
    "sh bash zsh fish rb pl r toml conf cfg tcl cmake": Language(),
    "yaml yml": Language(indent=2, colon_indents=True),
    "js jsx ts tsx mjs cjs json json5 dart proto": Language("//", indent=2),
    "c h cc cpp cxx hpp java kt kts swift scala cs rs php zig jsonc": Language("//", indent=4),
    "go": Language("//", indent=0),
    "css scss less": Language("/*", "*/", indent=2),
    "html htm xml svg vue md markdown": Language("<!--", "-->"),
    "sql lua hs elm adb ads": Language("--"),
    "tex sty bib erl m": Language("%"),
    "lisp el clj scm rkt": Language(";;"),
    "ini asm s": Language(";"),
    "vim": Language('"'),
    "makefile mk": Language(indent=0),
}
_BY_NAME = {name: language for names, language in _KINDS.items() for name in names.split()}


def language_of(title: str) -> Language:
    """By what follows the last dot of a file's name, or by the whole name."""
    name = title.rpartition("/")[2].casefold()
    return _BY_NAME.get(name.rpartition(".")[2], Language())
