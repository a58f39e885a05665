"""`Patch`: a change of the text, in offsets that an editor can apply in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from crdt.mypyc_compat import mypyc_attr


class Splice(NamedTuple):
    """Replaces the code points from `start` to `end` (not included) by `text`."""

    start: int
    end: int
    text: str


@mypyc_attr(acyclic=True)
class Patch:
    """Splices from last to first, in offsets of the old text; false if empty.

    Because later positions come first, each splice applies to the text as it is at that point:

    >>> Patch((Splice(5, 5, "!"), Splice(0, 1, "J"))).apply("hello")
    'Jello!'
    """

    __slots__ = ("_splices",)

    def __init__(self, splices: tuple[Splice, ...] = ()) -> None:
        self._splices = splices

    @property
    def splices(self) -> tuple[Splice, ...]:
        return self._splices

    def __bool__(self) -> bool:
        return bool(self.splices)

    def __len__(self) -> int:
        return len(self.splices)

    def __iter__(self) -> Iterator[Splice]:
        return iter(self.splices)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Patch) and self.splices == other.splices

    def __hash__(self) -> int:
        return hash(self.splices)

    def __repr__(self) -> str:
        return f"Patch({self.splices!r})"

    def apply(self, text: str) -> str:
        """Return the text after the patch. O(length of the text)."""
        parts: list[str] = []
        end = len(text)
        for splice in self.splices:
            assert splice.start <= splice.end <= end, (splice, end)
            parts.append(text[splice.end : end])
            parts.append(splice.text)
            end = splice.start
        parts.append(text[:end])
        parts.reverse()
        return "".join(parts)

    def map_offset(self, offset: int, before: bool = False) -> int:
        """Map an offset of the old text to the new text.

        Text inserted exactly there goes after it, or with `before` before it. An offset inside deleted text moves to
        the start of the deletion.
        """
        shift = 0
        for splice in self.splices:
            if splice.start > offset or (splice.start == offset and splice.end > offset):
                continue
            if splice.start == offset:
                shift += len(splice.text) if before else 0
            elif splice.end <= offset:
                shift += len(splice.text) - (splice.end - splice.start)
            else:
                shift += (len(splice.text) if before else 0) + splice.start - offset
        return offset + shift


@mypyc_attr(acyclic=True, free_list_len=1)
class OneSplice(Patch):
    """A patch of one splice. One is made per keystroke: it holds three values, and builds a tuple only on request.

    >>> patch = OneSplice()
    >>> patch.start, patch.end, patch.text = 0, 1, "J"
    >>> patch.splices
    (Splice(start=0, end=1, text='J'),)
    """

    __slots__ = ("end", "start", "text")

    start: int
    end: int
    text: str

    @property
    def splices(self) -> tuple[Splice, ...]:
        return (Splice(self.start, self.end, self.text),)


if __file__.endswith(".py"):
    # In plain Python, calling `__init__` takes longer than storing the three values: 180 ns against 65. Compiled,
    # there is no difference.
    setattr(OneSplice, "__init__", object.__init__)  # noqa: B010


NOTHING: Final = Patch()


def one_splice(start: int, end: int, text: str) -> OneSplice:
    """Return the patch of one change."""
    patch = OneSplice()
    patch.start, patch.end, patch.text = start, end, text
    return patch
