"""Persist for Python: snapshots and restore for AI agents.

A store keeps the states of sessions, each under the next index, and gives any of them back exactly:

>>> from persist_agents import Store
>>> with Store(storage={"adapter": "memory"}) as store:
...     saved = store.save("planner", "trip-7", {"step": 1, "plan": ["book"]})
...     store.restore("planner", "trip-7", saved.snapshot_index)
{'step': 1, 'plan': ['book']}

`docs/python.md` in the repository tells what becomes of which Python value, which exceptions there are, and what holds
under threads, asyncio and multiprocessing.
"""

from persist_agents._aio import AsyncStore
from persist_agents._errors import (
    ConflictError,
    IncompatibleError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    OtherError,
    OutcomeUnknownError,
    PersistError,
    PluginError,
    UnavailableError,
    UsageError,
)
from persist_agents._observe import metrics_text, request
from persist_agents._persist import Attachment, Snapshot, __version__
from persist_agents._store import Store
from persist_agents._types import MigrationReport, MigrationRow, Save, State, Verified

__all__ = [
    "AsyncStore",
    "Attachment",
    "ConflictError",
    "IncompatibleError",
    "IntegrityError",
    "InvalidInputError",
    "MigrationReport",
    "MigrationRow",
    "NotFoundError",
    "OtherError",
    "OutcomeUnknownError",
    "PersistError",
    "PluginError",
    "Save",
    "Snapshot",
    "State",
    "Store",
    "UnavailableError",
    "UsageError",
    "Verified",
    "__version__",
    "metrics_text",
    "request",
]
