"""The threads in the store: finding their snapshots, and what every operation on them shares."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from persist_agents import InvalidInputError, NotFoundError
from persist_agents._persist import Attachment, NativeStore, Snapshot

from ._calls import Calls
from ._documents import CheckpointDocument, Write, load_checkpoint, load_id, load_writes
from ._index import Entry, Indexes, Row, ThreadIndex
from ._names import checkpoint_of_name, is_writes_name, session_of_thread
from ._recent import Recent

#: A checkpoint and its writes.
Recalled = tuple[CheckpointDocument, list[Write]]

#: The label that tells a checkpoint's snapshot from any other.
NAMESPACE_LABEL = "checkpoint_ns"

#: The label of a checkpoint that does not store the values of all its delta channels.
DELTA_LABEL = "delta_channels"

#: The metadata by which LangGraph tells that: per channel, how often it was written since.
DELTA_COUNTERS = "counters_since_delta_snapshot"


@dataclass(frozen=True, slots=True)
class Place:
    """What a config points at."""

    thread_id: Any
    session: str
    checkpoint_ns: str
    checkpoint_id: str | None

    @classmethod
    def of(cls, config: RunnableConfig) -> Place:
        """Reads a config.

        Raises:
            InvalidInputError: If it names no thread, or one that the store cannot have.
        """
        configurable = config.get("configurable", {})
        if "thread_id" not in configurable:
            raise InvalidInputError('the config names no thread', code="no_thread_id", hint='set config["configurable"]["thread_id"]')
        thread_id = configurable["thread_id"]
        checkpoint_id = configurable.get("checkpoint_id")
        return cls(
            thread_id=thread_id,
            session=session_of_thread(thread_id),
            checkpoint_ns=str(configurable.get("checkpoint_ns") or ""),
            checkpoint_id=str(checkpoint_id) if checkpoint_id else None,
        )

    def config(self, checkpoint_id: str) -> RunnableConfig:
        """The config of a checkpoint in this namespace of this thread."""
        return config_of(self.thread_id, self.checkpoint_ns, checkpoint_id)


def config_of(thread_id: Any, checkpoint_ns: str, checkpoint_id: str) -> RunnableConfig:
    """The config of a checkpoint."""
    return {
        "configurable": {
            "thread_id": thread_id,
            "checkpoint_ns": checkpoint_ns,
            "checkpoint_id": checkpoint_id,
        }
    }


class Saves:
    """The saves that are under way in this process, so that writes can wait for their checkpoint."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, set[concurrent.futures.Future[None]]] = {}
        self._coming: dict[str, set[concurrent.futures.Future[None]]] = {}
        self._ended: dict[str, float] = {}

    @contextmanager
    def begun(self, session: str) -> Generator[None, None, None]:
        """A save to a session, from its first moment to its last."""
        future: concurrent.futures.Future[None] = concurrent.futures.Future()
        with self._lock:
            self._running.setdefault(session, set()).add(future)
            waiting = self._coming.pop(session, set())
        for coming in waiting:
            coming.set_result(None)
        try:
            yield
        finally:
            with self._lock:
                self._running[session].discard(future)
                if not self._running[session]:
                    del self._running[session]
                if len(self._ended) > 1000:
                    self._ended.clear()
                self._ended[session] = time.monotonic()
            future.set_result(None)

    def running(self, session: str) -> set[concurrent.futures.Future[None]]:
        """The saves to a session that have not ended."""
        with self._lock:
            return set(self._running.get(session, ()))

    @contextmanager
    def coming(self, session: str) -> Generator[concurrent.futures.Future[None], None, None]:
        """A future that is done as soon as another save to a session begins."""
        future: concurrent.futures.Future[None] = concurrent.futures.Future()
        with self._lock:
            self._coming.setdefault(session, set()).add(future)
        try:
            yield future
        finally:
            with self._lock:
                waiting = self._coming.get(session, set())
                waiting.discard(future)
                if not waiting:
                    self._coming.pop(session, None)

    def ended(self, session: str) -> float:
        """When the last save to a session ended, by the monotonic clock."""
        with self._lock:
            return self._ended.get(session, 0.0)


class Shared:
    """What all ways to use one checkpointer have in common."""

    def __init__(self, native: NativeStore, agent: str) -> None:
        self.native = native
        self.agent = agent
        self.indexes = Indexes()
        self.recent = Recent()
        self.saves = Saves()


