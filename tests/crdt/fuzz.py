"""Entry point for atheris (github.com/google/atheris), a fuzzer that searches inputs by the branches they reach.

    pip install atheris && python -m tests.crdt.fuzz CORPUS

The first byte selects the kind of input. Documents get a valid checksum, or the fuzzer would get no further.
"""

from __future__ import annotations

import sys

from crdt import Anchor, ForeignOp, TextBuffer, Version
from crdt.snapshot import join_parts


def one_input(data: bytes) -> None:
    """Assert that bytes are refused as a ForeignOp, or give a sound document."""
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
        # A sequence of messages, as from somebody typing; each is preceded by its length.
        buffer = TextBuffer(site=1)
        while data:
            size, data = data[0] + 1, data[1:]
            buffer.integrate(data[:size])
            data = data[size:]
        buffer.check()
    elif kind == 2:
        buffer = TextBuffer.decode(join_parts([data]))
        text = buffer.text
        buffer.replace(0, 0, "x")
        assert buffer.text == "x" + text
        # A forged log may list other deletions than the runs have; then `at` gives another text.
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

    # Import `crdt` again, instrumented by atheris: instrumenting all of Python takes minutes.
    for name in [name for name in sys.modules if name.split(".")[0] == "crdt"]:
        del sys.modules[name]
    with atheris.instrument_imports(include=["crdt"]):
        from tests.crdt import fuzz
    atheris.Setup(sys.argv, fuzz.one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
