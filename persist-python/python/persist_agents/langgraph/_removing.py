"""Deleting, pruning and copying threads."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol

from persist_agents import InvalidInputError, NotFoundError

from ._documents import CheckpointDocument
from ._index import ThreadIndex
from ._names import session_of_thread
from ._threads import DELTA_COUNTERS, DELTA_LABEL, Threads

logger = logging.getLogger("persist_agents.langgraph")


async def delete_thread(threads: Threads, thread_id: str) -> None:
    """Deletes all that a thread has, and frees its space."""
    session = session_of_thread(thread_id)
    try:
        await threads.call(threads.native.delete(threads.agent, session, None))
    except NotFoundError:
        return
    await _collect(threads, session, compact=False)


async def delete_for_runs(threads: Threads, serde: SerializerProtocol, run_ids: Sequence[str]) -> None:
    """Deletes the checkpoints of some runs in every thread.

    Those that a remaining checkpoint's delta channels are rebuilt from stay, and a warning tells their number.
    """
    runs = set(map(str, run_ids))
    if not runs:
        return
    for session in await threads.sessions():
        index = await threads.index(session)
        gone = {
            (checkpoint_ns, checkpoint_id)
            for checkpoint_ns, checkpoint_id, entry in index.entries()
            if any(row.facts.get("run_id") in runs for row in entry.rows)
        }
        if not gone:
            continue
        remaining = {(ns, checkpoint_id) for ns, checkpoint_id, _ in index.entries()} - gone
        needed = gone & await _needed(threads, serde, session, index, remaining)
        if needed:
            logger.warning(
                "%d checkpoints of runs that were to be deleted stay in %s/%s: later ones are rebuilt from their writes",
                len(needed),
                threads.agent,
                session,
            )
        await _delete(threads, session, index, gone - needed)


async def prune(
    threads: Threads, serde: SerializerProtocol, thread_ids: Sequence[str], strategy: str
) -> None:
    """Deletes all checkpoints of some threads but the latest of each namespace, or all of them.

    With the latest stay those that its delta channels are rebuilt from.

    Raises:
        InvalidInputError: If the strategy is neither ``keep_latest`` nor ``delete``.
    """
    if strategy not in ("keep_latest", "delete"):
        raise InvalidInputError(
            f"unknown strategy {strategy!r}: expected 'keep_latest' or 'delete'", code="unknown_strategy"
        )
    for thread_id in thread_ids:
        if strategy == "delete":
            await delete_thread(threads, thread_id)
            continue
        session = session_of_thread(thread_id)
        index = await threads.index(session)
        latest = {(ns, index.latest(ns)) for ns in index.namespaces()}
        kept = {(ns, checkpoint_id) for ns, checkpoint_id in latest if checkpoint_id is not None}
        kept |= await _needed(threads, serde, session, index, kept)
        # Writes whose checkpoint is yet to come are newer than the latest.
        gone = {
            (ns, checkpoint_id)
            for ns, checkpoint_id, entry in index.entries()
            if entry.checkpoint is not None or checkpoint_id < (index.latest(ns) or "")
        }
        await _delete(threads, session, index, gone - kept)


async def _delete(
    threads: Threads, session: str, index: ThreadIndex, keys: Iterable[tuple[str, str]]
) -> None:
    indices = sorted(
        number for ns, checkpoint_id in keys if (entry := index.entry(ns, checkpoint_id)) for number in entry.indices
    )
    if not indices:
        return
    try:
        await threads.call(threads.native.delete(threads.agent, session, indices))
    except NotFoundError:
        return
    await _collect(threads, session, compact=True)


async def _collect(threads: Threads, session: str, *, compact: bool) -> None:
    """Frees the space of what was deleted; compacting also stores anew what is built on it."""
    threads.shared.recent.forget(session)
    await threads.call(threads.native.collect(threads.agent, session, compact))


async def _needed(
    threads: Threads,
    serde: SerializerProtocol,
    session: str,
    index: ThreadIndex,
    kept: Iterable[tuple[str, str]],
) -> set[tuple[str, str]]:
    """The ancestors that some checkpoints' delta channels are rebuilt from."""
    needed: set[tuple[str, str]] = set()
    documents: dict[tuple[str, str], CheckpointDocument | None] = {}

    async def document(key: tuple[str, str]) -> CheckpointDocument | None:
        if key not in documents:
            entry = index.entry(*key)
            row = entry.checkpoint if entry else None
            found = None
            if row is not None:
                try:
                    found = await threads.document(session, row)
                except NotFoundError:
                    found = None
            documents[key] = found
        return documents[key]

    for checkpoint_ns, checkpoint_id in kept:
        entry = index.entry(checkpoint_ns, checkpoint_id)
        if entry is None or entry.checkpoint is None or DELTA_LABEL not in entry.checkpoint.facts:
            continue
        held = await document((checkpoint_ns, checkpoint_id))
        if held is None:
            continue
        missing = _unstored_channels(serde, held)
        while missing and held.parent_checkpoint_id is not None:
            key = (checkpoint_ns, held.parent_checkpoint_id)
            ancestor = await document(key)
            if ancestor is None:
                break
            held = ancestor
            needed.add(key)
            missing -= held.checkpoint(serde)["channel_values"].keys()
    return needed


def _unstored_channels(serde: SerializerProtocol, document: CheckpointDocument) -> set[str]:
    """The delta channels whose values a checkpoint does not store.

    LangGraph counts, in the metadata, what every delta channel was written since its value was last stored.
    """
    counted: dict[str, Any] = document.metadata(serde).get(DELTA_COUNTERS) or {}
    if not counted:
        return set()
    checkpoint = document.checkpoint(serde)
    written = checkpoint["channel_versions"].keys()
    return {name for name in counted if name in written and name not in checkpoint["channel_values"]}
