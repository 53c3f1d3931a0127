"""Copying a thread."""

from __future__ import annotations

from persist_agents import Attachment, NotFoundError

from ._documents import MEDIA_TYPE, load_checkpoint
from ._names import session_of_thread
from ._threads import Place, Threads
from ._writing import put_state


async def copy_thread(threads: Threads, source_thread_id: str, target_thread_id: str) -> None:
    """Copies all checkpoints and writes of a thread to another.

    States and attachments are copied as bytes; nothing is deserialized. They go in the order in which they were saved, each
    stored as what it adds to its parent, like those that a run saves.
    """
    source, target = session_of_thread(source_thread_id), session_of_thread(target_thread_id)
    if source == target:
        return
    index = await threads.index(source)
    entries = [entry for _, _, entry in index.entries() if entry.checkpoint is not None]
    entries.sort(key=lambda entry: entry.indices[-1])
    for entry in entries:
        row = entry.checkpoint
        if row is None:
            continue
        try:
            snapshot, state = await threads.read(source, row.index)
            attached: list[tuple[Attachment, bytes]] = []
            for number in entry.indices:
                attached += await threads.attached(source, number)
        except NotFoundError:
            # Deleted meanwhile.
            continue
        parent = load_checkpoint(state).parent_checkpoint_id
        place = Place(target_thread_id, target, row.checkpoint_ns, parent)
        home = await put_state(threads, place, row.checkpoint_id, state, snapshot.labels)
        for attachment, content in attached:
            attach = threads.native.attach(
                threads.agent, target, home, attachment.name, content, MEDIA_TYPE, "upsert"
            )
            await threads.call(attach)
