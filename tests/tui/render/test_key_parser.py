"""What a terminal sends, however it is cut: nothing is typed that nobody typed, and nothing ends the editor."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable

import pytest
from textual.events import Key, Paste
from textual.message import Message

from jpterm_like.tui.render import key_parser
from jpterm_like.tui.render.base_layouts import base_key
from jpterm_like.tui.render.key_parser import PASTE_SILENCE_S, STRING_SILENCE_S, KeyParser

RANDOM = int(os.environ.get("KEY_SEQUENCES", "20000"))
"""Random sequences; `KEY_SEQUENCES=2000000 pytest tests/tui/render/test_key_parser.py` is the long version."""


class Keyboard:
    """A parser with a clock that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(key_parser, "monotonic", lambda: self.now)
        self.parser = KeyParser()

    def send(self, *parts: str | float) -> list[str]:
        """Return the keys, and the pastes in brackets, that come of reads and of seconds of silence."""
        seen: list[Message] = []
        for part in parts:
            if isinstance(part, float):
                self.now += part
                seen += self.parser.tick()
            else:
                seen += self.parser.feed(part)
                seen += self.parser.tick()
        return names(seen)


def names(messages: Iterable[Message]) -> list[str]:
    return [f"<{m.text}>" if isinstance(m, Paste) else m.key for m in messages if isinstance(m, Key | Paste)]


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Keyboard:
    return Keyboard(monkeypatch)


@pytest.mark.parametrize("silence", [0.02, 0.3, 4.0])
@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        ("\x1b[200~pasted\x1b[201~t", ["<pasted>", "t"]),
        ("a\x1b[1;5Cb", ["a", "ctrl+right", "b"]),
        ("a\x1bOAb", ["a", "up", "b"]),
        ("a\x1b]11;rgb:1f1f/1f1f/1f1f\x1b\\b", ["a", "b"]),
        ("a\x1b]52;c;aGFsbG8=\x07b", ["a", "b"]),
        ("a\x1bP1+r544e=787465\x1b\\b", ["a", "b"]),
        ("a\x1bXword\x1b\\\x1b^word\x1b\\\x1b_word\x1b\\b", ["a", "b"]),
        ("a\x1b[?62;4cb", ["a", "b"]),
        ("a\x1b[<35;10;20Mb", ["a", "b"]),
        ("a\x1b[M !!b", ["a", "b"]),
        ("a\x1b[[Ab", ["a", "f1", "b"]),
        ("a\x1bOjb", ["a", "asterisk", "b"]),
        ("a\x1b[3$b", ["a", "shift+delete", "b"]),
        ("a\x1b[1099::115;5ub", ["a", "ctrl+s", "b"]),
    ],
)
def test_a_sequence_may_be_cut_anywhere_but_behind_its_esc(
    keyboard: Keyboard, sent: str, wanted: list[str], silence: float
) -> None:
    for cut in range(1, len(sent)):
        if sent[cut - 1] != "\x1b" or (sent.startswith("\x1b[200~") and cut > 6):
            assert keyboard.send(sent[:cut], silence, sent[cut:], 1.0) == wanted, (sent[:cut], sent[cut:])


def test_esc_alone_is_a_key_after_a_moment(keyboard: Keyboard) -> None:
    assert keyboard.send("\x1b") == []
    assert keyboard.send(0.2) == ["escape"]
    assert keyboard.send("\x1b\x1b", 0.2) == ["escape", "escape"]


@pytest.mark.parametrize(
    "inside",
    [
        "\x1b[32mINFO\x1b[0m\n",
        "x\x1b12\x13\x01\x7f\x11y",
        "\x1b[A\x1b[200~",
        "\x1b]8;;\x1b\\",
        "\x1b",
        "\x1b[20",
    ],
)
def test_nothing_in_a_paste_is_a_key(keyboard: Keyboard, inside: str) -> None:
    sent = f"\x1b[200~{inside}\x1b[201~"
    assert keyboard.send(sent) == [f"<{inside}>"]
    for cut in range(6, len(sent)):
        assert keyboard.send(sent[:cut], 1.0, sent[cut:]) == [f"<{inside}>"]


def test_a_paste_that_never_ends_is_over_after_a_silence(keyboard: Keyboard) -> None:
    assert keyboard.send("\x1b[200~text\x1b[20", PASTE_SILENCE_S + 0.1, "k\x1b[201~l") == [
        "<text\x1b[20>",
        "k",
        "l",
    ]


def test_alt_and_a_bracket_does_not_make_the_keyboard_deaf(keyboard: Keyboard) -> None:
    assert keyboard.send("\x1b]", 1.0, "\x13", "a") == ["ctrl+s", "a"], "a key with ctrl ends an answer"
    assert keyboard.send("\x1b]", STRING_SILENCE_S + 0.1, "a") == ["a"]
    assert keyboard.send("\x1b[", 1.0, "\x13", "a") == ["ctrl+s", "a"]


@pytest.mark.parametrize(
    "sent",
    [
        "\x1b[97;1:3u",
        "\x1b[1114112u",
        "\x1b[99999999999u",
        "\x1b[58000u",
        "\x1b[9792758122B",
        "\x1b[:u",
        "\x1b[55296u",
        "\x1b[7u",
        "\x1b[;u",
        "\x1b[27;5;1114112~",
        "\x1b[<99999999999999999999;1;1M",
        "\x1b[48;0;0;0;0t",
        "\x1b[" + "1" * 5000 + "A",
        "\x9b",
    ],
)
def test_what_cannot_be_read_is_ignored(keyboard: Keyboard, sent: str) -> None:
    assert keyboard.send(sent, "a") == ["a"]


