"""The grammars for highlighting, and where they are installed.

Grammars are compiled and come in their own wheels. The most common ones are installed with the program, the others
with its extra `languages`. Without its grammar a text is left in one colour.

Each grammar brings its patterns; a later pattern takes precedence. Their predicates on the text of a word are
evaluated here (see `fits`), because the parser reads two bytes for each character.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from tree_sitter import Language, Query, QueryError


class Source(NamedTuple):
    """The location of a grammar."""

    module: str
    queries: tuple[str, ...] = ("highlights.scm",)
    """Files in the folders `queries` of the modules; "other:file" is another module's."""
    function: str = "language"
    inner: tuple[tuple[str, str], ...] = ()
    """Patterns for parts in another language: what they capture as @content, and its name or "" for @language."""
    more: str = ""
    """Our own patterns, which take precedence over those that the grammar brings."""
    addresses: bool = False
    """Whether bare web addresses in it are links, although the grammar does not know them."""


ADDRESS: Final = re.compile(r"""\b(?:https?://|www\.)[^\s<>"'`|]*[^\s<>"'`|.,;:!?()\[\]*_~]""")
"""A web address that stands in a text by itself, without what ends the sentence that it is in."""

_FENCE: Final = "(fenced_code_block (info_string (language) @language) (code_fence_content) @content)"

SOURCES: Final[dict[str, Source]] = {
    "bash": Source("tree_sitter_bash"),
    "c": Source("tree_sitter_c"),
    "cpp": Source("tree_sitter_cpp", ("tree_sitter_c:highlights.scm", "highlights.scm")),
    "css": Source("tree_sitter_css"),
    "go": Source("tree_sitter_go"),
    "html": Source(
        "tree_sitter_html",
        inner=(
            ("(script_element (raw_text) @content)", "javascript"),
            ("(style_element (raw_text) @content)", "css"),
        ),
    ),
    "java": Source("tree_sitter_java"),
    "javascript": Source("tree_sitter_javascript"),
    "json": Source("tree_sitter_json"),
    "markdown": Source(
        "tree_sitter_markdown",
        ("markdown/highlights.scm",),
        inner=(
            ("(inline) @content", "markdown_inline"),
            (_FENCE, ""),
            ("(minus_metadata) @content", "yaml"),
            ("(plus_metadata) @content", "toml"),
        ),
        more="""
            (fenced_code_block_delimiter) @text.literal
            [(task_list_marker_checked) (task_list_marker_unchecked)] @punctuation.special
            [(minus_metadata) (plus_metadata)] @text.quote
        """,
    ),
    "markdown_inline": Source(
        "tree_sitter_markdown",
        ("markdown_inline/highlights.scm",),
        "inline_language",
        more="(strikethrough) @text.strike",
        addresses=True,
    ),
    "python": Source("tree_sitter_python", more='["and" "in" "is" "is not" "not" "not in" "or"] @keyword'),
    "ruby": Source("tree_sitter_ruby"),
    "rust": Source("tree_sitter_rust"),
    "sql": Source("tree_sitter_sql"),
    "toml": Source("tree_sitter_toml"),
    "tsx": Source(
        "tree_sitter_typescript", ("tree_sitter_javascript:highlights.scm", "highlights.scm"), "language_tsx"
    ),
    "typescript": Source(
        "tree_sitter_typescript",
        ("tree_sitter_javascript:highlights.scm", "highlights.scm"),
        "language_typescript",
    ),
    "xml": Source("tree_sitter_xml", ("xml/highlights.scm",), "language_xml"),
    "yaml": Source("tree_sitter_yaml"),
}

_ALIASES: Final = {
    "py": "python",
    "python3": "python",
    "sh": "bash",
    "shell": "bash",
    "console": "bash",
    "js": "javascript",
    "ts": "typescript",
    "yml": "yaml",
    "rs": "rust",
    "c++": "cpp",
    "md": "markdown",
    "rb": "ruby",
}
"""Aliases used after ``` in Markdown."""


class Grammar(NamedTuple):
    """A loaded grammar."""

    name: str
    language: Language
    query: Query
    inner: tuple[tuple[Query, str], ...]
    addresses: bool


@lru_cache(None)
def load(name: str) -> Grammar | None:
    """Load a grammar by name; None if it is unknown, not installed or incompatible."""
    name = _ALIASES.get(name.casefold(), name.casefold())
    source = SOURCES.get(name)
    if source is None or find_spec(source.module) is None:
        return None
    try:
        language = Language(getattr(import_module(source.module), source.function)())
        patterns = [*(_read(source.module, file) for file in source.queries), source.more]
        query = Query(language, _renamed("\n".join(patterns)))
        inner = tuple((Query(language, pattern), other) for pattern, other in source.inner)
    except (ImportError, AttributeError, OSError, QueryError, ValueError):
        return None  # of another time than the rest
    return Grammar(name, language, query, inner, source.addresses)


DEEP: Final = frozenset(["yaml"])
"""Grammars that overwrite memory in deeply nested texts. The YAML one ends the program beyond 254 levels (tree-sitter-yaml 0.7.2 writes
four bytes for each into a kibibyte). A level begins behind blanks and signs, and at most two in a column."""

_SIGNS: Final = re.compile(r"(?<![ \t\r\-?:])[ \t\r\-?:]{100}")
"""Found fast: what may be as deep as that, or a ruler of dashes."""
_LEVELS: Final = re.compile(r"(?:[ \t\r]|[-?:](?=[ \t\r\n])){100}")


def is_too_deep(name: str, text: str) -> bool:
    """Whether the grammar of this name must not read a text."""
    return (
        name in DEEP
        and (signs := _SIGNS.search(text)) is not None
        and _LEVELS.search(text, signs.start()) is not None
    )


def _read(module: str, file: str) -> str:
    other, _, name = file.rpartition(":")
    spec = find_spec(other or module)
    if spec is None or spec.origin is None:
        raise ImportError(other or module)
    return (Path(spec.origin).parent / "queries" / name).read_text("utf-8")


_CONDITION: Final = re.compile(r"#((?:not-|any-)?(?:lua-)?(?:match|eq|any-of|not-any-of|contains)\?)")
"""Predicates that the parser's library would evaluate on bytes."""


def _renamed(patterns: str) -> str:
    return _CONDITION.sub(r"#our-\1", patterns)


@lru_cache(256)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        return None


def fits(condition: str, arguments: list[tuple[str, str]], text_of: Callable[[str], str | None]) -> bool:
    """Evaluate a predicate of a pattern; `text_of` returns the text that a name captured. Unknown predicates hold."""
    name = condition.removeprefix("our-")
    wanted = not name.startswith("not-")
    name = name.removeprefix("not-")
    if condition == name or not arguments:
        return True
    text = text_of(arguments[0][0])
    if text is None:
        return True
    words = [(text_of(value) if kind == "capture" else value) or "" for value, kind in arguments[1:]]
    if name.startswith("lua-"):
        return False  # the patterns of another language
    if name == "match?":
        pattern = _compiled(words[0]) if words else None
        found = pattern is not None and pattern.search(text) is not None
    elif name == "contains?":
        found = any(word in text for word in words)
    else:
        found = text in words
    return found is wanted
