"""What every database that nodes share must do, whatever it is made of; each engine's tests inherit these suites.

`FencedConformance` is `StorageConformance` for such a storage. `Fencing` has the mistakes that lose text or double it, one test each.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jpterm_like.storage import StoreBusy, StoreLost, SyncFailed
from jpterm_like.storage.base import StoreElsewhere
from jpterm_like.storage.engine import Engine, Entry, Generation, Node, State, Write
from jpterm_like.storage.fenced import FencedStorage
from tests.storage.conformance import records, yes

NewNode = Callable[[str], FencedStorage]
"""Makes a node with this address, whose lease is renewed by the test."""


def taken(engine: Engine, name: bytes, node: str, fence: int) -> State:
    state = engine.take(name, node, fence)
    assert isinstance(state, State)
    return state


class Fencing:
    """Give the fixtures `node` and `end_leases`."""

    @pytest.fixture
    def node(self) -> NewNode:
        raise NotImplementedError

    @pytest.fixture
    def end_leases(self) -> Callable[[], None]:
        """Let all leases end, as if no node had been heard of for long."""
        raise NotImplementedError

    def test_a_document_is_open_at_one_node_and_the_others_learn_where(self, node: NewNode) -> None:
        one, two = node("10.0.0.1:9761"), node("10.0.0.2:9761")
        store = one.open("notes.md")
        with pytest.raises(StoreElsewhere) as caught:
            two.open("notes.md")
        assert (caught.value.node, caught.value.address) == (one.node.id, "10.0.0.1:9761")
        assert isinstance(caught.value, StoreBusy), "without a relay the client tries again"
        assert two.owner("notes.md") == one.node and two.owner("other.md") is None
        with pytest.raises(StoreBusy):
            two.delete("notes.md")
        store.append(records(b"a"))
        store.close()
        assert two.open("notes.md").load().records == records(b"a")
        assert one.nodes() == sorted([one.node, two.node])

    def test_a_node_is_known_to_the_others_by_its_secret(
        self, node: NewNode, end_leases: Callable[[], None]
    ) -> None:
        one, two = node(""), node("")
        one.beat()
        assert one.is_node(two.node.id, two.secret)
        assert not one.is_node(two.node.id, one.secret) and not one.is_node("nobody", two.secret)
        assert two.secret not in str(one.nodes()), "the database has its hash alone"
        end_leases()
        one.beat()
        assert not one.is_node(two.node.id, two.secret)

    def test_a_node_that_is_heard_of_keeps_its_documents(
        self, node: NewNode, end_leases: Callable[[], None]
    ) -> None:
        one, two = node(""), node("")
        one.open("notes.md")
        end_leases()
        one.beat()
        with pytest.raises(StoreElsewhere):
            two.open("notes.md")

    def test_a_node_that_was_replaced_stores_nothing_and_is_told(
        self, node: NewNode, end_leases: Callable[[], None]
    ) -> None:
        """It was stopped for longer than its lease, and goes on: each way of writing is refused."""
        one, two = node(""), node("")
        told: list[str] = []
        one.on_lost = told.append
        names = ["append", "blob", "snapshot", "clear", "delete"]
        old = {name: one.open(name) for name in names}
        for store in old.values():
            store.append(records(b"a"))
            store.sync()
            store.append(records(b"ghost"))
        end_leases()
        two.beat()
        new = {name: two.open(name) for name in names}
        for act in (
            old["append"].sync,
            lambda: old["blob"].write_blob("base", b"ghost"),
            lambda: old["snapshot"].snapshot(records(b"ghost"), yes),
            old["clear"].clear,
            old["delete"].delete,
        ):
            with pytest.raises(StoreLost, match="at another node now"):
                act()
        assert sorted(told) == sorted(names)
        for store in new.values():
            assert store.load().records == records(b"a") and store.blobs() == {}
            store.append(records(b"b"))
            store.sync()

    def test_a_node_whose_lease_had_ended_learns_what_it_lost(
        self, node: NewNode, end_leases: Callable[[], None]
    ) -> None:
        """Also of documents that nobody types in: their readers would be shown an old text for ever."""
        one, two = node(""), node("")
        told: list[str] = []
        one.on_lost = told.append
        for name in ("kept.md", "taken.md"):
            store = one.open(name)
            store.append(records(b"a"))
            store.sync()
        end_leases()
        two.beat()
        two.open("taken.md")
        one.beat()
        assert told == ["taken.md"]
        one.open("third.md")

    async def test_one_commit_stores_all_but_what_was_lost(
        self, node: NewNode, end_leases: Callable[[], None]
    ) -> None:
        one, two = node(""), node("")
        stores = [one.open(f"{number}.md") for number in range(3)]
        for store in stores:
            store.append(records(b"a"))
        end_leases()
        two.beat()
        two.open("1.md")
        with pytest.raises(SyncFailed) as caught:
            await one.sync(stores)
        assert [store for store, _ in caught.value.failures] == [stores[1]]
        assert isinstance(caught.value.failures[0][1], StoreLost)
        assert stores[0].load().records == records(b"a")

    # The mistakes, each with the engine alone

    def test_mistake_a_fence_that_counts_is_reached_again_after_the_database_went_back(
        self, node: NewNode, end_leases: Callable[[], None]
    ) -> None:
        """A restored backup has an older fence; a counter would come to the number that the old owner holds."""
        one, two = node(""), node("")
        store = one.open("notes.md")
        fences = {store.fence}
        for _ in range(20):
            store.close()
            store = one.open("notes.md")
            fences.add(store.fence)
        assert len(fences) == 21 and not any(fence + 1 in fences for fence in fences)
        state = taken(two.engine, b"notes.md", one.node.id, 7)
        refused = Write(
            state.document, store.fence, state.head, state.head + 1, [Entry(state.head + 1, 1, b"x")]
        )
        assert two.engine.write([refused]) == set()

    def test_mistake_a_write_that_is_sent_again_is_made_twice(self, node: NewNode) -> None:
        engine = node("").engine
        state = taken(engine, b"notes.md", "me", 5)
        write = Write(state.document, 5, 0, 1, [Entry(1, 1, b"x")])
        assert engine.write([write]) == {state.document}
        assert engine.write([write]) == set(), "its head is an earlier one now"
        assert engine.confirm({state.document: 5}) == {state.document: 1}
        assert [entry.payload for entry in engine.log(state.document, 0)] == [b"x"]

    def test_mistake_a_blob_that_arrives_late_undoes_a_later_one(self, node: NewNode) -> None:
        engine = node("").engine
        state = taken(engine, b"notes.md", "me", 5)
        late = Write(state.document, 5, 0, 1, [], {"base": b"old"})
        assert engine.write([Write(state.document, 5, 0, 1, [], {"base": b"new"})])
        assert engine.write([late]) == set()
        assert engine.blob(state.document, "base") == b"new"

    def test_mistake_a_snapshot_of_a_replaced_owner_counts(self, node: NewNode) -> None:
        """The log that it replaces would be removed, with what the new owner wrote."""
        engine = node("").engine
        state = taken(engine, b"notes.md", "one", 5)
        engine.write([Write(state.document, 5, 0, 1, [Entry(1, 1, b"a")])])
        assert engine.write_parts(state.document, 5, 77, [b"part"])
        taken(engine, b"notes.md", "one", 6)
        assert not engine.use_snapshot(Write(state.document, 5, 1, 2), Generation(77, 1))
        assert not engine.write_parts(state.document, 5, 78, [b"part"])
        assert not engine.clear(Write(state.document, 5, 1, 2))
        assert not engine.delete(state.document, 5) and not engine.set_aside(state.document, 5)
        found = engine.state(b"notes.md")
        assert found is not None and found.newest is None and found.head == 1

    def test_mistake_a_late_release_frees_what_another_opening_has(self, node: NewNode) -> None:
        engine = node("").engine
        state = taken(engine, b"notes.md", "one", 5)
        engine.write([Write(state.document, 5, 0, 1, [Entry(1, 1, b"a")])])
        engine.beat(Node("two", ""), 60)
        taken(engine, b"notes.md", "two", 6)
        engine.release(state.document, 5)
        found = engine.owner(b"notes.md")
        assert found is not None and found.id == "two"
