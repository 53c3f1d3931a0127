"""Saving checkpoints and their pending writes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import WRITES_IDX_MAP, get_checkpoint_metadata
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME, SCHEDULED

from persist_agents import NotFoundError, UnavailableError
from persist_agents._persist import Snapshot

from ._documents import MEDIA_TYPE, dump_checkpoint, dump_early, dump_value, dump_writes, load_writes
from ._index import Row
from ._names import attachment_name, is_writes_name, later_name, snapshot_name, version_of_name, writes_name
from ._threads import DELTA_COUNTERS, DELTA_LABEL, NAMESPACE_LABEL, Place, Threads

#: How long writes wait for their checkpoint after the last sign of one, in seconds. LangGraph submits both at about the
#: same time; writes whose checkpoint does not come are stored by themselves.
_PATIENCE = 0.25

#: How long after the end of a save its successor is expected, and how often the store is asked for a checkpoint that this
#: process does not save, in seconds.
_SOON = 0.005

#: The longest that writes wait for saves that are under way, in seconds.
_LONGEST_WAIT = 5.0

#: How often an operation starts again because others changed the same checkpoint meanwhile.
_ATTEMPTS = 16

#: The metadata that labels repeat, for people and for listings.
_LABELS = ("source", "step", "run_id")

#: What the attachments of special writes are called.
_SPECIAL = {ERROR: "error", SCHEDULED: "scheduled", INTERRUPT: "interrupt", RESUME: "resume"}


async def put(
    threads: Threads,
    serde: SerializerProtocol,
    config: RunnableConfig,
    checkpoint: Mapping[str, Any],
    metadata: Mapping[str, Any],
) -> RunnableConfig:
    """Saves a checkpoint, whose parent is the one that the config names."""
    place = Place.of(config)
    with threads.shared.saves.begun(place.session):
        kept = get_checkpoint_metadata(config, metadata)  # type: ignore[arg-type]
        state, document = dump_checkpoint(serde, place.checkpoint_ns, place.checkpoint_id, checkpoint, kept)
        labels = _labels(place.checkpoint_ns, kept)
        index = await put_state(threads, place, checkpoint["id"], state, labels)
        threads.shared.recent.keep(place.session, index, document)
    return place.config(checkpoint["id"])


async def put_state(
    threads: Threads, place: Place, checkpoint_id: str, state: bytes, labels: dict[str, str]
) -> int:
    """Saves a checkpoint that has been serialized, whose parent `place` names; returns its snapshot's index.

    The name is not claimed in the store: that two processes save the same checkpoint at the same moment does no harm, since
    the last one counts, with the writes of both.
    """
    known = threads.shared.indexes.known(place.session)
    entry = known.entry(place.checkpoint_ns, checkpoint_id)
    if entry is not None and entry.checkpoint is not None:
        return await _replace(threads, place, checkpoint_id, state, labels)
    name = snapshot_name(place.checkpoint_ns, checkpoint_id)
    return await _save(threads, place, checkpoint_id, state, name, labels)


async def put_writes(
    threads: Threads,
    serde: SerializerProtocol,
    config: RunnableConfig,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    task_path: str,
) -> None:
    """Attaches writes to the checkpoint that the config names.

    If all of them are special, each replaces what its task had of the kind; otherwise what is there stays.
    """
    place = Place.of(config)
    ordinary: dict[int, tuple[str, bytes]] = {}
    special: dict[str, bytes] = {}
    all_special = all(channel in WRITES_IDX_MAP for channel, _ in writes)
    for index, (channel, value) in enumerate(writes):
        if channel not in WRITES_IDX_MAP:
            ordinary[index] = (channel, dump_value(serde, value))
        elif all_special or channel not in special:
            special[channel] = dump_value(serde, value)
    for _ in range(_ATTEMPTS):
        index = await _home_of_writes(threads, place)
        try:
            if ordinary:
                await _add_ordinary(threads, place.session, index, task_id, task_path, ordinary)
            for channel, value in special.items():
                content = dump_writes(task_id, task_path, {WRITES_IDX_MAP[channel]: (channel, value)})
                name = attachment_name(task_id, _SPECIAL[channel])
                mode = "upsert" if all_special else "keep"
                await _attach(threads, place.session, index, name, content, mode)
            return
        except NotFoundError:
            # Deleted, or replaced, since it was looked up.
            threads.shared.indexes.forget(place.session)
    raise _too_busy(place)


def _labels(checkpoint_ns: str, metadata: Mapping[str, Any]) -> dict[str, str]:
    labels = {NAMESPACE_LABEL: checkpoint_ns}
    for name in _LABELS:
        value = metadata.get(name)
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            labels[name] = str(value)
    if counted := metadata.get(DELTA_COUNTERS):
        labels[DELTA_LABEL] = ",".join(sorted(counted))
    return labels


async def _parent(threads: Threads, place: Place) -> int | None:
    """The index of the parent's snapshot, if it is there."""
    if place.checkpoint_id is None:
        return None
    known = threads.shared.indexes.known(place.session)
    for look in (False, True):
        if look:
            known = await threads.index(place.session)
        entry = known.entry(place.checkpoint_ns, place.checkpoint_id)
        if entry is not None and entry.checkpoint is not None:
            return entry.checkpoint.index
    return None


