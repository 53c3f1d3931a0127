"""Measures LangGraph checkpointers side by side, in one run, and prints a Markdown table.

Two workloads, each of 200 steps that add 2 KB to a state:

- direct: `put_writes` and `put`, as a run calls them, without a graph;
- graph: a graph with an ordinary reducer, one `invoke` a step, about three checkpoints each.

Every saver keeps its own default for durability: SQLite in WAL mode with ``synchronous=FULL``, PostgreSQL with
``fsync=on`` and ``synchronous_commit=on``, Persist with a synchronization of every object and directory. The object
storage saver has none. Bytes are those of all files after the saver is closed; for PostgreSQL those of its tables with their
indexes. Times are medians in milliseconds, except the time of listing all, which is that of one listing.

Run: ``python benches/bench_langgraph.py [--steps 200] [--savers sqlite,postgres,objectstorage,persist]``
"""

from __future__ import annotations

import argparse
import base64
import operator
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.base.id import uuid6
from langgraph.graph import END, START, StateGraph

STEP_BYTES = 2048
VOCABULARY = 2000


@dataclass
class Measured:
    """What one saver did in one workload; times in seconds."""

    put: list[float] = field(default_factory=list)
    put_writes: list[float] = field(default_factory=list)
    latest: list[float] = field(default_factory=list)
    list_all: float = 0.0
    total: float = 0.0
    checkpoints: int = 0
    stored: int = 0
    allocated: int = 0


