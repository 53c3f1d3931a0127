"""The checkpointer."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from persist_agents import AsyncStore, Store

from . import _copying, _reading, _removing, _writing
from ._calls import Awaiting, Blocking, iterate, run
from ._threads import Shared, Threads

Version = TypeVar("Version", int, float, str)

#: The agent whose sessions are the threads, if nobody says.
DEFAULT_AGENT = "langgraph"

#: How checkpoints are laid out best: a saver reads the latest again and again, and old ones seldom. So each is stored as what
#: it adds, and a snapshot may be built from as many objects as a segment has.
LAYOUT = {"restore_objects": 256}


class PersistSaver(BaseCheckpointSaver[Any]):
    """Keeps LangGraph's checkpoints in a Persist store.

    A thread is a session, a checkpoint a snapshot that is named by its id, a pending write an attachment. One saver serves
    threads and event loops alike, any number of them at once, beside other processes with the same store: each sees at once
    what the others saved. A call that returned is durable as far as the store's options ask for.

    The synchronous methods also work inside a running event loop, which then stands still as long as they take.
    """

    def __init__(
        self,
        store: Store | AsyncStore | str | os.PathLike[str] | None = None,
        *,
        agent: str = DEFAULT_AGENT,
        serde: SerializerProtocol | None = None,
    ) -> None:
        """Uses a store.

        Args:
            store: The store; or a directory, which is created if need be; or None for the default store of the config that
                the `persist` command would use.
            agent: The agent whose sessions are the threads. Savers with different agents share nothing.
            serde: How objects become bytes. What LangGraph brings is the default; its MessagePack is stored as readable
                JSON, everything else, such as encrypted values, as it is.

        Raises:
            PersistError: If the store cannot be opened.
        """
        super().__init__(serde=serde)
        if store is None:
            store = Store.open()
        elif not isinstance(store, Store | AsyncStore):
            store = Store(storage={"adapter": "local", "root": os.path.abspath(store)}, layout=LAYOUT)
        self.store: Store | AsyncStore = store
        self.agent = agent
        self._native = store._native  # pyright: ignore[reportPrivateUsage]
        shared = Shared(self._native, agent)
        self._blocking = Threads(shared, Blocking())
        self._awaiting = Threads(shared, Awaiting())

    def __enter__(self) -> PersistSaver:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._native.close()

    async def __aenter__(self) -> PersistSaver:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._native.close()

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that the config names, or the one with the highest id in its namespace; None if there is none.

        Raises:
            IntegrityError: If what is stored is damaged.
            PersistError: If the store fails. What the serializer raises is raised as it is.
        """
        return run(_reading.get_tuple(self._blocking, self.serde, config))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """`get_tuple`, asynchronously."""
        return await _reading.get_tuple(self._awaiting, self.serde, config)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """The checkpoints that match, the highest id first, read as they are asked for.

        Args:
            config: The thread, and the namespace and checkpoint id if they are given. None: all threads.
            filter: Metadata that must be equal.
            before: Only checkpoints with lower ids than the one of this config.
            limit: At most so many.
        """
        return iterate(_reading.list_tuples(self._blocking, self.serde, config, filter, before, limit))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """`list`, asynchronously."""
        async for found in _reading.list_tuples(self._awaiting, self.serde, config, filter, before, limit):
            yield found

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Saves a checkpoint and returns its config; the checkpoint id in `config` is that of its parent.

        Saving the same checkpoint again changes nothing; another one with its id replaces it and keeps its pending writes.

        Raises:
            OutcomeUnknownError: If the store left open whether it was saved. Saving again is safe.
            PersistError: If it was not saved.
        """
        return run(_writing.put(self._blocking, self.serde, config, checkpoint, metadata))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """`put`, asynchronously."""
        return await _writing.put(self._awaiting, self.serde, config, checkpoint, metadata)

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Attaches a task's writes to the checkpoint that the config names, which need not be there yet.

        A write that the task has already at the same position stays; errors, interrupts and resumes are replaced.
        """
        run(_writing.put_writes(self._blocking, self.serde, config, writes, task_id, task_path))

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """`put_writes`, asynchronously."""
        await _writing.put_writes(self._awaiting, self.serde, config, writes, task_id, task_path)

    def delete_thread(self, thread_id: str) -> None:
        """Deletes everything of a thread and frees its space. A thread that does not exist is no error."""
        run(_removing.delete_thread(self._blocking, thread_id))

    async def adelete_thread(self, thread_id: str) -> None:
        """`delete_thread`, asynchronously."""
        await _removing.delete_thread(self._awaiting, thread_id)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Deletes the checkpoints that runs made, with their writes, in every thread and namespace.

        Checkpoints that the delta channels of remaining ones are rebuilt from stay, and a warning is logged.
        """
        run(_removing.delete_for_runs(self._blocking, self.serde, run_ids))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """`delete_for_runs`, asynchronously."""
        await _removing.delete_for_runs(self._awaiting, self.serde, run_ids)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copies all checkpoints of a thread, in all namespaces and with their writes, to another thread.

        What the target has under the same ids is replaced, the rest of it stays. An interrupted copy can be repeated.
        """
        run(_copying.copy_thread(self._blocking, source_thread_id, target_thread_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """`copy_thread`, asynchronously."""
        await _copying.copy_thread(self._awaiting, source_thread_id, target_thread_id)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Deletes checkpoints of threads and frees their space.

        Args:
            thread_ids: The threads.
            strategy: ``"keep_latest"`` keeps the latest of each namespace, and what its delta channels are rebuilt from;
                ``"delete"`` keeps nothing.
        """
        run(_removing.prune(self._blocking, self.serde, thread_ids, strategy))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """`prune`, asynchronously."""
        await _removing.prune(self._awaiting, self.serde, thread_ids, strategy)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What delta channels are rebuilt from: the writes of the ancestors, the oldest first, and the last stored value."""
        return run(_reading.delta_channel_history(self._blocking, self.serde, config, channels))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """`get_delta_channel_history`, asynchronously."""
        return await _reading.delta_channel_history(self._awaiting, self.serde, config, channels)

    def get_next_version(self, current: Any, channel: None) -> Any:
        """The version after `current`: the next integer.

        A thread that another checkpointer began with versions of text, such as ``"00000007.0.48"``, goes on with text.
        """
        if isinstance(current, str):
            return f"{int(current.partition('.')[0]) + 1:032}.{random.random():016}"
        return 1 if current is None else current + 1


AsyncPersistSaver = PersistSaver
"""The same class: one saver has both kinds of methods."""
