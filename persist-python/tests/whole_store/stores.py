"""Stores to migrate, and all that can be read of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from persist_agents import Save, Store

SESSIONS = [("a", "fork"), ("a", "s"), ("b", "ü @%"), ("b", "gone")]
"""The sessions of a filled store, in the order of their keys."""

SNAPSHOTS = 1 + 5 + 1
"""How many snapshots a filled store has."""


MANY = 160
"""How many sessions `fill_with_many` makes: more than a migration does ahead of whoever is told of each, so that one whose
callback stops cannot be complete."""


def local(root: Path) -> Mapping[str, Any]:
    """Storage in a directory."""
    return {"adapter": "local", "root": str(root), "fsync": False}


def on_disk(root: Path) -> Store:
    """A store in a directory."""
    return Store(storage=local(root))


def fill(store: Store) -> None:
    """Puts into a store sessions of two agents, with names, labels, attachments, parents, a fork and deletions."""
    for step in range(6):
        store.save("a", "s", {"step": step}, name=f"step {step}", labels={"step": str(step)}, description=f"no. {step}")
    store.save("a", "s", b"\x00\xff", parent=2)
    store.attach("a", "s", 1, "notes", b"first", media_type="text/plain")
    store.attach("a", "s", 1, "notes", b"second", media_type="text/plain")
    store.attach("a", "s", 3, "empty", b"")
    store.label("a", "s", 1, {"state": "good", "step": None})
    store.delete("a", "s", [2, 5])
    store.fork("a", "s", 1, "a", "fork")
    for step in range(3):
        store.save("b", "gone", step)
    store.delete("b", "gone")
    store.collect("b", "gone")
    store.save("b", "ü @%", "text " * 1000, media_type="text/plain")


def fill_with_many(store: Store) -> None:
    """Puts two snapshots into each of many sessions."""
    saves = [Save("many", f"{number:04}", {"number": number, "step": step}) for number in range(MANY) for step in range(2)]
    assert not [saved for saved in store.save_many(saves) if isinstance(saved, Exception)]


def contents(store: Store) -> dict[str, Any]:
    """All that a copy must have: of each snapshot what it is, its state and its attachments.

    How it is stored, a copy decides for itself, and the version of an attachment counts what was attached there.
    """
    found: dict[str, Any] = {}
    for snapshot in store.list():
        agent, session, index = snapshot.agent_id, snapshot.session_id, snapshot.snapshot_index
        facts = {key: value for key, value in snapshot.to_dict().items() if key not in {"storage", "stored_bytes", "codec"}}
        attached = {
            one.name: (one.media_type, store.read_attachment(agent, session, index, one.name))
            for one in store.attachments(agent, session, index)
        }
        found[f"{agent}/{session}@{index}"] = (facts, store.restore_bytes(agent, session, index), attached)
    return found