@pytest.mark.parametrize(
    ("sent", "character"),
    [
        ("\x1b[97:65;2u", "A"),
        ("\x1b[97;2;65u", "A"),
        ("\x1b[1099;;1099u", "ы"),
        ("\x1b[97;1;99999999u", "a"),
        ("\x1b[97;1;7u", "a"),
    ],
)
def test_what_a_key_of_the_kitty_protocol_types(sent: str, character: str) -> None:
    [event] = KeyParser().feed(sent)
    assert isinstance(event, Key) and event.character == character


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("\x1b[1099::115;5u", "ctrl+s"),
        ("\x1b[1099;5u", "ctrl+s"),
        ("\x1b[27;5;1099~", "ctrl+s"),
        ("\x1b[963;5u", "ctrl+s"),
        ("\x1b[1491;5u", "ctrl+s"),
        ("\x1b[1095;3u", "alt+x"),
        ("\x1bч", "alt+x"),
        ("\x1bЧ", "alt+shift+x"),
        ("\x1b[1103:1071:122;6u", "ctrl+shift+z"),
        ("\x1b[228;3u", "alt+ä"),
    ],
)
def test_ctrl_and_alt_mean_the_same_key_in_every_layout(sent: str, key: str) -> None:
    assert names(KeyParser().feed(sent)) == [key]


def test_a_letter_that_is_in_no_table_is_itself() -> None:
    assert [base_key(letter) for letter in "aäйÉά"] == ["a", "ä", "q", "É", "a"]


@pytest.mark.parametrize(
    "sent", ["one\rtwo\rthree", "a\nb", "    if x:\r        return 1 # a long one", "\tone\r\ttwo\r"]
)
def test_several_lines_in_one_read_are_a_paste(keyboard: Keyboard, sent: str) -> None:
    assert keyboard.send(sent) == [f"<{sent}>"]


@pytest.mark.parametrize("sent", ["12\rword", "a\r", "\r\r\r", "a\x13\rb\rc", "word"])
def test_keys_that_came_together_are_keys(keyboard: Keyboard, sent: str) -> None:
    assert not [name for name in keyboard.send(sent) if name.startswith("<")]


def _a_sequence(rng: random.Random) -> str:
    """Return a complete sequence that types nothing: an answer, the mouse, a key without a character, or noise in such a form."""
    kind = rng.random()
    if kind < 0.5:
        number = rng.choice(
            ["", "0", "1", "5", "27", "200", "57400", "1114112", "99999999999", str(rng.randrange(1 << 24))]
        )
        more = "".join(
            ";" + rng.choice([number, ":", "1:3", str(rng.randrange(300))]) for _ in range(rng.randrange(4))
        )
        last = rng.choice("ABCDEFGHIJKLNOPQRSTUVWXYZ@^_`abcdefghijklmnopqrstvwxyz{|}")
        return f"\x1b[{rng.choice(['', '', '?', '>', '<', '='])}{number}{more}{last}"
    if kind < 0.7:
        code = rng.choice([0, 7, 31, 128, 0xD800, 0xE123, 0x110000, rng.randrange(0x110000, 1 << 60)])
        return rng.choice(
            [
                f"\x1b[{code}{rng.choice(['', ';5', ';1', ';2:1'])}u",
                f"\x1b[27;5;{code}~",
                f"\x1b[{code + 9000}~",
            ]
        )
    if kind < 0.9:
        body = "".join(rng.choice("abc;:/019?=+ éы") for _ in range(rng.randrange(40)))
        return f"\x1b{rng.choice(']P_^X')}{body}{rng.choice([chr(7), chr(27) + chr(92)])}"
    return f"\x1bO{rng.choice('ABCDFHPQRS')}"


def test_random_sequences_type_nothing(keyboard: Keyboard) -> None:
    rng = random.Random(1)
    for n in range(RANDOM):
        sent = f"a{_a_sequence(rng)}b"
        seen = [name for name in keyboard.send(sent) if len(name) == 1]
        assert seen == ["a", "b"], (n, sent)


def test_cut_sequences_type_nothing(keyboard: Keyboard) -> None:
    rng = random.Random(2)
    for n in range(RANDOM // 10):
        sent = f"a{_a_sequence(rng)}b"
        cut = rng.randrange(1, len(sent))
        if sent[cut - 1] == "\x1b":
            continue
        seen = [
            name
            for name in keyboard.send(sent[:cut], rng.choice([0.01, 0.2, 3.0]), sent[cut:])
            if len(name) == 1
        ]
        assert seen == ["a", "b"], (n, sent, cut)


def test_noise_raises_nothing(keyboard: Keyboard) -> None:
    rng = random.Random(3)
    signs = "\x1b\x1b\x1b[]PO_^XM<>?;:$~uAR0123456789 ab\x00\x01\x07\r\n\x7f\x9bé\ud800\U000e0000"
    for _ in range(RANDOM):
        keyboard.send(
            "".join(rng.choice(signs) for _ in range(rng.randrange(1, 30))), rng.choice([0.0, 0.0, 0.2, 20.0])
        )
