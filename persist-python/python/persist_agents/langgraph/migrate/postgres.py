"""The checkpoints in a database of LangGraph's PostgresSaver."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol

from persist_agents import InvalidInputError, OtherError, PersistError, UnavailableError, UsageError

from . import checkpoints
from .record import Place, Record, Write, canonical
from .serde import OpaqueSerializer

try:
    import psycopg
    from langgraph.checkpoint.postgres import PostgresSaver
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.rows import DictRow, dict_row
except ImportError as _error:
    raise UsageError(
        "LangGraph's PostgresSaver is not installed",
        code="missing_package",
        hint="pip install langgraph-checkpoint-postgres 'psycopg[binary]'",
    ) from _error

_PLACES = "SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id FROM checkpoints WHERE thread_id = %s"
_WRITES = """
SELECT task_id, task_path, idx FROM checkpoint_writes
WHERE thread_id = %s AND checkpoint_ns = %s AND checkpoint_id = %s
"""
_ORPHANS = """
SELECT count(*) AS n FROM checkpoint_writes AS w WHERE NOT EXISTS (
    SELECT 1 FROM checkpoints AS c
    WHERE c.thread_id = w.thread_id AND c.checkpoint_ns = w.checkpoint_ns AND c.checkpoint_id = w.checkpoint_id
)
"""


class PostgresCheckpoints:
    """A database of PostgresSaver or AsyncPostgresSaver, opened as a source or as a target.

    A source is only read. Another process may write to the database meanwhile. No message of this class holds the password.
    """

    # Releases of LangGraph before 1.0 repeated the writes there.
    metadata_left_out: frozenset[str] = frozenset({"writes"})

    def __init__(self, dsn: str, *, writable: bool = False, serde: SerializerProtocol | None = None) -> None:
        """Connects; a target gets PostgresSaver's tables if it lacks them.

        ``dsn`` is libpq's connection string or URI; what it lacks comes from the environment (``PGHOST``, ``PGPASSWORD`` and
        so on) and the password file.

        Raises:
            PersistError: The server is not reachable or refuses, or the tables are missing.
        """
        self.serde = serde or OpaqueSerializer()
        try:
            options = conninfo_to_dict(dsn)
        except psycopg.Error:
            # The parser's own message repeats what it did not understand, which may be the password.
            raise UsageError(
                "the connection string cannot be understood",
                code="invalid_dsn",
                hint="write it as postgresql://USER@HOST:PORT/DATABASE, with the password in PGPASSWORD or the password file",
            ) from None
        self._secrets = [str(value) for name, value in options.items() if "password" in name and value]
        self.name = f"postgres {options.get('dbname') or ''}@{options.get('host') or ''}:{options.get('port') or ''}"
        with self._translated(f"connect to {self.name}"):
            self._connection = psycopg.Connection[DictRow].connect(
                dsn, autocommit=True, prepare_threshold=0, row_factory=dict_row
            )
        self.name = f"postgres {self._connection.info.dbname}@{self._connection.info.host}:{self._connection.info.port}"
        # Both hold for the transactions in which a checkpoint is read.
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._connection.read_only = True
        self._saver = PostgresSaver(self._connection, serde=self.serde)
        try:
            if writable:
                with self._translated(f"make the tables in {self.name}"):
                    self._saver.setup()
            self._check()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> PostgresCheckpoints:
        """Returns itself; `__exit__` closes the connection."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes the connection."""
        self._connection.close()

    def count(self) -> int:
        """Returns how many checkpoints there are."""
        return int(self._rows("SELECT count(*) AS n FROM checkpoints")[0]["n"])

    def orphaned_writes(self) -> int:
        """Returns how many pending writes belong to no checkpoint that is there."""
        return int(self._rows(_ORPHANS)[0]["n"])

    def threads(self) -> Iterator[str]:
        """Yields the ids of all threads, one query each, so that none is open while a thread is copied."""
        found = self._rows("SELECT min(thread_id) AS thread FROM checkpoints")
        while (thread := found[0]["thread"]) is not None:
            yield thread
            found = self._rows("SELECT min(thread_id) AS thread FROM checkpoints WHERE thread_id > %s", thread)

    def places(self, thread_id: str) -> list[Place]:
        """Returns where the checkpoints of a thread belong, in no order."""
        return [
            Place(thread_id, row["checkpoint_ns"], row["checkpoint_id"], row["parent_checkpoint_id"] or None)
            for row in self._rows(_PLACES, thread_id)
        ]

    def read(self, place: Place) -> Record | None:
        """Reads a checkpoint and its writes as of one moment; None if it is not there.

        The checkpoint is what PostgresSaver reads: for one of a format before 4 with the sends that its parent holds.
        """
        where = (place.thread_id, place.checkpoint_ns, place.checkpoint_id)
        config: RunnableConfig = {
            "configurable": {"thread_id": where[0], "checkpoint_ns": where[1], "checkpoint_id": where[2]}
        }
        with self._translated(f"read checkpoint {place.checkpoint_id}"), self._connection.transaction():
            found = self._saver.get_tuple(config)
            rows = self._connection.execute(_WRITES, where).fetchall()
        if found is None:
            return None
        # The saver returns the writes in this order, without their paths and indices.
        rows.sort(key=lambda row: writes_sort_key(row["task_path"], row["task_id"], row["idx"]))
        parent = (found.parent_config or {}).get("configurable", {}).get("checkpoint_id")
        return Record(
            Place(*where, parent or None),
            dict(found.checkpoint),
            dict(found.metadata),
            canonical(
                Write(row["task_id"], row["task_path"], row["idx"], channel, value)
                for row, (_task_id, channel, value) in zip(rows, found.pending_writes or [], strict=True)
            ),
        )

    def put(self, record: Record) -> None:
        """Stores a checkpoint without its writes."""
        with self._translated(f"store checkpoint {record.place.checkpoint_id} in {self.name}"):
            checkpoints.put(self._saver, record)

    def put_writes(self, place: Place, writes: Sequence[Write]) -> None:
        """Stores writes of a checkpoint; those that are there already stay as they are."""
        with self._translated(f"store writes of checkpoint {place.checkpoint_id} in {self.name}"):
            checkpoints.put_writes(self._saver, place, writes)

    def _check(self) -> None:
        with self._translated(f"read {self.name}"):
            try:
                self._connection.execute("SELECT checkpoint_id FROM checkpoints LIMIT 1")
                self._connection.execute("SELECT task_path FROM checkpoint_writes LIMIT 1")
            except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
                raise InvalidInputError(
                    f"{self.name} has not the tables of LangGraph's PostgresSaver as it makes them today",
                    code="not_langgraph",
                    hint="name the schema with options=-csearch_path%3DSCHEMA, or let a PostgresSaver of today run its setup()",
                ) from error

    @contextmanager
    def _translated(self, attempt: str) -> Generator[None]:
        try:
            yield
        except psycopg.Error as error:
            text = str(error)
            for secret in self._secrets:
                text = text.replace(secret, "***")
            kind: type[PersistError] = OtherError
            if isinstance(error, psycopg.OperationalError):
                kind = UnavailableError
            elif isinstance(error, psycopg.DataError):
                kind = InvalidInputError
            raise kind(f"cannot {attempt}", code="postgres") from psycopg.Error(text)

    def _rows(self, query: str, *parameters: str) -> list[DictRow]:
        with self._translated(f"read {self.name}"):
            return self._connection.execute(query.encode(), parameters).fetchall()
