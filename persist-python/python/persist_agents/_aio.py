"""The store for asyncio: every verb is a coroutine."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, TypeVar

from persist_agents._migrating import Collector
from persist_agents._native import GZIP, native_of, of_config, of_options, request
from persist_agents._persist import Attachment, NativeStore, Operation, Rows, Snapshot
from persist_agents._types import (
    AttachMode,
    Collected,
    Copied,
    Deleted,
    Exported,
    Imported,
    JsonDifference,
    MigrationReport,
    MigrationRow,
    Pruned,
    RawDifference,
    Save,
    State,
    Stats,
    StrPath,
    Verified,
)

T = TypeVar("T")
R = TypeVar("R")


class AsyncStore:
    """A store of snapshots for asyncio, with the verbs of `Store` as coroutines.

    No thread waits for a call. Cancelling a call ends it: what it had stored by then stays, and nothing half-written
    becomes visible. A store may be used by several event loops, each in its thread.

    >>> import asyncio
    >>> async def main():
    ...     async with AsyncStore(storage={"adapter": "memory"}) as store:
    ...         await store.save("planner", "trip-7", {"step": 1})
    ...         return [one.snapshot_index async for one in store.list("planner", "trip-7")]
    >>> asyncio.run(main())
    [0]
    """

    __slots__ = ("_native",)

    def __init__(
        self,
        *,
        storage: Mapping[str, Any],
        compression: Mapping[str, Any] | None = GZIP,
        single_writer: bool = False,
        layout: Mapping[str, int] | None = None,
        call_timeout: int | None = 300,
        plugin_path: Sequence[StrPath] = (),
    ) -> None:
        """Describe a store that needs no config; the arguments are those of `Store`.

        It is opened by `async with`, or by the first call.
        """
        self._native = of_options(
            storage, compression, single_writer, layout, call_timeout, plugin_path
        )

    @classmethod
    async def open(
        cls,
        config: StrPath | None = None,
        store: str | None = None,
        *,
        plugin_path: Sequence[StrPath] = (),
    ) -> AsyncStore:
        """Open a store of a config, as `Store.open` does."""
        return await cls._of(of_config(config, store, plugin_path))

    @classmethod
    async def _of(cls, native: NativeStore) -> AsyncStore:
        await _run(native.open())
        made = cls.__new__(cls)
        made._native = native
        return made

    async def close(self) -> None:
        """Let go of the store. Calls that have begun go on; further calls raise `UsageError`."""
        self._native.close()

    async def __aenter__(self) -> AsyncStore:
        await _run(self._native.open())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def save(
        self,
        agent: str,
        session: str,
        state: State,
        *,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
        name: str | None = None,
        parent: int | None = None,
        expect_parent: int | Literal["empty"] | None = None,
        media_type: str | None = None,
        write_id: str | None = None,
    ) -> Snapshot:
        """Save a state as the next snapshot of a session; see `Store.save`.

        JSON-like objects are written as JSON before this first waits, so they may change afterwards.
        """
        save = Save(
            agent, session, state, description, labels, name, parent, expect_parent, media_type, write_id
        )
        return await _run(self._native.save(request(save)))

    async def save_many(self, saves: Sequence[Save], *, concurrency: int = 16) -> list[Snapshot | Exception]:
        """Save many states; see `Store.save_many`."""
        return await _run(self._native.save_many([request(save) for save in saves], concurrency))

    async def restore(
        self, agent: str, session: str, index: int | None = None, *, name: str | None = None
    ) -> State:
        """Give back a state as objects; see `Store.restore`."""
        return await _run(self._native.restore(agent, session, index, name))

    async def restore_bytes(
        self, agent: str, session: str, index: int | None = None, *, name: str | None = None
    ) -> bytes:
        """Give back a state as the bytes that are stored."""
        return await _run(self._native.restore_bytes(agent, session, index, name))

    async def read(
        self, agent: str, session: str, index: int | None = None, *, name: str | None = None
    ) -> tuple[Snapshot, bytes]:
        """Give back what a snapshot is and its state as bytes, in one read."""
        return await _run(self._native.read(agent, session, index, name))

    async def show(
        self, agent: str, session: str, index: int | None = None, *, name: str | None = None
    ) -> Snapshot:
        """Tell what a snapshot is, without reading its state."""
        return await _run(self._native.show(agent, session, index, name))

    def list(
        self, agent: str | None = None, session: str | None = None, *, start: int = 0
    ) -> AsyncIterator[Snapshot]:
        """List snapshots as they are found; see `Store.list`."""
        return _Listing(self._native.list(agent, session, start), _same)

    def sessions(self, agent: str | None = None) -> AsyncIterator[tuple[str, str]]:
        """List sessions as pairs of agent and session, as they are found."""
        return _Listing(self._native.sessions(agent), _same)

    async def delete(
        self, agent: str, session: str, indices: Sequence[int] | None = None
    ) -> Deleted:
        """Delete snapshots of a session; see `Store.delete`."""
        wanted = None if indices is None else [*indices]
        return await _run(self._native.delete(agent, session, wanted))

    async def label(
        self, agent: str, session: str, index: int | None, changes: Mapping[str, str | None]
    ) -> Snapshot:
        """Change the labels of a snapshot; see `Store.label`."""
        return await _run(self._native.label(agent, session, index, dict(changes)))

    async def fork(
        self, agent: str, session: str, index: int | None, to_agent: str, to_session: str
    ) -> Snapshot:
        """Begin a new session with the state of a snapshot; see `Store.fork`."""
        return await _run(self._native.fork(agent, session, index, to_agent, to_session))

    async def attach(
        self,
        agent: str,
        session: str,
        index: int | None,
        name: str,
        content: bytes | bytearray | memoryview,
        *,
        media_type: str | None = None,
        mode: AttachMode = "upsert",
    ) -> Attachment:
        """Attach content to a snapshot; see `Store.attach`."""
        return await _run(self._native.attach(agent, session, index, name, content, media_type, mode))

    async def attachments(self, agent: str, session: str, index: int | None = None) -> builtins.list[Attachment]:
        """Tell the attachments of a snapshot, by name, without reading their contents."""
        return await _run(self._native.attachments(agent, session, index))

    async def read_attachment(self, agent: str, session: str, index: int | None, name: str) -> bytes:
        """Give back the content of an attachment, checked."""
        return await _run(self._native.read_attachment(agent, session, index, name))

    async def copy_attachments(self, to: AsyncStore, agent: str, session: str, index: int) -> int:
        """Copy the attachments of a snapshot to another store; see `Store.copy_attachments`."""
        return await _run(self._native.copy_attachments(native_of(to), agent, session, index))

    def verify(
        self,
        agent: str | None = None,
        session: str | None = None,
        index: int | None = None,
        *,
        data: bool = False,
    ) -> AsyncIterator[Verified]:
        """Check every stored byte that the chosen snapshots need; see `Store.verify`."""
        rows = self._native.verify(agent, session, index, data)
        return _Listing(rows, lambda row: Verified(**row))

    async def prune(
        self,
        agent: str,
        session: str,
        *,
        keep_last: int | None = None,
        keep_within: str | None = None,
        keep_hourly: int | None = None,
        keep_daily: int | None = None,
        keep_weekly: int | None = None,
        keep_monthly: int | None = None,
        keep_yearly: int | None = None,
        keep_labels: Sequence[str] = (),
        keep_named: bool = False,
        timezone: str | None = None,
        dry_run: bool = False,
    ) -> Pruned:
        """Delete the snapshots of a session that no rule keeps; see `Store.prune`."""
        keep = (
            keep_last,
            keep_within,
            keep_hourly,
            keep_daily,
            keep_weekly,
            keep_monthly,
            keep_yearly,
            [*keep_labels],
            keep_named,
            timezone,
        )
        return await _run(self._native.prune(agent, session, keep, dry_run))

    async def collect(self, agent: str, session: str, *, compact: bool = False) -> Collected:
        """Free the space of a session's deleted snapshots; see `Store.collect`."""
        return await _run(self._native.collect(agent, session, compact))

    async def stats(self, agent: str, session: str) -> Stats:
        """Count what a session holds and takes; see `Store.stats`."""
        return await _run(self._native.stats(agent, session))

    async def diff(
        self,
        agent: str,
        session: str,
        old: int | None,
        new: int | None = None,
        *,
        new_session: tuple[str, str] | None = None,
    ) -> JsonDifference | RawDifference:
        """Tell what changed from one snapshot to another; see `Store.diff`."""
        to_agent, to_session = (agent, session) if new_session is None else new_session
        return await _run(self._native.diff((agent, session, old), (to_agent, to_session, new)))

    async def copy(
        self, to: AsyncStore, agent: str, session: str, *, until: int | None = None, verify: bool = True
    ) -> Copied:
        """Copy a session into another store, or continue a copy; see `Store.copy`, also for `copy_diverged`.

        Cancelling it leaves what was copied by then, and the same call continues it.
        """
        return await _run(self._native.copy(native_of(to), agent, session, until, verify))

    async def migrate(
        self,
        to: AsyncStore,
        *,
        verify: bool = False,
        dry_run: bool = False,
        on_session: Callable[[MigrationRow], object] | None = None,
    ) -> MigrationReport:
        """Copy all sessions of this store into another, or continue that; see `Store.migrate`.

        `on_session` is a plain function, called in the event loop's thread. Cancelling the call ends the migration; what
        was copied by then stays, and the same call continues it.
        """
        rows = self._native.migrate(native_of(to), verify, dry_run)
        collector = Collector(on_session)
        try:
            while (report := collector.take(await _run(rows.next()))) is None:
                pass
        finally:
            rows.close()
        return report

    async def export(
        self, path: StrPath, agent: str | None = None, session: str | None = None, *, overwrite: bool = False
    ) -> Exported:
        """Write sessions into one file; see `Store.export`."""
        return await _run(self._native.export(path, agent, session, overwrite))

    async def import_(
        self, path: StrPath, agent: str | None = None, session: str | None = None
    ) -> builtins.list[Imported]:
        """Take sessions in from a file that `export` wrote; see `Store.import_`."""
        return await _run(self._native.import_(path, agent, session))


async def _run(operation: Operation[T]) -> T:
    """Carry out an operation on behalf of the running event loop."""
    return await operation.start(asyncio.get_running_loop())


def _same(row: T) -> T:
    """A row that is what it is."""
    return row


class _Listing(AsyncIterator[T]):
    """Rows of a listing. A row that cannot be read raises, and the next call goes on behind it."""

    def __init__(self, rows: Rows[R], make: Callable[[R], T]) -> None:
        self._rows: Rows[Any] = rows
        self._make: Callable[[Any], T] = make
        self._batch: Iterator[Any] = iter(())

    async def __anext__(self) -> T:
        for row in self._batch:
            if isinstance(row, Exception):
                raise row
            return self._make(row)
        batch = await _run(self._rows.next())
        if not batch:
            raise StopAsyncIteration
        self._batch = iter(batch)
        return await self.__anext__()
