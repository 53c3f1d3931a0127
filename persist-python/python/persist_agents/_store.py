"""The store for threads: every call returns when it is done."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, TypeVar

from persist_agents._migrating import Collector
from persist_agents._native import GZIP, native_of, of_config, of_options, request
from persist_agents._persist import Attachment, NativeStore, Rows, Snapshot
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


class Store:
    """A store of snapshots.

    It may be used by any number of threads at once. The interpreter's lock is free while it works. Inside a running
    event loop its calls work and block the loop as long as they take; `AsyncStore` does not.

    >>> store = Store(storage={"adapter": "memory"})
    >>> store.save("planner", "trip-7", {"step": 1})
    <Snapshot planner/trip-7@0: 10 bytes>
    >>> store.restore("planner", "trip-7")
    {'step': 1}
    >>> store.close()
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
        """Open a store that needs no config.

        `storage` and `compression` name an adapter and its options, as a config does; `compression=None` stores states
        as they are. `single_writer` vouches that one process writes at a time, as storage without atomic creation
        needs. `layout` has the keys of the config's table of that name. `call_timeout` is how many seconds one call of
        the storage may take; `None` waits as long as it takes. `plugin_path` holds directories to search for plugins
        before all others.

        Raises `PluginError` for an adapter that is not installed, `InvalidInputError` for options that are refused.
        """
        self._native = of_options(
            storage, compression, single_writer, layout, call_timeout, plugin_path
        )
        self._native.open().wait()

    @classmethod
    def open(
        cls,
        config: StrPath | None = None,
        store: str | None = None,
        *,
        plugin_path: Sequence[StrPath] = (),
    ) -> Store:
        """Open a store of a config: the one called `store`, or the default one.

        Without `config`, the config is found as the `persist` command finds it: `PERSIST_CONFIG`, `persist.toml` in the
        current directory, the user's config, built-in defaults. `PERSIST_STORE` counts if `store` is not given.
        """
        return cls._of(of_config(config, store, plugin_path))

    @classmethod
    def _of(cls, native: NativeStore) -> Store:
        native.open().wait()
        made = cls.__new__(cls)
        made._native = native
        return made

    def close(self) -> None:
        """Let go of the store. Calls that other threads have begun go on; further calls raise `UsageError`."""
        self._native.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def save(
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
        """Save a state as the next snapshot of a session. It is durable when this returns.

        `state` is made of JSON-like objects, or is bytes-like; bytes are stored as they are. `parent` is the index of
        the snapshot that the state was derived from, if that is not the newest. `expect_parent` is what must be the
        newest snapshot: its index, `"empty"` for none, or `None` for whatever there is.

        Raises `InvalidInputError` for a state that would not come back as the same, `ConflictError` when
        `expect_parent` does not hold or the name is taken, and `OutcomeUnknownError`, with the `write_id` to save
        again with, when the backend left it open.
        """
        save = Save(
            agent, session, state, description, labels, name, parent, expect_parent, media_type, write_id
        )
        return self._native.save(request(save)).wait()

    def save_many(self, saves: Sequence[Save], *, concurrency: int = 16) -> list[Snapshot | Exception]:
        """Save many states: those of one session in order, up to `concurrency` sessions at once.

        The results are in the order of `saves`. One that failed is the exception, and so are the later ones of its
        session, which were not attempted; other sessions go on. A state that cannot be saved at all raises before
        anything is saved.
        """
        return self._native.save_many([request(save) for save in saves], concurrency).wait()

    def restore(
        self, agent: str, session: str, index: int | None = None, *, name: str | None = None
    ) -> State:
        """Give back a state as objects: the newest, or the one with an index or a name.

        JSON comes back as objects, text as `str`, all else as `bytes`, by the media type. Its hash has been checked.

        Raises `NotFoundError`, `IntegrityError` when it is damaged, and `InvalidInputError` for JSON that objects of
        Python cannot say exactly; `restore_bytes` gives that back.
        """
        return self._native.restore(agent, session, index, name).wait()

    def restore_bytes(
        self, agent: str, session: str, index: int | None = None, *, name: str | None = None
    ) -> bytes:
        """Give back a state as the bytes that are stored."""
        return self._native.restore_bytes(agent, session, index, name).wait()

    def read(
        self, agent: str, session: str, index: int | None = None, *, name: str | None = None
    ) -> tuple[Snapshot, bytes]:
        """Give back what a snapshot is and its state as bytes, in one read."""
        return self._native.read(agent, session, index, name).wait()

    def show(
        self, agent: str, session: str, index: int | None = None, *, name: str | None = None
    ) -> Snapshot:
        """Tell what a snapshot is, without reading its state."""
        return self._native.show(agent, session, index, name).wait()

    def list(
        self, agent: str | None = None, session: str | None = None, *, start: int = 0
    ) -> Iterator[Snapshot]:
        """List snapshots, by session and ascending index, as they are found; of one session from index `start` on.

        A snapshot that cannot be read raises in its place; the iterator goes on if it is asked again.
        """
        return _Listing(self._native.list(agent, session, start), _same)

    def sessions(self, agent: str | None = None) -> Iterator[tuple[str, str]]:
        """List sessions as pairs of agent and session, as they are found."""
        return _Listing(self._native.sessions(agent), _same)

    def delete(self, agent: str, session: str, indices: Sequence[int] | None = None) -> Deleted:
        """Delete snapshots of a session: those with these indices, or all; and tell what was deleted.

        An index is never used again. `collect` frees the space.
        """
        wanted = None if indices is None else [*indices]
        return self._native.delete(agent, session, wanted).wait()

    def label(
        self, agent: str, session: str, index: int | None, changes: Mapping[str, str | None]
    ) -> Snapshot:
        """Change the labels of a snapshot: set values, or remove the labels whose value is `None`."""
        return self._native.label(agent, session, index, dict(changes)).wait()

    def fork(
        self, agent: str, session: str, index: int | None, to_agent: str, to_session: str
    ) -> Snapshot:
        """Begin a new session with the state of a snapshot; `None` is the newest.

        Raises `ConflictError` if the new session has or ever had anything.
        """
        return self._native.fork(agent, session, index, to_agent, to_session).wait()

    def attach(
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
        """Attach content to a snapshot. It goes when the snapshot is deleted.

        If there is another content of that name, `"upsert"` replaces it, `"keep"` leaves it, and `"once"` raises
        `ConflictError`. The same content is never stored twice.
        """
        return self._native.attach(agent, session, index, name, content, media_type, mode).wait()

    def attachments(self, agent: str, session: str, index: int | None = None) -> builtins.list[Attachment]:
        """Tell the attachments of a snapshot, by name, without reading their contents."""
        return self._native.attachments(agent, session, index).wait()

    def read_attachment(self, agent: str, session: str, index: int | None, name: str) -> bytes:
        """Give back the content of an attachment, checked."""
        return self._native.read_attachment(agent, session, index, name).wait()

    def copy_attachments(self, to: Store, agent: str, session: str, index: int) -> int:
        """Copy the attachments of a snapshot to the same snapshot in another store, and tell how many were written.

        What is there with the same content is passed over. A content that came from this store is replaced by this
        store's newest.

        Raises `NotFoundError` without such a snapshot in either, and `ConflictError` with the code `copy_diverged` for an
        attachment that the other store has with a content of its own.
        """
        return self._native.copy_attachments(native_of(to), agent, session, index).wait()

    def verify(
        self,
        agent: str | None = None,
        session: str | None = None,
        index: int | None = None,
        *,
        data: bool = False,
    ) -> Iterator[Verified]:
        """Check every stored byte that the chosen snapshots need; with `data`, restore every snapshot as well.

        Damage is a row with an `error`, and the rows after it still come. When the backend fails this raises.
        """
        rows = self._native.verify(agent, session, index, data)
        return _Listing(rows, lambda row: Verified(**row))

    def prune(
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
        """Delete the snapshots of a session that no rule keeps; with `dry_run`, only tell which these are.

        The rules are those of `persist prune`; without any, the config's count. The newest snapshot is always kept.
        """
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
        return self._native.prune(agent, session, keep, dry_run).wait()

    def collect(self, agent: str, session: str, *, compact: bool = False) -> Collected:
        """Free the space of a session's deleted snapshots.

        With `compact`, also of those that others are built on, which are stored anew. Safe at any time, beside any
        number of writers and readers.
        """
        return self._native.collect(agent, session, compact).wait()

    def stats(self, agent: str, session: str) -> Stats:
        """Count what a session holds and takes."""
        return self._native.stats(agent, session).wait()

    def diff(
        self,
        agent: str,
        session: str,
        old: int | None,
        new: int | None = None,
        *,
        new_session: tuple[str, str] | None = None,
    ) -> JsonDifference | RawDifference:
        """Tell what changed from one snapshot to another; `None` is the newest.

        `new_session` is the agent and session of the other snapshot, if that is of another session.
        """
        to_agent, to_session = (agent, session) if new_session is None else new_session
        return self._native.diff((agent, session, old), (to_agent, to_session, new)).wait()

    def copy(
        self, to: Store, agent: str, session: str, *, until: int | None = None, verify: bool = True
    ) -> Copied:
        """Copy a session into another store, or continue a copy: the same snapshots under the same indices.

        They have the same timestamps, hashes, write ids, labels, names and attachments, and what was deleted since is
        deleted there. An attachment whose content came from this store gets this store's newest content, and a label that
        was ever changed in this store its value here, even if it was changed in the target since. `until` is the index of
        the last snapshot to copy, if that is not the newest. Every state is checked on the way; with `verify`, the copy is
        also read back at the end. The call may be interrupted and repeated, also beside writers of this store. While the
        copy is first begun, nobody else may write to that session of the target.

        Raises `NotFoundError` without such a session or snapshot; `ConflictError` with the code `copy_diverged` when the
        target's session holds anything that is not this store's: a snapshot, or an attachment whose content differs and
        was attached there; `IntegrityError` when either cannot be read; and `OutcomeUnknownError` when the backend left
        open what was written. What was copied before an error stays: snapshots are copied by the time that the content of
        an attachment is found to differ.
        """
        return self._native.copy(native_of(to), agent, session, until, verify).wait()

    def migrate(
        self,
        to: Store,
        *,
        verify: bool = False,
        dry_run: bool = False,
        on_session: Callable[[MigrationRow], object] | None = None,
    ) -> MigrationReport:
        """Copy all sessions of this store into another, or continue that, each as `copy` does.

        It may be interrupted or killed at any moment and repeated: a session that is complete in the target is recognised
        and not read again. What this store held when the call began is migrated; what is saved meanwhile may be. Nothing
        is written to this store. Once agents work with the target, do not migrate to it again: labels that were ever
        changed in this store, and attachments that came from it, get this store's values.

        With `verify`, every session is compared with its copy, also one that was complete before, and every state and
        attachment is restored from the copy; otherwise the sessions that are copied are read back. With `dry_run`, nothing
        is written, and what would be copied is told.

        A session that cannot be migrated does not keep the others from it, and raises nothing: the report's `failed` says
        which these are and why, with a `ConflictError` for a session of the target that is no copy of this store's, and an
        `IntegrityError` for what is damaged or, with `verify`, different. `on_session` is called with the row of each
        session when it is done, in the order of their keys, in the calling thread. If it raises, or the call is interrupted,
        the migration ends, and what was copied by then stays. A few sessions may be done of which it was not told. Memory
        grows with the number of failures, not of sessions.

        Raises `NotFoundError` when there is nothing in this store yet, `UsageError` when both are the same store, and
        `InvalidInputError` when nothing may be saved in the target, or for `verify` together with `dry_run`. When eight
        sessions one after the other fail because a storage cannot be reached, is full or refuses, or the sessions cannot be
        listed, it raises an error of that kind, whose cause is the last of these, and the rest is not looked at. That
        session has no row. The same call continues.
        """
        rows = self._native.migrate(native_of(to), verify, dry_run)
        collector = Collector(on_session)
        try:
            while (report := collector.take(rows.next().wait())) is None:
                pass
        finally:
            rows.close()
        return report

    def export(
        self, path: StrPath, agent: str | None = None, session: str | None = None, *, overwrite: bool = False
    ) -> Exported:
        """Write sessions into one file: all of the store, of an agent, or one. The file is whole or is not there.

        Raises `ConflictError` if the file exists, unless `overwrite` is set.
        """
        return self._native.export(path, agent, session, overwrite).wait()

    def import_(
        self, path: StrPath, agent: str | None = None, session: str | None = None
    ) -> builtins.list[Imported]:
        """Take sessions in from a file that `export` wrote, which is checked as a whole before.

        What is there already stays. After an error, the same call goes on where it ended.
        """
        return self._native.import_(path, agent, session).wait()


def _same(row: T) -> T:
    """A row that is what it is."""
    return row


class _Listing(Iterator[T]):
    """Rows of a listing. A row that cannot be read raises, and the next call goes on behind it."""

    def __init__(self, rows: Rows[R], make: Callable[[R], T]) -> None:
        self._rows: Rows[Any] = rows
        self._make: Callable[[Any], T] = make
        self._batch: Iterator[Any] = iter(())

    def __next__(self) -> T:
        for row in self._batch:
            if isinstance(row, Exception):
                raise row
            return self._make(row)
        batch = self._rows.next().wait()
        if not batch:
            raise StopIteration
        self._batch = iter(batch)
        return self.__next__()