class Threads:
    """The threads of one agent, waited for in one way."""

    def __init__(self, shared: Shared, call: Calls) -> None:
        self.shared = shared
        self.native = shared.native
        self.agent = shared.agent
        self.call = call

    async def sessions(self) -> list[str]:
        """The sessions of all threads."""
        try:
            return [session for _, session in await self._rows(self.native.sessions(self.agent))]
        except NotFoundError:
            return []

    async def index(self, session: str) -> ThreadIndex:
        """What snapshots a thread has, at a moment after this was called."""
        indexes = self.shared.indexes
        stood = indexes.known(session)
        stood_at = (stood.last_index, stood.decision)
        try:
            found, decision = await self.call(self.native.position(self.agent, session))
        except NotFoundError:
            # There is no store yet, or no longer.
            indexes.forget(session)
            return ThreadIndex()
        last_index = -1 if found is None else found
        if last_index < stood_at[0] or decision < stood_at[1]:
            # The session was removed by hand and begun anew.
            indexes.forget(session)
        known = indexes.known(session)
        if decision == known.decision:
            # What others learned meanwhile may be ahead of this answer.
            if last_index <= known.last_index:
                return known
            start = known.last_index + 1
            rows = await self._list(session, start, last_index)
            if extended := indexes.extend(session, rows, start, last_index, decision):
                return extended
        rows = await self._list(session, 0, last_index)
        return indexes.replace(session, rows, last_index, decision)

    async def read(self, session: str, index: int) -> tuple[Snapshot, bytes]:
        """A snapshot and its state."""
        return await self.call(self.native.read(self.agent, session, index, None))

    async def attached(self, session: str, index: int) -> list[tuple[Attachment, bytes]]:
        """What is attached to a snapshot."""
        return await self.call(self.native.read_attachments(self.agent, session, index))

    async def writes(self, session: str, entry: Entry) -> list[Write]:
        """The pending writes of a checkpoint. They lie at the first of its snapshots; what lies at others counts as well."""
        attached: list[tuple[Attachment, bytes]] = []
        for index in entry.indices:
            attached += await self.attached(session, index)
        return _in_order(entry, attached)

    async def writes_of_many(self, session: str, entries: Sequence[Entry]) -> list[list[Write] | None]:
        """The pending writes of several checkpoints; None for one that was deleted meanwhile."""
        indices = [index for entry in entries for index in entry.indices]
        read = await self.call(self.native.read_attachments_of(self.agent, session, indices))
        found = iter(read)
        writes: list[list[Write] | None] = []
        for entry in entries:
            attached: list[tuple[Attachment, bytes]] = []
            is_there = True
            for _, contents in zip(entry.indices, found, strict=False):
                if isinstance(contents, NotFoundError):
                    is_there = False
                elif isinstance(contents, BaseException):
                    raise contents
                else:
                    attached += contents
            writes.append(_in_order(entry, attached) if is_there else None)
        return writes

    async def recent(self, session: str, position: tuple[int, int], entry: Entry) -> Recalled | None:
        """A checkpoint that is kept, with its writes as they are now; None if the session stands elsewhere by now."""
        row = entry.checkpoint
        if row is None or len(entry.rows) > 1:
            return None
        document = self.shared.recent.get(session, row.index)
        if document is None:
            return None
        now, attached = await self.call(self.native.glance(self.agent, session, row.index))
        return (document, writes_of(attached)) if now == position else None

    async def document(self, session: str, row: Row) -> CheckpointDocument:
        """The checkpoint that a snapshot holds."""
        _, state = await self.read(session, row.index)
        return load_checkpoint(state)

    async def row_of(self, snapshot: Snapshot) -> Row | None:
        """What to remember of a snapshot; None if it is none of a checkpointer."""
        checkpoint_ns = snapshot.labels.get(NAMESPACE_LABEL)
        if checkpoint_ns is None:
            return None
        early = False
        checkpoint_id = None
        if snapshot.name is not None:
            early = is_writes_name(snapshot.name)
            checkpoint_id = checkpoint_of_name(snapshot.name)
        if checkpoint_id is None:
            # Forked by hand, or under a digest: the state has it.
            _, state = await self.read(snapshot.session_id, snapshot.snapshot_index)
            checkpoint_id = load_id(state)
        facts = {name: value for name, value in snapshot.labels.items() if name != NAMESPACE_LABEL}
        return Row(snapshot.snapshot_index, checkpoint_ns, checkpoint_id, early, facts)

    async def _list(self, session: str, start: int, last_index: int) -> list[Row]:
        """The snapshots from `start` on, at least up to `last_index`."""
        snapshots = await self._rows(self.native.list(self.agent, session, start))
        listed = snapshots[-1].snapshot_index if snapshots else start - 1
        # A listing may lag; reading an index by itself does not.
        for index in range(listed + 1, last_index + 1):
            try:
                snapshots.append(await self.call(self.native.show(self.agent, session, index, None)))
            except NotFoundError:
                continue
        rows: list[Row] = []
        for snapshot in snapshots:
            try:
                row = await self.row_of(snapshot)
            except NotFoundError:
                # Deleted meanwhile.
                continue
            if row is not None:
                rows.append(row)
        return rows

    async def _rows(self, listing: Any) -> list[Any]:
        rows: list[Any] = []
        while batch := await self.call(listing.next()):
            for row in batch:
                if isinstance(row, BaseException):
                    raise row
                rows.append(row)
        return rows


def _in_order(entry: Entry, attached: list[tuple[Attachment, bytes]]) -> list[Write]:
    """The writes in what is attached to all snapshots of a checkpoint."""
    if len(entry.rows) > 1:
        attached.sort(key=lambda pair: pair[0].timestamp)
    return writes_of(attached)


def writes_of(attached: list[tuple[Attachment, bytes]]) -> list[Write]:
    """The writes in attachments, in the order in which a run applies them.

    Of a task's ordinary writes with the same position the first counts, of its special ones the last.
    """
    found: dict[tuple[str, int], Write] = {}
    for _, content in attached:
        for write in load_writes(content):
            key = (write.task_id, write.index)
            if write.index < 0 or key not in found:
                found[key] = write
    return sorted(found.values(), key=Write.sort_key)