class Timed:
    """Times the calls of one method of a saver, also those that a graph makes from its threads."""

    def __init__(self, saver: BaseCheckpointSaver[Any], name: str, times: list[float]) -> None:
        method: Callable[..., Any] = getattr(saver, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            result = method(*arguments, **named)
            times.append(time.perf_counter() - began)
            return result

        # The graph looks at the parameters of `put_writes`.
        timed.__wrapped__ = method  # type: ignore[attr-defined]
        setattr(saver, name, timed)


class Texts:
    """Texts like those that tools and models return: words, and identifiers and digests that do not repeat."""

    def __init__(self) -> None:
        self._random = random.Random(7)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self._words = [
            "".join(self._random.choices(letters, k=self._random.randint(3, 9))) for _ in range(VOCABULARY)
        ]

    def next(self) -> str:
        """A new text of `STEP_BYTES` characters, of which about two thirds cannot be compressed below 75 %."""
        parts: list[str] = []
        while sum(map(len, parts)) + len(parts) < STEP_BYTES:
            parts.extend(self._random.choices(self._words, k=3))
            parts.append(base64.b64encode(self._random.randbytes(36)).decode())
        return " ".join(parts)[:STEP_BYTES]


def direct(saver: BaseCheckpointSaver[Any], steps: int, measured: Measured) -> None:
    """Puts what a run would put."""
    texts = Texts()
    config: RunnableConfig = {"configurable": {"thread_id": "bench", "checkpoint_ns": ""}}
    messages: list[dict[str, str]] = []
    versions: dict[str, Any] = {}
    for step in range(steps):
        message = {"role": "tool", "content": texts.next()}
        if step > 0:
            saver.put_writes(config, [("messages", [message])], str(uuid6()), "~__pregel_pull, agent")
        messages = [*messages, message]
        versions = {"messages": saver.get_next_version(versions.get("messages"), None)}
        checkpoint: Any = {
            "v": 4,
            "id": str(uuid6(clock_seq=step)),
            "ts": "2026-11-23T12:00:00+00:00",
            "channel_values": {"messages": messages},
            "channel_versions": versions,
            "versions_seen": {"agent": versions},
            "updated_channels": ["messages"],
        }
        metadata: Any = {"source": "loop", "step": step, "parents": {}, "run_id": "bench"}
        config = saver.put(config, checkpoint, metadata, versions)
        measured.checkpoints += 1


class State(TypedDict):
    """The graph's state."""

    task: str
    messages: Annotated[list[dict[str, str]], operator.add]


def graph(saver: BaseCheckpointSaver[Any], steps: int, measured: Measured) -> None:
    """Invokes a graph once a step."""
    texts = Texts()

    def agent(state: State) -> dict[str, Any]:
        return {"messages": [{"role": "tool", "content": texts.next()}]}

    builder = StateGraph(State)
    builder.add_node("agent", agent)
    builder.add_edge(START, "agent")
    builder.add_edge("agent", END)
    compiled = builder.compile(checkpointer=saver)
    config: RunnableConfig = {"configurable": {"thread_id": "bench"}}
    for step in range(steps):
        compiled.invoke({"task": f"step {step}", "messages": []}, config)


@contextmanager
def sqlite(directory: Path) -> Iterator[BaseCheckpointSaver[Any]]:
    """LangGraph's saver for SQLite."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    with SqliteSaver.from_conn_string(str(directory / "checkpoints.sqlite")) as saver:
        yield saver


@contextmanager
def objectstorage(directory: Path) -> Iterator[BaseCheckpointSaver[Any]]:
    """langgraph-checkpoint-objectstorage with zstd."""
    from langgraph_checkpoint_objectstorage import ObjectStorageSaver  # pyright: ignore[reportMissingImports]

    yield ObjectStorageSaver.from_conn_string(f"file://{directory}", compression="zstd")


def persist(compression: str) -> Callable[[Path], Any]:
    """Persist's saver with one compression."""

    @contextmanager
    def opened(directory: Path) -> Iterator[BaseCheckpointSaver[Any]]:
        from persist_agents import Store
        from persist_agents.langgraph import LAYOUT, PersistSaver

        storage = {"adapter": "local", "root": str(directory)}
        store = Store(storage=storage, compression={"adapter": compression}, layout=LAYOUT)
        with PersistSaver(store) as saver:
            yield saver

    return opened


class Postgres:
    """A PostgreSQL server of our own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        directory.mkdir()
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres")
        self._run("initdb", "-A", "trust", "-U", "postgres", "-D", str(directory / "data"))
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {directory}"
        log = str(directory / "log")
        self._run("pg_ctl", "-w", "-D", str(directory / "data"), "-l", log, "-o", options, "start")
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def _run(self, command: str, *arguments: str) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{command}"))
        program = str(found[-1]) if found else command
        as_postgres = {"user": "postgres"} if os.geteuid() == 0 else {}
        subprocess.run(
            [program, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=self.directory, **as_postgres  # type: ignore[call-overload]
        )

    @contextmanager
    def open(self, _directory: Path) -> Iterator[BaseCheckpointSaver[Any]]:
        """LangGraph's saver, with fresh tables."""
        import psycopg
        from langgraph.checkpoint.postgres import PostgresSaver

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        with PostgresSaver.from_conn_string(self.url) as saver:
            saver.setup()
            yield saver

    def stored(self) -> int:
        """The bytes of the tables with their indexes."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("VACUUM")
            row = connection.execute(
                "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE nspname = 'public' AND relkind = 'r'"
            ).fetchone()
        return int(row[0]) if row else 0

    def stop(self) -> None:
        """Stops the server."""
        self._run("pg_ctl", "-w", "-m", "fast", "-D", str(self.directory / "data"), "stop")


def measure(
    open_saver: Callable[[Path], Any], workload: Callable[..., None], steps: int, scratch: Path
) -> Measured:
    """One workload with one saver, in a directory of its own. It stays: a file system that has just removed thousands of
    files is slow for whoever comes next."""
    measured = Measured()
    directory = Path(tempfile.mkdtemp(prefix="saver-", dir=scratch))
    with open_saver(directory) as saver:
        Timed(saver, "put", measured.put)
        Timed(saver, "put_writes", measured.put_writes)
        began = time.perf_counter()
        workload(saver, steps, measured)
        measured.total = time.perf_counter() - began
        thread: RunnableConfig = {"configurable": {"thread_id": "bench", "checkpoint_ns": ""}}
        for _ in range(30):
            began = time.perf_counter()
            latest = saver.get_tuple(thread)
            measured.latest.append(time.perf_counter() - began)
            assert latest is not None
            assert len(latest.checkpoint["channel_values"]["messages"]) == steps
        began = time.perf_counter()
        listed = sum(1 for _ in saver.list(thread))
        measured.list_all = time.perf_counter() - began
        assert measured.checkpoints in (0, listed)
        measured.checkpoints = listed
    for path in directory.rglob("*"):
        held = path.lstat()
        measured.stored += held.st_size if path.is_file() else 0
        measured.allocated += held.st_blocks * 512
    return measured


def row(name: str, measured: Measured) -> str:
    """A row of the table."""
    put, writes = statistics.median(measured.put), statistics.median(measured.put_writes)
    cells = [
        name,
        str(measured.checkpoints),
        f"{measured.stored / 1e6:.2f}",
        f"{measured.allocated / 1e6:.2f}" if measured.allocated else "–",
        f"{put * 1e3:.2f}",
        f"{writes * 1e3:.2f}",
        f"{statistics.median(measured.latest) * 1e3:.2f}",
        f"{measured.list_all * 1e3:.0f}",
        f"{measured.total:.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Runs what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--savers", default="sqlite,postgres,objectstorage,persist")
    parser.add_argument("--workloads", default="direct,graph")
    arguments = parser.parse_args()
    wanted = arguments.savers.split(",")
    savers: dict[str, Callable[[Path], Any]] = {}
    server = None
    scratch = tempfile.mkdtemp(prefix="bench-langgraph-")
    os.chmod(scratch, 0o755)
    try:
        if "sqlite" in wanted:
            savers["SqliteSaver"] = sqlite
        if "postgres" in wanted:
            server = Postgres(Path(scratch) / "server")
            savers["PostgresSaver"] = server.open
        if "objectstorage" in wanted:
            savers["objectstorage, zstd"] = objectstorage
        if "persist" in wanted:
            savers["Persist, gzip"] = persist("gzip")
            savers["Persist, zstd"] = persist("zstd")
        workloads = {"direct": direct, "graph": graph}
        for name in arguments.workloads.split(","):
            print(f"\n{name}, {arguments.steps} steps of {STEP_BYTES} bytes\n")
            print("| saver | checkpoints | MB stored | MB allocated | put | put_writes | get latest | list all | s in all |")
            print("|---|---|---|---|---|---|---|---|---|")
            for saver, open_saver in savers.items():
                measured = measure(open_saver, workloads[name], arguments.steps, Path(scratch))
                if server is not None and open_saver == server.open:
                    measured.stored, measured.allocated = server.stored(), 0
                print(row(saver, measured))
                sys.stdout.flush()
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
