"""The entry point of atheris (github.com/google/atheris), which finds inputs by the branches that they reach.

    pip install atheris && python -m tests.crdt.fuzz CORPUS

The first byte says what the rest is. Documents get the checksum that they need, or nothing would come behind it.
"""

from __future__ import annotations

import sys

from crdt import Anchor, ForeignOp, TextBuffer, Version
from crdt.snapshot import sealed


def one_input(data: bytes) -> None:
    """Refused as a ForeignOp, or sound."""
    try:
        _take(data[0] % 5 if data else 0, data[1:])
    except ForeignOp as error:
        assert str(error)


def _take(kind: int, data: bytes) -> None:
    if kind == 0:
        buffer = TextBuffer.genesis("It was a dark and stormy night.", site=1)
        before = buffer.text
        assert buffer.integrate(data).apply(before) == buffer.text
        buffer.check()
    elif kind == 1:
        # Message after message, as from somebody who types; each begins with its length.
        buffer = TextBuffer(site=1)
        while data:
            size, data = data[0] + 1, data[1:]
            buffer.integrate(data[:size])
            data = data[size:]
        buffer.check()
    elif kind == 2:
        buffer = TextBuffer.decode(sealed([data]))
        text = buffer.text
        buffer.replace(0, 0, "x")
        assert buffer.text == "x" + text
        # A forged log may tell of other deletions than the runs do; then the text at a version is another one.
        assert len(buffer.at(buffer.version)) <= sum(1 for _ in buffer.elements())
        assert buffer.changes_since(Version())
    elif kind == 3:
        version = Version.decode(data)
        assert version.encode() == data
    else:
        anchor = Anchor.decode(data)
        assert Anchor.decode(anchor.encode()) == anchor


def main() -> None:
    import atheris  # type: ignore[import-not-found,unused-ignore]

    # `crdt` once more, for atheris to watch: to watch all of Python takes minutes before the first input.
    for name in [name for name in sys.modules if name.split(".")[0] == "crdt"]:
        del sys.modules[name]
    with atheris.instrument_imports(include=["crdt"]):
        from tests.crdt import fuzz
    atheris.Setup(sys.argv, fuzz.one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
