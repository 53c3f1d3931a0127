"""What a migration reads from and writes to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Protocol

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.base import SerializerProtocol

from .record import Place, Record, Write, calls


class Checkpoints(Protocol):
    """All checkpoints of one saver. A source needs all but the last two methods, a target only `read` and these two."""

    name: str
    """What it is, for people, without secrets."""
    serde: SerializerProtocol
    """Reads and writes the values. Both sides of a migration have the same."""

    metadata_left_out: frozenset[str]
    """Names of metadata that its saver never stores."""

    def __enter__(self) -> Checkpoints:
        """Returns itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes it."""
        ...

    def count(self) -> int | None:
        """Returns how many checkpoints there are; None if that cannot be known without going through them."""
        ...

    def orphaned_writes(self) -> int:
        """Returns how many pending writes belong to no checkpoint that is there. No saver ever returns them."""
        ...

    def threads(self) -> Iterator[str]:
        """Yields the ids of all threads, without holding them all."""
        ...

    def places(self, thread_id: str) -> list[Place]:
        """Returns where the checkpoints of a thread belong, in no order, with their parents if they are at hand."""
        ...

    def read(self, place: Place) -> Record | None:
        """Reads a checkpoint and its writes as of one moment; None if it is not there."""
        ...

    def put(self, record: Record) -> None:
        """Stores a checkpoint without its writes."""
        ...

    def put_writes(self, place: Place, writes: Sequence[Write]) -> None:
        """Stores writes of a checkpoint; those that are there already stay as they are."""
        ...


def put(saver: BaseCheckpointSaver[Any], record: Record) -> None:
    """Stores a checkpoint as LangGraph does, with every channel's version as a new one."""
    checkpoint: Any = record.checkpoint
    metadata: Any = record.metadata
    # A saver takes the checkpoint that the config names for the parent.
    saver.put(_config(record.place, record.place.parent_id), checkpoint, metadata, dict(checkpoint["channel_versions"]))


def put_writes(saver: BaseCheckpointSaver[Any], place: Place, writes: Sequence[Write]) -> None:
    """Stores writes of a checkpoint as LangGraph does, so that each gets the index that it has."""
    config = _config(place, place.checkpoint_id)
    for task_id, task_path, of_task in calls(writes, place):
        saver.put_writes(config, of_task, task_id, task_path)


def _config(place: Place, checkpoint_id: str | None) -> RunnableConfig:
    configurable = {"thread_id": place.thread_id, "checkpoint_ns": place.checkpoint_ns}
    if checkpoint_id is not None:
        configurable["checkpoint_id"] = checkpoint_id
    return {"configurable": configurable}
