"""Links in a line."""

from __future__ import annotations

import time

import pytest

from jpterm_like.tui.text.links import file_link, for_terminal, is_web, link_at, slug, web_links


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("see ‸https://a.org/b?c=d#e.", "https://a.org/b?c=d#e"),
        ("(https://a.org/‸b_(c)) is", "https://a.org/b_(c)"),
        ("<https://a.org/‸b>", "https://a.org/b"),
        ('"https://a.org/‸b", and', "https://a.org/b"),
        ("**https://a.org‸**", "https://a.org"),
        ("mail mailto:‸ann@box.org!", "mailto:ann@box.org"),
        ("[the ‸docs](https://a.org/x)", "https://a.org/x"),
        ('[docs](https://a.org/x_(y) "the‸ title")', "https://a.org/x_(y)"),
        ("[a](b.m‸d#heading)", "b.md#heading"),
        ("[a](<b c.m‸d>)", "b c.md"),
        ("[[not‸es]]", "notes"),
        ("[[notes#What is new?|lab‸el]]", "notes#What is new?"),
        ("in ./x‸.md, and", "./x.md"),
        ('  File "src/x.py‸", line 3', "src/x.py"),
        ("src/x.py‸:12:5: error", "src/x.py:12:5"),
        ("x.py‸:12", "x.py:12"),
        ("../docs/‸a", "../docs/a"),
        (".gitig‸nore:3", ".gitignore:3"),
        ("one ‸two", None),
        ("the end.‸ And", None),
        ("12:‸30", None),
        ("", None),
        ("日本 https://例え.jp/パ‸ス です", "https://例え.jp/パス"),
    ],
)
def test_the_target_of_what_the_caret_is_in(line: str, target: str | None) -> None:
    assert link_at(line.replace("‸", ""), max(0, line.find("‸"))) == target


def test_only_web_and_mail_addresses_are_marked() -> None:
    """Never a control character, nor what turns the writing around."""
    line = "[a](b.md) file:///etc/passwd ws://h/x javascript:alert(1) https://a.org/\x1b]0;x\x07 https://b.org/\u202egpj"
    assert [link.target for link in web_links(line)] == ["https://a.org/", "https://b.org/"]
    assert (
        not is_web("https://a.org/\x9bm") and not is_web("x https://a.org") and not is_web("https://a.org\n")
    )
    assert not is_web("https://" + "a" * 5_000)


def test_the_label_of_a_markdown_link_leads_where_the_link_does() -> None:
    assert [link[:3] for link in web_links("a [b](https://c.org) https://d.org")] == [
        (2, 20, "https://c.org"),
        (21, 34, "https://d.org"),
    ]


def test_terminals_get_ascii() -> None:
    assert for_terminal("https://a.org/é?x=ü%20") == "https://a.org/%C3%A9?x=%C3%BC%20"
    assert for_terminal("https://例え.jp/") is None


@pytest.mark.parametrize(
    ("target", "names", "place", "heading"),
    [
        ("b.md#what-is-new", ("b.md", "b.md.md"), None, "what-is-new"),
        ("x.py:12:5", ("x.py", "x.py.md"), (12, 5), ""),
        ("x.py#L12", ("x.py", "x.py.md"), (12, 1), ""),
        ("a%20b.md", ("a%20b.md", "a b.md", "a%20b.md.md", "a b.md.md"), None, ""),
        ("#below", (), None, "below"),
    ],
)
def test_a_link_to_a_file_has_names_a_place_or_a_heading(
    target: str, names: tuple[str, ...], place: tuple[int, int] | None, heading: str
) -> None:
    assert file_link(target) == (names, place, heading)


@pytest.mark.parametrize("target", ["ws://h/x", "ssh://h/x", "javascript:x", "file:///x", "a\0b", "a%00b"])
def test_other_addresses_are_no_files(target: str) -> None:
    assert file_link(target) is None


def test_headings_as_links_name_them() -> None:
    assert slug("What is *new*, in 2.0?") == "what-is-new-in-20"


@pytest.mark.parametrize("piece", ["[", "[](", "[[", "https://", "(", "[a](b", "a:1", '[](x "'])
def test_no_line_takes_long(piece: str) -> None:
    line = (piece * 4_000)[:4_000]
    begun = time.process_time()
    web_links(line + " https://a.org")
    link_at(line, 2_000)
    assert time.process_time() - begun < 1.0