async def _save(
    threads: Threads, place: Place, checkpoint_id: str, state: bytes, name: str, labels: dict[str, str]
) -> int:
    parent = await _parent(threads, place)
    while True:
        save = threads.native.save_unclaimed(threads.agent, place.session, state, labels, name, parent)
        try:
            saved = await threads.call(save)
            break
        except NotFoundError:
            if parent is None:
                raise
            # The parent was deleted just now. The state names it all the same.
            parent = None
    facts = {label: value for label, value in labels.items() if label != NAMESPACE_LABEL}
    row = Row(saved.snapshot_index, place.checkpoint_ns, checkpoint_id, is_writes_name(name), facts)
    threads.shared.indexes.saved(place.session, row)
    return row.index


async def _replace(
    threads: Threads, place: Place, checkpoint_id: str, state: bytes, labels: dict[str, str]
) -> int:
    """Saves a checkpoint that is there already.

    The same one is left as it is. Another one is replaced: the new one is saved under the name of the next version, the
    pending writes follow, and only then the old one is deleted. While both are there, the newer counts, with the writes of
    both.
    """
    name = snapshot_name(place.checkpoint_ns, checkpoint_id)
    digest = hashlib.sha256(state).hexdigest()
    for _ in range(_ATTEMPTS):
        index = await threads.index(place.session)
        entry = index.entry(place.checkpoint_ns, checkpoint_id)
        current = entry.checkpoint if entry else None
        if entry is None or current is None:
            return await _save(threads, place, checkpoint_id, state, name, labels)
        try:
            show = threads.native.show(threads.agent, place.session, current.index, None)
            held: Snapshot = await threads.call(show)
            if held.content_hash == digest:
                return current.index
            # What is saved now becomes part of the entry.
            old = entry.indices
            next_name = later_name(name, 1 + version_of_name(held.name or ""))
            saved = await _save(threads, place, checkpoint_id, state, next_name, labels)
            await _move_writes(threads, place.session, old, saved)
            await threads.call(threads.native.delete(threads.agent, place.session, old))
            return saved
        except NotFoundError:
            # Others deleted it meanwhile.
            continue
    raise _too_busy(place)


async def _move_writes(threads: Threads, session: str, sources: list[int], target: int) -> None:
    for index in sources:
        attached = await threads.attached(session, index)
        for attachment, content in attached:
            await _attach(threads, session, target, attachment.name, content, "upsert")


async def _home_of_writes(threads: Threads, place: Place) -> int:
    """The snapshot that writes of a checkpoint are attached to: its first.

    Writes may come before their checkpoint. They wait a little; if it does not come, they get a snapshot of their own, which
    counts as soon as the checkpoint is there.
    """
    checkpoint_id = place.checkpoint_id or ""
    session, saves = place.session, threads.shared.saves
    began = asked = time.monotonic()
    while True:
        with saves.coming(session) as coming:
            running, ended = saves.running(session), saves.ended(session)
            known = threads.shared.indexes.known(session)
            entry = known.entry(place.checkpoint_ns, checkpoint_id)
            now = time.monotonic()
            # While this process saves to the thread, that is most likely the checkpoint, and the store is not asked.
            is_expected = bool(running) or now - ended < _SOON
            if entry is None and (not is_expected or now - asked > _PATIENCE):
                known = await threads.index(session)
                entry = known.entry(place.checkpoint_ns, checkpoint_id)
                asked = now
                is_quiet = not running and now - max(began, ended) > _PATIENCE
                if entry is None and (is_quiet or now - began > _LONGEST_WAIT):
                    break
            if entry is not None:
                return entry.indices[0]
            await threads.call.settle(running or {coming}, _PATIENCE if running else _SOON)
    state = dump_early(place.checkpoint_ns, checkpoint_id)
    name = writes_name(snapshot_name(place.checkpoint_ns, checkpoint_id))
    orphan = replace(place, checkpoint_id=None)
    return await _save(threads, orphan, checkpoint_id, state, name, {NAMESPACE_LABEL: place.checkpoint_ns})


async def _add_ordinary(
    threads: Threads,
    session: str,
    index: int,
    task_id: str,
    task_path: str,
    writes: dict[int, tuple[str, bytes]],
) -> None:
    """Attaches those of a task's ordinary writes that are not there yet.

    The writes of one call share an attachment, named by the first of them. It is created only if there is none of the name;
    if there is, what it does not have goes into another one.
    """
    missing: dict[int, tuple[str, bytes]] = writes
    while missing:
        name = attachment_name(task_id, str(min(missing)))
        content = dump_writes(task_id, task_path, missing)
        if await _attach(threads, session, index, name, content, "keep"):
            return
        attached = await threads.attached(session, index)
        there = {
            write.index
            for _, held in attached
            for write in load_writes(held)
            if write.task_id == task_id
        }
        missing = {number: write for number, write in missing.items() if number not in there}


async def _attach(
    threads: Threads, session: str, index: int, name: str, content: bytes, mode: str
) -> bool:
    """Attaches content; tells whether that is now what is attached under the name."""
    attach = threads.native.attach(threads.agent, session, index, name, content, MEDIA_TYPE, mode)
    attached = await threads.call(attach)
    if mode != "keep":
        return True
    held: str = attached.content_hash
    return held == hashlib.sha256(content).hexdigest()


def _too_busy(place: Place) -> UnavailableError:
    return UnavailableError(
        f"a checkpoint of the thread {str(place.thread_id)!r} changes faster than it can be written",
        code="checkpoint_busy",
        hint="try again",
    )
