"""Types that several modules share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypedDict

from persist_agents._errors import PersistError
from persist_agents._persist import Snapshot

State: TypeAlias = Any
"""A state: JSON-like objects, `str`, or bytes-like objects. `docs/python.md` has the exact rules."""

StrPath: TypeAlias = "str | os.PathLike[str]"

AttachMode: TypeAlias = Literal["upsert", "keep", "once"]
"""What happens to an attachment that is there already: it is replaced, it stays, or it is a conflict."""


@dataclass(frozen=True)
class Save:
    """One save among many; the fields are the arguments of `Store.save`."""

    agent: str
    session: str
    state: State
    description: str | None = None
    labels: Mapping[str, str] | None = None
    name: str | None = None
    parent: int | None = None
    expect_parent: int | Literal["empty"] | None = None
    media_type: str | None = None
    write_id: str | None = None




@dataclass(frozen=True)
class Verified:
    """What was found of one stored object; `error` is `None` when it is intact.

    `snapshot_index` is `None` for an object that belongs to the session as a whole.
    """

    agent_id: str
    session_id: str
    snapshot_index: int | None
    key: str
    content_length: int | None
    error: PersistError | None


class Deleted(TypedDict):
    """What a deletion did."""

    deleted: list[int]
    already_deleted: list[int]


class Kept(TypedDict):
    """A snapshot that a pruning keeps, and why."""

    snapshot_index: int
    reasons: list[str]


class Pruned(TypedDict):
    """What a pruning comes to; `result` is `None` for a dry run."""

    keep: list[Kept]
    delete: list[int]
    delete_bytes: int
    result: Deleted | None


class Stats(TypedDict):
    """What a session holds and takes; `persist stats` counts the same."""

    snapshots: int
    raw_bytes: int
    stored_bytes: int
    objects: int
    deleted_snapshots: int
    deleted_bytes: int
    segments: int
    unreadable: int


class Collected(TypedDict):
    """What a collection freed."""

    freed_bytes: int
    freed_objects: int
    rewritten: int
    left: int
    unreadable: int
    storage_keeps_versions: bool


class Copied(TypedDict):
    """What copying a session did.

    `copied` counts the snapshots that were copied, `copied_bytes` the stored bytes of their copies, and `state_bytes`
    is the length of their states. `present` counts the snapshots that the target had already, and `deleted` those of
    them that were deleted, because the source's are. `newest` is the index of the copy's newest snapshot, or `None` when
    none is left. `verified` counts the snapshots that were read back and found intact; `None` without `verify`.
    """

    copied: int
    copied_bytes: int
    state_bytes: int
    present: int
    deleted: int
    newest: int | None
    verified: int | None


class Imported(Copied):
    """What was imported of one session."""

    agent_id: str
    session_id: str


class Migrated(TypedDict):
    """What a migration did about a session; `persist migrate --json` prints the same as `result`.

    `migration` is `"copied"`, `"present"` if the target had all of it, or `"planned"` if it would be copied, in a dry
    run. `copied` counts the snapshots that were copied, `copied_bytes` the stored bytes of their copies, and
    `state_bytes` is the length of their states. `deleted` counts the target's snapshots that were deleted because the
    source's are. `verified` counts the snapshots that were read back and found right; it is `None` for a session that
    was not looked into. `missing` is, in a dry run, about how many snapshots would be copied, and `None` otherwise.
    `went_on` tells whether more was saved in the source meanwhile, which another run copies.
    """

    migration: Literal["copied", "present", "planned"]
    copied: int
    copied_bytes: int
    state_bytes: int
    deleted: int
    verified: int | None
    missing: int | None
    went_on: bool


class MigrationSummary(TypedDict):
    """What a migration comes to: numbers of sessions, and the sums over `Migrated`.

    `sessions` counts all that were looked at, failures included.
    """

    sessions: int
    copied_sessions: int
    present_sessions: int
    planned_sessions: int
    failed_sessions: int
    went_on_sessions: int
    copied: int
    copied_bytes: int
    state_bytes: int
    deleted: int
    verified: int
    missing: int


@dataclass(frozen=True)
class MigrationRow:
    """A session that was migrated, or what kept it from being: either `result` or `error` is `None`.

    `agent_id` and `session_id` are `None` where a directory of the source cannot be told to be a session.
    """

    agent_id: str | None
    session_id: str | None
    result: Migrated | None
    error: PersistError | None


@dataclass(frozen=True)
class MigrationReport:
    """What a migration came to. `failed` has the rows of the sessions that were not migrated, each with its `error`.

    All others were: `failed` is empty when the migration is complete.
    """

    summary: MigrationSummary
    failed: list[MigrationRow]


class Exported(TypedDict):
    """What an archive holds."""

    sessions: int
    snapshots: int
    objects: int
    bytes: int
    sha256: str


class JsonDifference(TypedDict):
    """What changed between two JSON states; `patch` is a JSON patch (RFC 6902)."""

    comparison: Literal["json"]
    old: Snapshot
    new: Snapshot
    equal: bool
    patch: list[dict[str, Any]]


class RawDifference(TypedDict):
    """Where two states differ as bytes; `reason` tells why they are not compared as the JSON that they claim to be."""

    comparison: Literal["raw"]
    old: Snapshot
    new: Snapshot
    equal: bool
    first_difference: int | None
    common_prefix: int
    common_suffix: int
    reason: str | None
