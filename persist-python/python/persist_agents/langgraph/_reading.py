"""Giving checkpoints back, one at a time and listed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, DeltaChannelHistory, PendingWrite
from langgraph.checkpoint.serde.base import SerializerProtocol

from persist_agents import NotFoundError, UnavailableError

from ._documents import CheckpointDocument, Write, load_checkpoint, load_value
from ._index import Entry, Row, ThreadIndex
from ._names import thread_of_session
from ._threads import Place, Threads, config_of

#: How often a read starts again because what it read was deleted or replaced meanwhile.
_ATTEMPTS = 16

#: How many checkpoints a listing reads at once.
_BATCH = 32

#: What a listing may give: a checkpoint id, its session and thread id, and its entry.
_Candidate = tuple[str, str, Any, Entry]

#: The metadata that labels repeat exactly, so that a listing can pass over a checkpoint without reading it.
_TEXT_FACTS = ("source", "run_id")


async def get_tuple(
    threads: Threads, serde: SerializerProtocol, config: RunnableConfig
) -> CheckpointTuple | None:
    """The checkpoint that a config names, or the latest of its namespace; None if there is none."""
    place = Place.of(config)
    known = threads.shared.indexes.known(place.session)
    # Before anything is looked up in it: others may add to it meanwhile.
    position = (known.last_index, known.decision)
    found = _find(known, place)
    if found is not None and (recalled := await threads.recent(place.session, position, found[0])):
        return _tuple(serde, place.thread_id, *recalled)
    for _ in range(_ATTEMPTS):
        index = await threads.index(place.session)
        found = _find(index, place)
        if found is None:
            return None
        entry, row = found
        try:
            document = (await threads.document(place.session, row)).ready()
            writes = await threads.writes(place.session, entry)
        except NotFoundError:
            # Deleted or replaced since; the index will tell.
            continue
        if place.checkpoint_id is None:
            threads.shared.recent.keep(place.session, row.index, document)
        return _tuple(serde, place.thread_id, document, writes)
    raise _too_busy(place)


async def list_tuples(
    threads: Threads,
    serde: SerializerProtocol,
    config: RunnableConfig | None,
    metadata: Mapping[str, Any] | None,
    before: RunnableConfig | None,
    limit: int | None,
) -> AsyncGenerator[CheckpointTuple, None]:
    """The checkpoints that match, the highest id first.

    Which there are is decided when the listing begins. One that is deleted before it is reached does not appear.
    """
    if limit is not None and limit <= 0:
        return
    before_id = before.get("configurable", {}).get("checkpoint_id") if before else None
    candidates: list[_Candidate] = []
    for session, thread_id in await _threads_of(threads, config):
        configurable = config.get("configurable", {}) if config else {}
        index = await threads.index(session)
        for _, checkpoint_id, entry in index.entries(configurable.get("checkpoint_ns")):
            if configurable.get("checkpoint_id") not in (None, "", checkpoint_id):
                continue
            if before_id is not None and checkpoint_id >= before_id:
                continue
            row = entry.checkpoint
            if row is not None and _may_match(row, metadata or {}):
                candidates.append((checkpoint_id, session, thread_id, entry))
    candidates.sort(key=lambda candidate: candidate[0], reverse=True)
    given = 0
    while candidates and given != limit:
        size = _BATCH if limit is None or metadata else min(_BATCH, limit - given)
        batch, candidates = candidates[:size], candidates[size:]
        documents = await _documents(threads, batch)
        found: list[tuple[_Candidate, CheckpointDocument]] = []
        for candidate in batch:
            row = candidate[3].checkpoint
            document = documents.get((candidate[1], row.index)) if row else None
            if document is not None and _matches(document, serde, metadata or {}):
                found.append((candidate, document))
        if limit is not None:
            del found[limit - given :]
        for (_, _, thread_id, _), document, writes in await _with_writes(threads, found):
            yield _tuple(serde, thread_id, document, writes)
            given += 1


async def _with_writes(
    threads: Threads, found: Sequence[tuple[_Candidate, CheckpointDocument]]
) -> list[tuple[_Candidate, CheckpointDocument, list[Write]]]:
    """Some candidates with their writes, without those that were deleted meanwhile."""
    entries: dict[str, list[Entry]] = {}
    for (_, session, _, entry), _ in found:
        entries.setdefault(session, []).append(entry)
    writes = {session: iter(await threads.writes_of_many(session, held)) for session, held in entries.items()}
    complete: list[tuple[_Candidate, CheckpointDocument, list[Write]]] = []
    for candidate, document in found:
        held = next(writes[candidate[1]])
        if held is not None:
            complete.append((candidate, document, held))
    return complete


def _matches(document: CheckpointDocument, serde: SerializerProtocol, metadata: Mapping[str, Any]) -> bool:
    """Whether a checkpoint has some metadata."""
    if not metadata:
        return True
    held = document.metadata(serde)
    return all(held.get(name) == value for name, value in metadata.items())


async def _documents(
    threads: Threads, candidates: Sequence[_Candidate]
) -> dict[tuple[str, int], CheckpointDocument]:
    """The checkpoints of some candidates, by session and index, without those that were deleted meanwhile."""
    indices: dict[str, list[int]] = {}
    for _, session, _, entry in candidates:
        if entry.checkpoint is not None:
            indices.setdefault(session, []).append(entry.checkpoint.index)
    documents: dict[tuple[str, int], CheckpointDocument] = {}
    for session, wanted in indices.items():
        states = await threads.call(threads.native.read_many(threads.agent, session, wanted))
        for index, found in zip(wanted, states, strict=True):
            if isinstance(found, NotFoundError):
                continue
            if isinstance(found, BaseException):
                raise found
            documents[session, index] = load_checkpoint(found[1])
    return documents


async def delta_channel_history(
    threads: Threads, serde: SerializerProtocol, config: RunnableConfig, channels: Sequence[str]
) -> dict[str, DeltaChannelHistory]:
    """What some channels were written on the way to a checkpoint, since their values were last stored as a whole.

    The way goes from parent to parent. It ends for a channel at the nearest one that stores its value, whose own writes
    still count; those of the checkpoint itself do not.
    """
    place = Place.of(config)
    for _ in range(_ATTEMPTS):
        try:
            return await _walk(threads, serde, place, channels)
        except NotFoundError:
            continue
    raise _too_busy(place)


async def _walk(
    threads: Threads, serde: SerializerProtocol, place: Place, channels: Sequence[str]
) -> dict[str, DeltaChannelHistory]:
    newest_first: dict[str, list[PendingWrite]] = {channel: [] for channel in channels}
    seeds: dict[str, Any] = {}
    index = await threads.index(place.session)
    found = _find(index, place)
    parent = None
    if found is not None:
        parent = (await threads.document(place.session, found[1])).parent_checkpoint_id
    while parent is not None and len(seeds) < len(newest_first):
        entry = index.entry(place.checkpoint_ns, parent)
        row = entry.checkpoint if entry else None
        if entry is None or row is None:
            break
        document = await threads.document(place.session, row)
        for write in reversed(await threads.writes(place.session, entry)):
            if write.channel in newest_first and write.channel not in seeds:
                newest_first[write.channel].append(_pending(serde, write))
        values = document.checkpoint(serde)["channel_values"]
        seeds.update({name: values[name] for name in newest_first if name in values and name not in seeds})
        parent = document.parent_checkpoint_id
    histories: dict[str, DeltaChannelHistory] = {}
    for channel, writes in newest_first.items():
        histories[channel] = {"writes": writes[::-1]}
        if channel in seeds:
            histories[channel]["seed"] = seeds[channel]
    return histories


def _find(index: ThreadIndex, place: Place) -> tuple[Entry, Row] | None:
    """The checkpoint that a place names, or the latest of its namespace."""
    checkpoint_id = place.checkpoint_id or index.latest(place.checkpoint_ns)
    if checkpoint_id is None:
        return None
    entry = index.entry(place.checkpoint_ns, checkpoint_id)
    row = entry.checkpoint if entry else None
    return None if entry is None or row is None else (entry, row)


async def _threads_of(threads: Threads, config: RunnableConfig | None) -> list[tuple[str, Any]]:
    """The sessions to list, each with its thread id."""
    if config is not None and "thread_id" in config.get("configurable", {}):
        place = Place.of(config)
        return [(place.session, place.thread_id)]
    return [(session, thread_of_session(session)) for session in await threads.sessions()]


def _may_match(row: Row, metadata: Mapping[str, Any]) -> bool:
    """Whether a checkpoint may have some metadata, as far as its labels tell."""
    for name in _TEXT_FACTS:
        wanted = metadata.get(name)
        if isinstance(wanted, str) and row.facts.get(name, wanted) != wanted:
            return False
    return True


def _tuple(
    serde: SerializerProtocol, thread_id: Any, document: CheckpointDocument, writes: Sequence[Write]
) -> CheckpointTuple:
    checkpoint_ns, parent_id = document.checkpoint_ns, document.parent_checkpoint_id
    return CheckpointTuple(
        config=config_of(thread_id, checkpoint_ns, document.checkpoint_id),
        checkpoint=document.checkpoint(serde),
        metadata=document.metadata(serde),
        parent_config=config_of(thread_id, checkpoint_ns, parent_id) if parent_id else None,
        pending_writes=[_pending(serde, write) for write in writes],
    )


def _pending(serde: SerializerProtocol, write: Write) -> PendingWrite:
    return (write.task_id, write.channel, load_value(serde, write.value))


def _too_busy(place: Place) -> UnavailableError:
    return UnavailableError(
        f"a checkpoint of the thread {str(place.thread_id)!r} changes faster than it can be read",
        code="checkpoint_busy",
        hint="try again",
    )
