"""The checkpoints of a PersistSaver."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from types import TracebackType

from langgraph.checkpoint.serde.base import SerializerProtocol, maybe_add_typed_methods

from persist_agents import NotFoundError, Store, UnavailableError

from .._calls import run
from .._documents import load_checkpoint, load_value
from .._names import thread_of_session
from .._saver import DEFAULT_AGENT, PersistSaver
from .._threads import Place as StoredPlace
from . import checkpoints
from .record import Place, Record, Write, canonical
from .serde import OpaqueSerializer

_ATTEMPTS = 16


class PersistCheckpoints:
    """The checkpoints of a PersistSaver, as a source or as a target. Other processes may use the store meanwhile."""

    metadata_left_out: frozenset[str] = frozenset()

    def __init__(self, saver: PersistSaver, *, serde: SerializerProtocol | None = None) -> None:
        """Takes a saver; leaving the ``with`` block closes its store."""
        self.serde = maybe_add_typed_methods(serde or OpaqueSerializer())
        self.name = f"agent {saver.agent} in Persist"
        self._saver = copy.copy(saver)
        self._saver.serde = self.serde
        self._threads = self._saver._blocking  # pyright: ignore[reportPrivateUsage]

    @classmethod
    def open(
        cls,
        config: str | None = None,
        store: str | None = None,
        *,
        agent: str | None = None,
        plugin_path: Sequence[str | os.PathLike[str]] = (),
    ) -> PersistCheckpoints:
        """Opens a store of a config as `Store.open` does.

        Raises:
            PersistError: The store cannot be opened.
        """
        opened = Store.open(config, store, plugin_path=plugin_path)
        return cls(PersistSaver(opened, agent=agent or DEFAULT_AGENT))

    def __enter__(self) -> PersistCheckpoints:
        """Returns itself; `__exit__` closes the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes the store."""
        self._saver.__exit__(kind, value, traceback)

    def count(self) -> int | None:
        """Returns None: counting would list every snapshot."""
        return None

    def orphaned_writes(self) -> int:
        """Returns how many pending writes belong to no checkpoint that is there."""
        found = 0
        for thread_id in self.threads():
            session = self._place(Place(thread_id, "", "", None)).session
            for _, _, entry in run(self._threads.index(session)).entries():
                if entry.checkpoint is None:
                    found += len(run(self._threads.writes(session, entry)))
        return found

    def threads(self) -> Iterator[str]:
        """Yields the ids of all threads as the store lists their sessions."""
        rows = self._threads.native.sessions(self._saver.agent)
        while batch := rows.next().wait():
            for row in batch:
                if isinstance(row, BaseException):
                    raise row
                yield thread_of_session(row[1])

    def places(self, thread_id: str) -> list[Place]:
        """Returns where the checkpoints of a thread belong, in no order and without their parents, which their states have."""
        session = self._place(Place(thread_id, "", "", None)).session
        index = run(self._threads.index(session))
        return [
            Place(thread_id, checkpoint_ns, checkpoint_id, None)
            for checkpoint_ns, checkpoint_id, entry in index.entries()
            if entry.checkpoint is not None
        ]

    def read(self, place: Place) -> Record | None:
        """Reads a checkpoint and its writes; None if it is not there."""
        session = self._place(place).session
        for _ in range(_ATTEMPTS):
            index = run(self._threads.index(session))
            entry = index.entry(place.checkpoint_ns, place.checkpoint_id)
            row = entry.checkpoint if entry else None
            if entry is None or row is None:
                return None
            try:
                _, state = run(self._threads.read(session, row.index))
                writes = run(self._threads.writes(session, entry))
            except NotFoundError:
                # Deleted or replaced since; the index will tell.
                continue
            document = load_checkpoint(state)
            return Record(
                Place(place.thread_id, document.checkpoint_ns, document.checkpoint_id, document.parent_checkpoint_id),
                document.checkpoint(self.serde),
                document.metadata(self.serde),
                canonical(
                    Write(
                        write.task_id, write.task_path, write.index, write.channel, load_value(self.serde, write.value)
                    )
                    for write in writes
                ),
            )
        raise UnavailableError(
            f"checkpoint {place.checkpoint_id} of thread {place.thread_id} changes faster than it can be read",
            code="checkpoint_busy",
            hint="run the migration again when no agent works on the thread",
        )

    def put(self, record: Record) -> None:
        """Stores a checkpoint without its writes."""
        checkpoints.put(self._saver, record)

    def put_writes(self, place: Place, writes: Sequence[Write]) -> None:
        """Stores writes of a checkpoint; those that are there already stay as they are."""
        checkpoints.put_writes(self._saver, place, writes)

    def _place(self, place: Place) -> StoredPlace:
        return StoredPlace.of({"configurable": {"thread_id": place.thread_id}})
