"""The process that renders Markdown for the preview: `python -P -m jpterm_like.tui.widgets.markdown_rows`.

Others may write the text, and even short texts can take any parser minutes. A process can be ended at any time, and
neither blocks the keyboard nor uses the editor's memory. It reads requests until its input ends: a line of JSON, and
the text. The answer is a length and that many bytes: the rows, with escape sequences for colours.
"""

from __future__ import annotations

import gc
import io
import json
import re
import resource
import signal
import struct
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.syntax import SyntaxTheme

ROWS_MAX: Final = 20_000
"""Most rows rendered: nobody reads more beside the text."""
BYTES_MAX: Final = 4_000_000
CPU_S: Final = 3.0
"""Processor time for one request, after which the process ends, even if the editor is gone."""
MEMORY_BYTES_MAX: Final = 1 << 30

LENGTH: Final = struct.Struct("!I")


_FRONT_MATTER: Final = re.compile(r"(---|\+\+\+)[ \t]*\n((?:.*\n)*?)\1[ \t]*(?:\n|$)")
"""Data about a text at its start, between lines of dashes (YAML) or plus signs (TOML)."""

_STYLES: Final = {
    "block_quote": "{quote}",
    "code": "{string}",
    "h1": "bold {heading}",
    "h2": "bold {heading}",
    "h3": "bold {heading}",
    "h4": "bold {heading}",
    "h5": "bold {heading}",
    "h6": "bold {heading}",
    "hr": "{muted}",
    "item.bullet": "{accent}",
    "item.number": "{accent}",
    "kbd": "bold",
    "link": "{link} underline",
    "link_url": "{link} underline",
    "s": "{comment} strike",
    "table.border": "{muted}",
    "table.header": "bold",
}
"""How rich's parts of Markdown look in the colours of a theme."""

_KINDS: Final = {
    "Comment": "comment",
    "Generic.Deleted": "deleted",
    "Generic.Heading": "heading",
    "Generic.Inserted": "inserted",
    "Generic.Subheading": "heading",
    "Keyword": "keyword",
    "Keyword.Constant": "constant",
    "Name.Attribute": "attribute",
    "Name.Class": "type",
    "Name.Constant": "constant",
    "Name.Decorator": "function",
    "Name.Function": "function",
    "Name.Property": "property",
    "Name.Tag": "tag",
    "Literal.Number": "number",
    "Operator": "operator",
    "Operator.Word": "keyword",
    "Punctuation": "punctuation",
    "Literal.String": "string",
    "Literal.String.Escape": "constant",
}
"""The kinds of words in code, by the names that the highlighter of the preview has for them; of an unknown name the first part
counts."""


def rows_of(text: str, width: int, colours: Mapping[str, str] | None) -> str:
    """Render a text as rows, one a line, with no control sequences except for these colours."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.text import Text
    from rich.theme import Theme

    from jpterm_like.tui.text.cells import clean

    shown = "\n".join(clean(line, len(line) + 1) for line in text.split("\n"))
    known = colours or dict.fromkeys(
        ("text", "code", "muted", "accent", *_KINDS.values(), "quote", "link"), "default"
    )
    styles = {f"markdown.{name}": style.format_map(known) for name, style in _STYLES.items()}
    console = Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        no_color=colours is None,
        width=width,
        legacy_windows=False,
        theme=Theme(styles),
    )
    if (front := _FRONT_MATTER.match(shown)) is not None:
        shown = shown[front.end() :]
        dim = "dim" if known["muted"] == "default" else known["muted"]
        console.print(Text(front[0], style=dim))
    # hyperlinks would be escape sequences with addresses written by others
    markdown = Markdown(shown, hyperlinks=False)
    markdown.code_theme = _code_theme(known)  # type: ignore[assignment]  # rich hands it on to `Syntax`, which takes both
    console.print(markdown)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(console.file.getvalue()[:BYTES_MAX].split("\n")[:ROWS_MAX])


def _code_theme(colours: Mapping[str, str]) -> SyntaxTheme:
    """The colours of code, which are the editor's."""
    from rich.style import Style
    from rich.syntax import SyntaxTheme

    ground = Style(bgcolor=colours["code"])

    class CodeTheme(SyntaxTheme):
        def get_style_for_token(self, token_type: Iterable[str]) -> Style:
            names = [*token_type]
            kinds = (_KINDS.get(".".join(names[:end])) for end in range(len(names), 0, -1))
            kind = next((kind for kind in kinds if kind), "text")
            return ground + Style(color=colours[kind], italic=kind == "comment")

        def get_background_style(self) -> Style:
            return ground

    return CodeTheme()


def main() -> None:
    """Serve one editor."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    gc.disable()  # a text makes a hundred thousand objects that live until it is rendered
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while line := source.readline():
        wanted = json.loads(line)
        text = source.read(wanted["size"]).decode("utf-8", "surrogatepass")
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU_S)  # ends the process
        rows = rows_of(text, wanted["width"], wanted["colours"]).encode()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        target.write(LENGTH.pack(len(rows)) + rows)
        target.flush()
        gc.collect()


if __name__ == "__main__":
    main()
