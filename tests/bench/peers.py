"""The replicated texts that are compared, each used in the way that is fastest for it.

A document of ours is a `TextBuffer`; of the others it is a pair of their document and its text. The loops over a whole
trace stand here and not in the workloads, so that nobody pays for a call of the measurement's own.

pycrdt and y-py count UTF-8 bytes: only ASCII texts mean the same to all. Where a peer offers a message per transaction
to a listener, that is taken: asking for the difference to a version costs it more. Nobody listens otherwise. Their
sites are small numbers, which makes their bytes fewer than the random ones of real use; ours are drawn from 64 bits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.traces import Patch

SITE = 0x9E37_79B9_7F4A_7C15
"""A site like those that are drawn: 64 bits. Fixed, so that pure and compiled must make the same bytes."""

OPENED = SITE + (1 << 32)
"""The sites of replicas that were opened from bytes: others than those of new ones, and the same in every run."""

Take = Callable[[bytes], object]
Turn = Callable[[list[Patch]], bytes]


class Peer:
    """What the workloads need. What a peer cannot do raises NotImplementedError, and the cell stays empty."""

    name = ""
    package = ""

    def new(self, text: str = "", number: int = 0) -> Any:
        """A replica; `number` tells replicas apart."""
        raise NotImplementedError

    def replay(self, doc: Any, patches: list[Patch]) -> None:
        """Each patch a call and a transaction of its own."""
        raise NotImplementedError

    def replay_with_messages(self, doc: Any, patches: list[Patch]) -> list[bytes]:
        """The same, and after each the message that goes to the others."""
        raise NotImplementedError

    def turner(self, doc: Any) -> Turn:
        """A function that makes a message of some patches."""
        raise NotImplementedError

    def taker(self, doc: Any) -> Take:
        """A function that takes in messages of other replicas."""
        raise NotImplementedError

    def text(self, doc: Any) -> str:
        raise NotImplementedError

    def encode(self, doc: Any) -> bytes:
        raise NotImplementedError

    def decode(self, data: bytes, number: int = 0) -> Any:
        raise NotImplementedError

    def version(self, doc: Any) -> Any:
        raise NotImplementedError

    def since(self, doc: Any, version: Any) -> bytes:
        raise NotImplementedError

    def anchors(self, doc: Any, offsets: list[int]) -> list[Any]:
        """Places that stay with the characters before them."""
        raise NotImplementedError

    def offsets(self, doc: Any, anchors: list[Any]) -> list[int]:
        raise NotImplementedError

    def at(self, doc: Any, version: Any) -> str:
        raise NotImplementedError

    def sizes(self, doc: Any) -> dict[str, int]:
        """Bytes of the whole replica in other forms that the peer has."""
        return {}

    def versions(self) -> str:
        return f"{self.package} {version(self.package)}" if self.package else self.name


class Ours(Peer):
    def __init__(self, name: str, compiled: bool) -> None:
        import crdt

        if crdt.compiled != compiled:
            raise RuntimeError(f"{crdt.__file__} is not what {name} means")
        self.crdt = crdt
        self.name = name

    def new(self, text: str = "", number: int = 0) -> Any:
        return self.crdt.TextBuffer.genesis(text, site=SITE + number)

    def replay(self, doc: Any, patches: list[Patch]) -> None:
        replace = doc.replace
        for start, end, text in patches:
            replace(start, end, text)

    def replay_with_messages(self, doc: Any, patches: list[Patch]) -> list[bytes]:
        replace, take = doc.replace, doc.take_changes
        messages = []
        for start, end, text in patches:
            replace(start, end, text)
            messages.append(take())
        return messages

    def turner(self, doc: Any) -> Turn:
        replace, take = doc.replace, doc.take_changes

        def turn(patches: list[Patch]) -> bytes:
            for start, end, text in patches:
                replace(start, end, text)
            return take()  # type: ignore[no-any-return]

        return turn

    def taker(self, doc: Any) -> Take:
        return doc.integrate  # type: ignore[no-any-return]

    def text(self, doc: Any) -> str:
        return doc.text  # type: ignore[no-any-return]

    def encode(self, doc: Any) -> bytes:
        return doc.encode()  # type: ignore[no-any-return]

    def decode(self, data: bytes, number: int = 0) -> Any:
        return self.crdt.TextBuffer.decode(data, site=OPENED + number)

    def version(self, doc: Any) -> Any:
        return doc.version

    def since(self, doc: Any, version: Any) -> bytes:
        return doc.changes_since(version)  # type: ignore[no-any-return]

    def anchors(self, doc: Any, offsets: list[int]) -> list[Any]:
        anchor = doc.anchor
        return [anchor(offset) for offset in offsets]

    def offsets(self, doc: Any, anchors: list[Any]) -> list[int]:
        offset = doc.offset
        return [offset(anchor) for anchor in anchors]

    def at(self, doc: Any, version: Any) -> str:
        return doc.at(version)  # type: ignore[no-any-return]

    def versions(self) -> str:
        return f"{self.name}: {Path(self.crdt.__file__).parent}"


class Loro(Peer):
    """With a commit after each edit, as a message for each needs it."""

    name = "loro"
    package = "loro"
    commits = True

    def __init__(self) -> None:
        import loro

        self.loro = loro

    def _doc(self, number: int) -> Any:
        doc = self.loro.LoroDoc()
        doc.peer_id = 1_000_003 + number
        return doc, doc.get_text("t")

    def new(self, text: str = "", number: int = 0) -> Any:
        doc = self._doc(number)
        if text:
            doc[1].insert(0, text)
            doc[0].commit()
        return doc

    def replay(self, doc: Any, patches: list[Patch]) -> None:
        insert, delete, commit = doc[1].insert, doc[1].delete, doc[0].commit
        if self.commits:
            for start, end, text in patches:
                if end > start:
                    delete(start, end - start)
                if text:
                    insert(start, text)
                commit()
        else:
            for start, end, text in patches:
                if end > start:
                    delete(start, end - start)
                if text:
                    insert(start, text)

    def replay_with_messages(self, doc: Any, patches: list[Patch]) -> list[bytes]:
        messages: list[bytes] = []
        append = messages.append

        def keep(message: bytes) -> bool:
            append(message)
            return True

        subscription = doc[0].subscribe_local_update(keep)
        self.replay(doc, patches)
        del subscription
        return messages

    def turner(self, doc: Any) -> Turn:
        insert, delete, commit = doc[1].insert, doc[1].delete, doc[0].commit
        messages: list[bytes] = []
        subscription = doc[0].subscribe_local_update(lambda message: messages.append(message) or True)

        def turn(patches: list[Patch], keep: object = subscription) -> bytes:
            for start, end, text in patches:
                if end > start:
                    delete(start, end - start)
                if text:
                    insert(start, text)
            commit()
            return messages.pop()

        return turn

    def taker(self, doc: Any) -> Take:
        return doc[0].import_  # type: ignore[no-any-return]

    def text(self, doc: Any) -> str:
        return doc[1].to_string()  # type: ignore[no-any-return]

    def encode(self, doc: Any) -> bytes:
        return doc[0].export(self.loro.ExportMode.Snapshot())  # type: ignore[no-any-return]

    def decode(self, data: bytes, number: int = 0) -> Any:
        doc = self._doc(1 + number)
        doc[0].import_(data)
        return doc

    def version(self, doc: Any) -> Any:
        return doc[0].oplog_vv, doc[0].oplog_frontiers

    def since(self, doc: Any, version: Any) -> bytes:
        return doc[0].export(self.loro.ExportMode.Updates(version[0]))  # type: ignore[no-any-return]

    # No anchors: its cursors find the place of a deleted character by going through the history, which takes minutes.

    def at(self, doc: Any, version: Any) -> str:
        doc[0].checkout(version[1])
        text = doc[1].to_string()
        doc[0].checkout_to_latest()
        return text  # type: ignore[no-any-return]

    def sizes(self, doc: Any) -> dict[str, int]:
        frontiers = doc[0].oplog_frontiers
        return {"shallow_bytes": len(doc[0].export(self.loro.ExportMode.ShallowSnapshot(frontiers)))}


class LoroImplicit(Loro):
    """In one transaction that nobody ends: faster, and without messages."""

    name = "loro-implicit"
    commits = False

    def replay_with_messages(self, doc: Any, patches: list[Patch]) -> list[bytes]:
        raise NotImplementedError


class Pycrdt(Peer):
    name = "pycrdt"
    package = "pycrdt"

    def __init__(self) -> None:
        import pycrdt

        self.pycrdt = pycrdt

    def new(self, text: str = "", number: int = 0) -> Any:
        doc = self.pycrdt.Doc(client_id=1 + number)
        content = doc.get("t", type=self.pycrdt.Text)
        if text:
            content.insert(0, text)
        return doc, content

    def replay(self, doc: Any, patches: list[Patch]) -> None:
        content = doc[1]
        insert, transaction = content.insert, doc[0].transaction
        for start, end, text in patches:
            if end == start:
                insert(start, text)
            elif not text:
                del content[start:end]
            else:
                with transaction():
                    del content[start:end]
                    insert(start, text)

    def replay_with_messages(self, doc: Any, patches: list[Patch]) -> list[bytes]:
        messages: list[bytes] = []
        append = messages.append
        subscription = doc[0].observe(lambda event: append(event.update))
        self.replay(doc, patches)
        doc[0].unobserve(subscription)
        return messages

    def turner(self, doc: Any) -> Turn:
        content, transaction = doc[1], doc[0].transaction
        messages: list[bytes] = []
        subscription = doc[0].observe(lambda event: messages.append(event.update))

        def turn(patches: list[Patch], keep: object = subscription) -> bytes:
            if len(patches) == 1:
                self.replay(doc, patches)
            else:
                with transaction():
                    for start, end, text in patches:
                        if end > start:
                            del content[start:end]
                        if text:
                            content.insert(start, text)
            return messages.pop()

        return turn

    def taker(self, doc: Any) -> Take:
        return doc[0].apply_update  # type: ignore[no-any-return]

    def text(self, doc: Any) -> str:
        return str(doc[1])

    def encode(self, doc: Any) -> bytes:
        return doc[0].get_update()  # type: ignore[no-any-return]

    def decode(self, data: bytes, number: int = 0) -> Any:
        doc = self.new(number=number)
        doc[0].apply_update(data)
        return doc

    def version(self, doc: Any) -> Any:
        return doc[0].get_state()

    def since(self, doc: Any, version: Any) -> bytes:
        return doc[0].get_update(version)  # type: ignore[no-any-return]

    def anchors(self, doc: Any, offsets: list[int]) -> list[Any]:
        place, assoc = doc[1].sticky_index, self.pycrdt.Assoc.BEFORE
        with doc[0].transaction():
            return [place(offset, assoc) for offset in offsets]

    def offsets(self, doc: Any, anchors: list[Any]) -> list[int]:
        with doc[0].transaction() as transaction:
            return [anchor.get_index(transaction) for anchor in anchors]


class PycrdtEvents(Pycrdt):
    """With a listener for what changed in the text: what an editor needs and `integrate` returns anyway."""

    name = "pycrdt-events"

    def taker(self, doc: Any) -> Take:
        doc[1].observe(lambda event: event.delta)
        return doc[0].apply_update  # type: ignore[no-any-return]


class YPy(Peer):
    name = "y-py"
    package = "y-py"

    def __init__(self) -> None:
        import y_py

        self.y_py = y_py

    def new(self, text: str = "", number: int = 0) -> Any:
        doc = self.y_py.YDoc(1 + number)
        content = doc.get_text("t")
        if text:
            with doc.begin_transaction() as transaction:
                content.insert(transaction, 0, text)
        return doc, content

    def replay(self, doc: Any, patches: list[Patch]) -> None:
        begin, insert, delete = doc[0].begin_transaction, doc[1].insert, doc[1].delete_range
        for start, end, text in patches:
            with begin() as transaction:
                if end > start:
                    delete(transaction, start, end - start)
                if text:
                    insert(transaction, start, text)

    def replay_with_messages(self, doc: Any, patches: list[Patch]) -> list[bytes]:
        messages: list[bytes] = []
        append = messages.append
        subscription = doc[0].observe_after_transaction(lambda event: append(event.get_update()))
        self.replay(doc, patches)
        del subscription
        return messages

    def turner(self, doc: Any) -> Turn:
        begin, insert, delete = doc[0].begin_transaction, doc[1].insert, doc[1].delete_range
        messages: list[bytes] = []
        subscription = doc[0].observe_after_transaction(lambda event: messages.append(event.get_update()))

        def turn(patches: list[Patch], keep: object = subscription) -> bytes:
            with begin() as transaction:
                for start, end, text in patches:
                    if end > start:
                        delete(transaction, start, end - start)
                    if text:
                        insert(transaction, start, text)
            return messages.pop()

        return turn

    def taker(self, doc: Any) -> Take:
        apply_update, inner = self.y_py.apply_update, doc[0]
        return lambda message: apply_update(inner, message)

    def text(self, doc: Any) -> str:
        return str(doc[1])

    def encode(self, doc: Any) -> bytes:
        return bytes(self.y_py.encode_state_as_update(doc[0]))

    def decode(self, data: bytes, number: int = 0) -> Any:
        doc = self.new(number=number)
        self.y_py.apply_update(doc[0], data)
        return doc

    def version(self, doc: Any) -> Any:
        return self.y_py.encode_state_vector(doc[0])

    def since(self, doc: Any, version: Any) -> bytes:
        return self.y_py.encode_state_as_update(doc[0], version)  # type: ignore[no-any-return]


class Gap(Peer):
    """A bare gap buffer of two lists of characters, no replication at all: the floor for a call per key."""

    name = "gap"

    class Buffer:
        def __init__(self, text: str) -> None:
            self.left = list(text)
            self.right: list[str] = []

        def replace(self, start: int, end: int, text: str) -> None:
            left, right = self.left, self.right
            at = len(left)
            if end < at:
                moved = left[end:]
                moved.reverse()
                right += moved
                del left[start:]
            elif start > at:
                count = len(right) - (start - at)
                moved = right[count:]
                moved.reverse()
                left += moved
                del right[count:]
                if end > start:
                    del right[len(right) - (end - start) :]
            else:
                if end > at:
                    del right[len(right) - (end - at) :]
                if start < at:
                    del left[start:]
            left += text

    def new(self, text: str = "", number: int = 0) -> Any:
        return Gap.Buffer(text)

    def replay(self, doc: Any, patches: list[Patch]) -> None:
        replace = doc.replace
        for start, end, text in patches:
            replace(start, end, text)

    def text(self, doc: Any) -> str:
        return "".join(doc.left) + "".join(reversed(doc.right))


OURS = ("pure", "compiled")

MAKERS: dict[str, Callable[[], Peer]] = {
    "pure": lambda: Ours("pure", False),
    "compiled": lambda: Ours("compiled", True),
    "gap": Gap,
    "loro": Loro,
    "loro-implicit": LoroImplicit,
    "pycrdt": Pycrdt,
    "pycrdt-events": PycrdtEvents,
    "y-py": YPy,
}


def make(name: str, compiled: str) -> Peer:
    """The peer of a name; `compiled` is the folder where the compiled `crdt` is."""
    if name == "compiled":
        assert "crdt" not in sys.modules
        sys.path.insert(0, compiled)
    return MAKERS[name]()
