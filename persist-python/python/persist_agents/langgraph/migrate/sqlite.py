"""The checkpoints in a file of LangGraph's SqliteSaver."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.base import SerializerProtocol

from persist_agents import InvalidInputError, NotFoundError, OtherError, UsageError

from . import checkpoints
from .record import Place, Record, Write, canonical
from .serde import OpaqueSerializer

_CHECKPOINT = """
SELECT parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints
WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?
"""
_WRITES = """
SELECT task_id, {task_path}, idx, channel, type, value FROM writes
WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?
"""
_ORPHANS = """
SELECT count(*) FROM writes AS w WHERE NOT EXISTS (
    SELECT 1 FROM checkpoints AS c
    WHERE c.thread_id = w.thread_id AND c.checkpoint_ns = w.checkpoint_ns AND c.checkpoint_id = w.checkpoint_id
)
"""


class SqliteCheckpoints:
    """A file of SqliteSaver or AsyncSqliteSaver, opened as a source or as a target.

    A source is opened read-only; SQLite may still leave its ``-shm`` and ``-wal`` files beside a database in WAL mode. Another
    process may write to the database meanwhile.
    """

    metadata_left_out: frozenset[str] = frozenset()

    def __init__(self, path: str | Path, *, writable: bool = False, serde: SerializerProtocol | None = None) -> None:
        """Opens a file, which a target makes if it is missing.

        Raises:
            PersistError: It is missing, or not such a file.
        """
        self.name = f"sqlite {path}"
        self.serde = serde or OpaqueSerializer()
        path = Path(path)
        if not writable and not path.is_file():
            raise NotFoundError(f"there is no file {path}", code="source_not_found")
        mode = "rwc" if writable else "ro"
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
            )
        except sqlite3.OperationalError as error:
            raise OtherError(f"cannot open {path}", code="sqlite") from error
        self._saver = self._open_saver() if writable else None
        self._task_path = "task_path" if self._check(path) else "''"

    def __enter__(self) -> SqliteCheckpoints:
        """Returns itself; `__exit__` closes the file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes the file."""
        self._connection.close()

    def count(self) -> int:
        """Returns how many checkpoints there are."""
        return int(self._row("SELECT count(*) FROM checkpoints")[0])

    def orphaned_writes(self) -> int:
        """Returns how many pending writes belong to no checkpoint that is there."""
        return int(self._row(_ORPHANS)[0])

    def threads(self) -> Iterator[str]:
        """Yields the ids of all threads, one query each, so that none is open while a thread is copied."""
        thread = self._row("SELECT min(thread_id) FROM checkpoints")[0]
        while thread is not None:
            yield thread
            thread = self._row("SELECT min(thread_id) FROM checkpoints WHERE thread_id > ?", thread)[0]

    def places(self, thread_id: str) -> list[Place]:
        """Returns where the checkpoints of a thread belong, in no order."""
        rows = self._rows(
            "SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id FROM checkpoints WHERE thread_id = ?", thread_id
        )
        return [Place(thread_id, ns, checkpoint_id, parent or None) for ns, checkpoint_id, parent in rows]

    def read(self, place: Place) -> Record | None:
        """Reads a checkpoint and its writes as of one moment; None if it is not there."""
        where = (place.thread_id, place.checkpoint_ns, place.checkpoint_id)
        with self._translated(f"read checkpoint {place.checkpoint_id}"), self._moment():
            found = self._rows(_CHECKPOINT, *where)
            writes = self._rows(_WRITES.format(task_path=self._task_path), *where)
        if not found:
            return None
        parent, form, checkpoint, metadata = found[0]
        return Record(
            Place(*where, parent or None),
            self.serde.loads_typed((form, checkpoint)),
            json.loads(metadata) if metadata is not None else {},
            canonical(
                Write(task_id, task_path, index, channel, self.serde.loads_typed((form, value)))
                for task_id, task_path, index, channel, form, value in writes
            ),
        )

    def put(self, record: Record) -> None:
        """Stores a checkpoint without its writes."""
        with self._translated(f"store checkpoint {record.place.checkpoint_id} in {self.name}"):
            checkpoints.put(self._target(), record)

    def put_writes(self, place: Place, writes: Sequence[Write]) -> None:
        """Stores writes of a checkpoint; those that are there already stay as they are."""
        with self._translated(f"store writes of checkpoint {place.checkpoint_id} in {self.name}"):
            checkpoints.put_writes(self._target(), place, writes)

    def _target(self) -> BaseCheckpointSaver[Any]:
        if self._saver is None:
            raise RuntimeError(f"{self.name} was opened as a source")
        return self._saver

    def _open_saver(self) -> BaseCheckpointSaver[Any]:
        try:
            from langgraph.checkpoint.sqlite import SqliteSaver
        except ImportError as error:
            raise UsageError(
                "LangGraph's SqliteSaver is not installed",
                code="missing_package",
                hint="pip install langgraph-checkpoint-sqlite",
            ) from error
        saver = SqliteSaver(self._connection, serde=self.serde)
        saver.setup()
        return saver

    def _check(self, path: Path) -> bool:
        """Refuses a file without the tables; returns whether writes know the path of their task."""
        try:
            columns = [row[1] for row in self._rows("PRAGMA table_info(writes)")]
            self._row("SELECT count(checkpoint_id) FROM (SELECT checkpoint_id FROM checkpoints LIMIT 1)")
        except OtherError as error:
            raise InvalidInputError(
                f"{path} is not readable as a database of LangGraph's SqliteSaver", code="not_langgraph"
            ) from error
        if "task_id" not in columns:
            raise InvalidInputError(
                f"{path} is no database of LangGraph's SqliteSaver: it has no table of writes", code="not_langgraph"
            )
        return "task_path" in columns

    @contextmanager
    def _moment(self) -> Generator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    @contextmanager
    def _translated(self, attempt: str) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise OtherError(f"cannot {attempt}", code="sqlite") from error

    def _rows(self, query: str, *parameters: str) -> list[Any]:
        with self._translated(f"read {self.name}"):
            return self._connection.execute(query, parameters).fetchall()

    def _row(self, query: str, *parameters: str) -> Any:
        return self._rows(query, *parameters)[0]
