"""Checkpoints in transit: what is copied, how two copies are compared, and how pending writes are stored again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from langgraph.checkpoint.base import WRITES_IDX_MAP

from persist_agents import InvalidInputError

from .serde import OpaqueSerializer

# Values are compared by what they are serialized to, whatever form a saver gives them: an encryption never repeats itself.
_BYTES = OpaqueSerializer()


@dataclass(frozen=True)
class Place:
    """Where a checkpoint belongs."""

    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str
    parent_id: str | None
    """The checkpoint that it follows, in the same thread and namespace; None for a first one."""


def facts(place: Place) -> dict[str, str]:
    """Returns a place as the context of an error."""
    return {name: value for name, value in asdict(place).items() if value is not None}


@dataclass(frozen=True)
class Write:
    """One pending write of a checkpoint."""

    task_id: str
    task_path: str
    index: int
    """Its position among the writes of its task; LangGraph's own channels have negative ones."""
    channel: str
    value: Any

    @property
    def key(self) -> tuple[str, int]:
        """What is unique among the writes of one checkpoint."""
        return (self.task_id, self.index)


@dataclass(frozen=True)
class Record:
    """One checkpoint with all that belongs to it."""

    place: Place
    checkpoint: dict[str, Any]
    metadata: dict[str, Any]
    writes: tuple[Write, ...]
    """In the order in which LangGraph applies them: by task path, task id and index."""


def canonical(writes: Iterable[Write]) -> tuple[Write, ...]:
    """Orders writes, with the indices that LangGraph gives them today.

    Releases before LangGraph knew fixed indices numbered the writes to its own channels like any others.
    """
    numbered = [
        Write(
            write.task_id, write.task_path, WRITES_IDX_MAP.get(write.channel, write.index), write.channel, write.value
        )
        for write in writes
    ]
    return tuple(sorted(numbered, key=lambda write: (write.task_path, write.task_id, write.index)))


def differing_parts(source: Record, target: Record) -> list[str]:
    """Returns what of a checkpoint differs between two copies, pending writes apart; an empty list where nothing does.

    A value is the same where its serialized bytes are. The order of names is not compared: PostgreSQL does not keep it.
    """
    parts: list[str] = []
    if source.place.parent_id != target.place.parent_id:
        parts.append("parent")
    ours, theirs = source.checkpoint, target.checkpoint
    for name in sorted(ours.keys() | theirs.keys()):
        same = _same_values if name == "channel_values" else _same_structure
        if name not in ours or name not in theirs or not same(ours[name], theirs[name]):
            parts.append(f"checkpoint.{name}")
    if not _same_structure(source.metadata, target.metadata):
        parts.append("metadata")
    return parts


def missing_writes(source: Record, target: Record) -> list[Write] | None:
    """Returns the source's writes that the target lacks; None where it holds others, or one with another value."""
    wanted = {write.key: write for write in source.writes}
    for found in target.writes:
        write = wanted.pop(found.key, None)
        if write is None or (write.task_path, write.channel) != (found.task_path, found.channel):
            return None
        if not _same_bytes(write.value, found.value):
            return None
    return list(wanted.values())


def calls(writes: Sequence[Write], place: Place) -> list[tuple[str, str, list[tuple[str, Any]]]]:
    """Returns the calls of ``put_writes`` that store exactly these writes: task id, task path, and channels with values.

    A saver numbers the writes of a call itself, and leaves out the number of a write to one of LangGraph's own channels. A
    task's writes therefore go into one call in their order, with the writes to own channels where numbers are missing.

    Raises:
        InvalidInputError: No call yields these indices.
    """
    tasks: dict[tuple[str, str], list[Write]] = {}
    for write in writes:
        tasks.setdefault((write.task_id, write.task_path), []).append(write)
    result: list[tuple[str, str, list[tuple[str, Any]]]] = []
    for (task_id, task_path), of_task in tasks.items():
        ordinary = {write.index: write for write in of_task if write.channel not in WRITES_IDX_MAP}
        own = [write for write in of_task if write.channel in WRITES_IDX_MAP]
        call: list[tuple[str, Any]] = []
        for index in range(max(ordinary, default=-1) + 1):
            if index not in ordinary and not own:
                raise _irreproducible(place, task_id, f"number {index} is missing")
            write = ordinary[index] if index in ordinary else own.pop(0)
            call.append((write.channel, write.value))
        if len({write.key for write in of_task}) < len(of_task) or min(ordinary, default=0) < 0:
            raise _irreproducible(place, task_id, "two have the same number, or one has a negative one")
        if call:
            result.append((task_id, task_path, call))
        if own:
            # Alone they replace what is there, as they do when LangGraph stores them.
            result.append((task_id, task_path, [(write.channel, write.value) for write in own]))
    return result


def _irreproducible(place: Place, task_id: str, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"the pending writes of task {task_id} cannot be stored as they are: {why}",
        code="irreproducible_writes",
        context=facts(place),
        hint="rows were removed or edited by hand; restore them, or delete the checkpoint from the source",
    )


def _same_values(ours: Any, theirs: Any) -> bool:
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return False
    mine, others = cast(dict[str, Any], ours), cast(dict[str, Any], theirs)
    return mine.keys() == others.keys() and all(_same_bytes(mine[name], others[name]) for name in mine)


def _same_structure(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        mine, others = cast(Mapping[Any, Any], ours), cast(Mapping[Any, Any], theirs)
        return mine.keys() == others.keys() and all(_same_structure(mine[key], others[key]) for key in mine)
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)):
        line, other_line = cast(Sequence[Any], ours), cast(Sequence[Any], theirs)
        return len(line) == len(other_line) and all(map(_same_structure, line, other_line))
    return _same_bytes(ours, theirs)


def _same_bytes(ours: Any, theirs: Any) -> bool:
    return _BYTES.dumps_typed(ours) == _BYTES.dumps_typed(theirs)
