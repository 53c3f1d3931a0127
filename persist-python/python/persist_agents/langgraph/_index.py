"""What a checkpointer remembers of its threads: which snapshots they have, without their states.

It is kept right by asking the store where the session stands before every use: while its highest index and the number of
its last decision are the same, so is all that is remembered. What is new is read, and after a deletion everything is read
again. Nothing here is ever believed without that question, except where a mistake would only cost a request.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

#: The most threads and snapshots that are remembered; a snapshot takes some 300 bytes.
_MAX_THREADS = 1000
_MAX_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One snapshot."""

    index: int
    checkpoint_ns: str
    checkpoint_id: str
    #: Whether it only holds writes that came before their checkpoint.
    early: bool
    #: What the labels tell of the checkpoint's metadata.
    facts: dict[str, str]


@dataclass(slots=True)
class Entry:
    """A checkpoint, or the writes that came before it."""

    rows: list[Row] = field(default_factory=list["Row"])

    @property
    def checkpoint(self) -> Row | None:
        """The newest snapshot that holds the checkpoint itself."""
        return next((row for row in reversed(self.rows) if not row.early), None)

    @property
    def indices(self) -> list[int]:
        """All its snapshots, in ascending order; writes go to the first."""
        return [row.index for row in self.rows]


class ThreadIndex:
    """The snapshots of one thread."""

    def __init__(self, last_index: int = -1, decision: int = 0) -> None:
        self.last_index = last_index
        self.decision = decision
        self._rows: dict[int, Row] = {}
        self._namespaces: dict[str, dict[str, Entry]] = {}
        self._latest: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Row) -> None:
        """Adds a snapshot, if it is not there."""
        if row.index in self._rows:
            return
        self._rows[row.index] = row
        entry = self._namespaces.setdefault(row.checkpoint_ns, {}).setdefault(row.checkpoint_id, Entry())
        # A new list: others may be reading the old one.
        entry.rows = sorted([*entry.rows, row], key=lambda row: row.index)
        if not row.early and row.checkpoint_id >= self._latest.get(row.checkpoint_ns, ""):
            self._latest[row.checkpoint_ns] = row.checkpoint_id

    def rows_above(self, index: int) -> list[Row]:
        """The snapshots above an index."""
        return [row for row in self._rows.values() if row.index > index]

    def entry(self, checkpoint_ns: str, checkpoint_id: str) -> Entry | None:
        """What there is of a checkpoint."""
        return self._namespaces.get(checkpoint_ns, {}).get(checkpoint_id)

    def latest(self, checkpoint_ns: str) -> str | None:
        """The highest checkpoint id of a namespace."""
        return self._latest.get(checkpoint_ns)

    def namespaces(self) -> list[str]:
        """The namespaces that have anything."""
        return list(self._namespaces)

    def entries(self, checkpoint_ns: str | None = None) -> Iterator[tuple[str, str, Entry]]:
        """All entries, or those of one namespace, as they were when this was called."""
        names = self.namespaces() if checkpoint_ns is None else [checkpoint_ns]
        for name in names:
            for checkpoint_id, entry in list(self._namespaces.get(name, {}).items()):
                yield name, checkpoint_id, Entry(list(entry.rows))


class Indexes:
    """The indexes of the threads that were used last. Safe under threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: OrderedDict[str, ThreadIndex] = OrderedDict()

    def known(self, session: str) -> ThreadIndex:
        """What is remembered of a thread; an empty index if nothing is."""
        with self._lock:
            found = self._threads.get(session)
            if found is None:
                return ThreadIndex()
            self._threads.move_to_end(session)
            return found

    def extend(
        self, session: str, rows: list[Row], start: int, last_index: int, decision: int
    ) -> ThreadIndex | None:
        """Adds what a listing from `start` on showed; None if what is before it is not known, or no longer holds."""
        with self._lock:
            index = self._threads.get(session)
            if index is None and start == 0:
                index = ThreadIndex(decision=decision)
                self._keep(session, index)
            if index is None or index.last_index < start - 1 or index.decision != decision:
                return None
            for row in rows:
                index.add(row)
            index.last_index = max(index.last_index, last_index)
            return index

    def replace(self, session: str, rows: list[Row], last_index: int, decision: int) -> ThreadIndex:
        """Puts what a whole listing showed in the place of what was known, unless that is newer."""
        with self._lock:
            known = self._threads.get(session)
            if known is not None and known.decision > decision:
                return known
            index = ThreadIndex(last_index, decision)
            for row in rows:
                index.add(row)
            if known is not None and known.decision == decision:
                # Saved by this process since the listing.
                for row in known.rows_above(last_index):
                    index.add(row)
                index.last_index = max(last_index, known.last_index)
            self._keep(session, index)
            return index

    def saved(self, session: str, row: Row) -> None:
        """Adds a snapshot that this process saved, if nothing can be missing before it."""
        with self._lock:
            index = self._threads.get(session)
            if index is None and row.index == 0:
                index = ThreadIndex()
                self._keep(session, index)
            if index is not None and row.index == index.last_index + 1:
                index.add(row)
                index.last_index = row.index

    def forget(self, session: str) -> None:
        """Forgets a thread."""
        with self._lock:
            self._threads.pop(session, None)

    def _keep(self, session: str, index: ThreadIndex) -> None:
        self._threads[session] = index
        self._threads.move_to_end(session)
        rows = sum(map(len, self._threads.values()))
        while len(self._threads) > 1 and (len(self._threads) > _MAX_THREADS or rows > _MAX_ROWS):
            _, dropped = self._threads.popitem(last=False)
            rows -= len(dropped)
