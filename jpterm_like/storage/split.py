"""A storage that keeps some documents in memory, chosen by name, and all others on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from jpterm_like.storage.base import Inspection, NewStore, Storage, StorageError, Store, SyncFailed


class SplitStorage:
    """See `base.Storage`.

    Args:
        disk: stores all other documents.
        memory: stores documents that must leave nothing on a disk.
        is_for_memory: whether a document of this name belongs in memory. The answer must not change while the
        document is open.
    """

    def __init__(self, disk: Storage, memory: Storage, is_for_memory: Callable[[str], bool]) -> None:
        self._disk = disk
        self._memory = memory
        self._is_for_memory = is_for_memory
        self._in_memory: set[Store] = set()

    def open(self, name: str) -> Store:
        if not self._is_for_memory(name):
            return self._disk.open(name)
        store = self._memory.open(name)
        self._in_memory.add(store)
        return store

    def begin(self) -> None:
        self._disk.begin()
        self._memory.begin()

    def names(self, with_blob: str | None = None) -> list[str]:
        return sorted({*self._disk.names(with_blob), *self._memory.names(with_blob)})

    def read_blob(self, name: str, blob: str) -> bytes | None:
        return self._of(name).read_blob(name, blob)

    def has(self, name: str) -> bool:
        return self._of(name).has(name)

    def set_aside(self, name: str) -> None:
        self._of(name).set_aside(name)

    def delete(self, name: str) -> None:
        self._of(name).delete(name)

    def inspect(self, name: str) -> Inspection | None:
        return self._of(name).inspect(name)

    def inspect_all(self) -> Iterator[Inspection]:
        yield from self._disk.inspect_all()
        yield from self._memory.inspect_all()

    def usage(self, name: str) -> tuple[int, float]:
        return self._of(name).usage(name)

    async def create(self, new: Sequence[NewStore]) -> set[str]:
        in_memory = [each for each in new if self._is_for_memory(each.name)]
        on_disk = [each for each in new if not self._is_for_memory(each.name)]
        return await self._disk.create(on_disk) | await self._memory.create(in_memory)

    async def sync(self, stores: Sequence[Store]) -> None:
        failures: list[tuple[Store, StorageError]] = []
        in_memory = [store for store in stores if store in self._in_memory]
        for storage, part in (
            (self._disk, [store for store in stores if store not in self._in_memory]),
            (self._memory, in_memory),
        ):
            try:
                if part:
                    await storage.sync(part)
            except SyncFailed as problem:
                failures += problem.failures
        if failures:
            raise SyncFailed(failures)

    def pause_after(self, count: int, load: float) -> float:
        return self._disk.pause_after(count, load)

    def close(self) -> None:
        self._disk.close()
        self._memory.close()

    def _of(self, name: str) -> Storage:
        return self._memory if self._is_for_memory(name) else self._disk
