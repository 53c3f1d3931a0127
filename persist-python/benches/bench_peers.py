"""Saves the states in files with one peer and prints as JSON what that took: a part of ``cargo xtask bench-peers``.

Run: ``python bench_peers.py PEER DIRECTORY STATE...``, or ``PEER --version`` for the peer's version.

``wall_s`` and ``cpu_s`` are those of the saves alone, ``restore_s`` the fastest of three reads of the last state by a peer that was
opened anew. Reading files, parsing JSON for the checkpointers and checking what comes back are not counted; ``peak_bytes``, the most
memory of the process, has them and Python with its packages, too.

Every peer keeps its own default for durability but for the plain rows, which are written with ``synchronous=FULL``: each save is
on disk when it returns, except with object storage.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

RESTORES = 3


class Peer(Protocol):
    """Something that keeps the states of one session."""

    def prepare(self, state: bytes) -> Any:
        """What is handed to `save`."""

    def save(self, step: int, prepared: Any) -> None:
        """Keeps one more state."""

    def last(self) -> Any:
        """The last state, as `prepare` returned it."""


class Rows:
    """Rows of a table, one transaction each."""

    def __init__(self, connection: sqlite3.Connection, level: int | None) -> None:
        self._connection = connection
        self._level = level

    def prepare(self, state: bytes) -> bytes:
        """The state as it is."""
        return state

    def save(self, step: int, prepared: bytes) -> None:
        """Inserts a row and commits."""
        value = prepared if self._level is None else zlib.compress(prepared, self._level)
        with self._connection:
            self._connection.execute("INSERT INTO states VALUES (?, ?)", (step, value))

    def last(self) -> bytes:
        """Reads the row with the highest step."""
        rows = self._connection.execute("SELECT state FROM states ORDER BY step DESC LIMIT 1")
        value: bytes = rows.fetchone()[0]
        return value if self._level is None else zlib.decompress(value)


class Checkpoints:
    """Checkpoints of one thread of LangGraph's; the keys of the state are its channels."""

    def __init__(self, saver: Any) -> None:
        from langgraph.checkpoint.base.id import uuid6

        self._saver = saver
        self._uuid6 = uuid6
        self._config: Any = {"configurable": {"thread_id": "peer", "checkpoint_ns": ""}}
        self._versions: dict[str, Any] = {}

    def prepare(self, state: bytes) -> dict[str, Any]:
        """The state as the object that a graph has."""
        parsed: dict[str, Any] = json.loads(state)
        return parsed

    def save(self, step: int, prepared: dict[str, Any]) -> None:
        """Puts a checkpoint in which every channel is new."""
        self._versions = {
            channel: self._saver.get_next_version(self._versions.get(channel), None) for channel in prepared
        }
        checkpoint = {
            "v": 4,
            "id": str(self._uuid6(clock_seq=step)),
            "ts": "2026-01-01T00:00:00+00:00",
            "channel_values": prepared,
            "channel_versions": self._versions,
            "versions_seen": {},
            "updated_channels": list(prepared),
        }
        metadata = {"source": "loop", "step": step, "parents": {}}
        self._config = self._saver.put(self._config, checkpoint, metadata, self._versions)

    def last(self) -> Any:
        """The values of the thread's latest checkpoint."""
        found = self._saver.get_tuple({"configurable": {"thread_id": "peer", "checkpoint_ns": ""}})
        return found.checkpoint["channel_values"]


def rows(level: int | None) -> Callable[[Path], AbstractContextManager[Peer]]:
    """Plain rows, compressed at a level of zlib's or not."""

    @contextmanager
    def opened(directory: Path) -> Iterator[Peer]:
        connection = sqlite3.connect(directory / "states.sqlite")
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("CREATE TABLE IF NOT EXISTS states (step INTEGER PRIMARY KEY, state BLOB)")
            yield Rows(connection, level)
        finally:
            connection.close()

    return opened


@contextmanager
def langgraph_sqlite(directory: Path) -> Iterator[Peer]:
    """LangGraph's saver for SQLite."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    with SqliteSaver.from_conn_string(str(directory / "checkpoints.sqlite")) as saver:
        yield Checkpoints(saver)


@contextmanager
def langgraph_objectstorage(directory: Path) -> Iterator[Peer]:
    """langgraph-checkpoint-objectstorage with zstd."""
    from langgraph_checkpoint_objectstorage import ObjectStorageSaver  # pyright: ignore[reportMissingImports]

    yield Checkpoints(ObjectStorageSaver.from_conn_string(f"file://{directory}", compression="zstd"))


def langgraph_persist(compression: str) -> Callable[[Path], AbstractContextManager[Peer]]:
    """Persist's saver with one compression."""

    @contextmanager
    def opened(directory: Path) -> Iterator[Peer]:
        from persist_agents import Store
        from persist_agents.langgraph import LAYOUT, PersistSaver

        storage = {"adapter": "local", "root": str(directory)}
        with PersistSaver(Store(storage=storage, compression={"adapter": compression}, layout=LAYOUT)) as saver:
            yield Checkpoints(saver)

    return opened


PEERS: dict[str, Callable[[Path], AbstractContextManager[Peer]]] = {
    "rows": rows(None),
    "rows-zlib": rows(6),
    "langgraph-sqlite": langgraph_sqlite,
    "langgraph-objectstorage": langgraph_objectstorage,
    "langgraph-persist-gzip": langgraph_persist("gzip"),
    "langgraph-persist-zstd": langgraph_persist("zstd"),
}


def versions(peer: str) -> str:
    """What a peer is made of; nothing where another peer or the command tells."""
    packages = {
        "rows": f"SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}",
        "langgraph-sqlite": f"langgraph-checkpoint-sqlite {version('langgraph-checkpoint-sqlite')}",
    }
    if peer == "langgraph-objectstorage":
        return f"langgraph-checkpoint-objectstorage {version('langgraph-checkpoint-objectstorage')}"
    return packages.get(peer, "")


def measure(peer: str, directory: Path, states: list[Path]) -> dict[str, float]:
    """Saves the states and reads the last one back."""
    wall = cpu = 0.0
    open_peer = PEERS[peer]
    prepared: Any = None
    with open_peer(directory) as saving:
        for step, path in enumerate(states):
            prepared = saving.prepare(path.read_bytes())
            began, began_cpu = time.perf_counter(), time.process_time()
            saving.save(step, prepared)
            wall += time.perf_counter() - began
            cpu += time.process_time() - began_cpu
        began, began_cpu = time.perf_counter(), time.process_time()
    # Closing is part of saving: whoever leaves something for later does it then.
    wall += time.perf_counter() - began
    cpu += time.process_time() - began_cpu
    fastest = float("inf")
    for _ in range(RESTORES):
        with open_peer(directory) as reading:
            began = time.perf_counter()
            last = reading.last()
            fastest = min(fastest, time.perf_counter() - began)
        if last != prepared:
            raise ValueError(f"{peer}: another state came back")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"wall_s": wall, "cpu_s": cpu, "peak_bytes": peak, "restore_s": fastest}


def main() -> None:
    """Does what the arguments say."""
    peer, first, *states = sys.argv[1:]
    if first == "--version":
        print(versions(peer))
    else:
        print(json.dumps(measure(peer, Path(first), [Path(state) for state in states])))


if __name__ == "__main__":
    main()
