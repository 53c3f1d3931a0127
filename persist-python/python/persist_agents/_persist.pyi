"""The native module. Its users are the modules beside it."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import datetime
from os import PathLike
from typing import Any, Generic, TypeVar, final

from persist_agents._types import (
    Collected,
    Copied,
    Deleted,
    Exported,
    Imported,
    JsonDifference,
    Pruned,
    RawDifference,
    Stats,
)

_T = TypeVar("_T")
_Path = str | PathLike[str]
_Save = tuple[Any, ...]
_Keep = tuple[Any, ...]
_Reference = tuple[str, str, int | None]

ERROR_KINDS: dict[str, int]
REQUEST: ContextVar[tuple[str | None, str | None]]
"""The id and the traceparent of the request that the running code belongs to."""
__version__: str

def metrics_text() -> str:
    """The metrics of this process."""

def encode_json(value: Any) -> bytes:
    """JSON-like objects as JSON text, exactly as `save` stores them."""

def decode_json(text: bytes | bytearray | memoryview) -> Any:
    """JSON text as objects, exactly as `restore` gives them."""

def encode_typed(kind: str, data: bytes) -> bytes:
    """A value that a serializer of LangGraph made as JSON text: readable where that leads back to the same bytes."""

def decode_typed(text: bytes) -> tuple[str, bytes]:
    """The type and the data that a text of `encode_typed` stands for. Raises `ValueError` for any other text."""

def json_members(text: bytes) -> dict[str, bytes]:
    """The members of a JSON object, each value as the text that it is. Raises `ValueError` for any other text."""

@final
class Snapshot:
    """A snapshot, without its state."""

    @property
    def agent_id(self) -> str:
        """The agent."""
    @property
    def session_id(self) -> str:
        """The session."""
    @property
    def snapshot_index(self) -> int:
        """The position in the session, from 0."""
    @property
    def timestamp(self) -> datetime:
        """When the snapshot was saved, by the saving machine's clock; in UTC, to the microsecond."""
    @property
    def content_hash(self) -> str:
        """SHA-256 of the state, in hexadecimal."""
    @property
    def content_length(self) -> int:
        """The state's length in bytes."""
    @property
    def stored_bytes(self) -> int:
        """The stored object's length in bytes, everything included."""
    @property
    def format_version(self) -> int:
        """The version of the format that the object is written in."""
    @property
    def codec(self) -> str | None:
        """The compression adapter that it was written with; `None` when it is stored uncompressed."""
    @property
    def storage(self) -> str:
        """The storage adapter that holds it."""
    @property
    def media_type(self) -> str:
        """The state's media type."""
    @property
    def description(self) -> str | None:
        """The text for people."""
    @property
    def labels(self) -> dict[str, str]:
        """The labels: a copy."""
    @property
    def name(self) -> str | None:
        """The name that it was saved with."""
    @property
    def parent_index(self) -> int | None:
        """The snapshot that the state was derived from; `None` for the first."""
    @property
    def forked_from(self) -> str | None:
        """The snapshot of another session that the session began with, as AGENT/SESSION@INDEX; only at index 0."""
    @property
    def write_id(self) -> str:
        """The id of the attempt that stored it."""
    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-like objects, as `persist show --json` prints them."""
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Attachment:
    """An attachment, without its content."""

    @property
    def agent_id(self) -> str:
        """The agent."""
    @property
    def session_id(self) -> str:
        """The session."""
    @property
    def snapshot_index(self) -> int:
        """The snapshot that it belongs to."""
    @property
    def name(self) -> str:
        """The name."""
    @property
    def version(self) -> int:
        """The version, from 0."""
    @property
    def timestamp(self) -> datetime:
        """When it was attached, by the attaching machine's clock; in UTC, to the microsecond."""
    @property
    def content_hash(self) -> str:
        """SHA-256 of the content, in hexadecimal."""
    @property
    def content_length(self) -> int:
        """The content's length in bytes."""
    @property
    def stored_bytes(self) -> int:
        """The stored object's length in bytes, everything included."""
    @property
    def codec(self) -> str | None:
        """The compression adapter that it was written with; `None` when it is stored uncompressed."""
    @property
    def media_type(self) -> str:
        """The media type."""
    @property
    def write_id(self) -> str:
        """The id of the attempt that stored it."""
    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-like objects, as `persist attachment list --json` prints them."""
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Operation(Generic[_T]):
    """A call that has not begun; it is carried out once."""

    def wait(self) -> _T:
        """Carry it out and return its result. The interpreter's lock is free meanwhile."""
    def start(self, event_loop: asyncio.AbstractEventLoop) -> asyncio.Future[_T]:
        """Begin it and return a future of the event loop, whose cancellation ends it."""

@final
class Rows(Generic[_T]):
    """Rows of a listing."""

    def next(self) -> Operation[list[_T | Exception]]:
        """The next rows; an empty list at the end. An exception stands for a row that cannot be read."""
    def close(self) -> None:
        """End the listing, as letting go of it does. What came up by then is still given out."""

_States = list[tuple[Snapshot, bytes] | BaseException]
_Attached = list[tuple[Attachment, bytes]]

@final
class NativeStore:
    """A store, opened in each process when it is first needed."""

    @staticmethod
    def of_config(
        config: _Path | None, store: str | None, plugin_path: Sequence[_Path], bundled: _Path, module: _Path
    ) -> NativeStore: ...
    @staticmethod
    def of_description(
        description: dict[str, Any], plugin_path: Sequence[_Path], bundled: _Path, module: _Path
    ) -> NativeStore: ...
    def open(self) -> Operation[None]: ...
    def close(self) -> None: ...
    def save(self, request: _Save) -> Operation[Snapshot]: ...
    def save_many(self, requests: list[_Save], concurrency: int) -> Operation[list[Snapshot | Exception]]: ...
    def restore(
        self, agent: str, session: str, index: int | None, name: str | None
    ) -> Operation[Any]: ...
    def restore_bytes(
        self, agent: str, session: str, index: int | None, name: str | None
    ) -> Operation[bytes]: ...
    def read(
        self, agent: str, session: str, index: int | None, name: str | None
    ) -> Operation[tuple[Snapshot, bytes]]: ...
    def show(
        self, agent: str, session: str, index: int | None, name: str | None
    ) -> Operation[Snapshot]: ...
    def list(self, agent: str | None, session: str | None, start: int) -> Rows[Snapshot]: ...
    def sessions(self, agent: str | None) -> Rows[tuple[str, str]]: ...
    def verify(
        self, agent: str | None, session: str | None, index: int | None, data: bool
    ) -> Rows[dict[str, Any]]: ...
    def delete(self, agent: str, session: str, indices: Sequence[int] | None) -> Operation[Deleted]: ...
    def prune(self, agent: str, session: str, keep: _Keep, dry_run: bool) -> Operation[Pruned]: ...
    def collect(self, agent: str, session: str, compact: bool) -> Operation[Collected]: ...
    def stats(self, agent: str, session: str) -> Operation[Stats]: ...
    def diff(self, old: _Reference, new: _Reference) -> Operation[JsonDifference | RawDifference]: ...
    def copy(
        self, to: NativeStore, agent: str, session: str, until: int | None, verify: bool
    ) -> Operation[Copied]: ...
    def migrate(self, to: NativeStore, verify: bool, dry_run: bool) -> Rows[dict[str, Any]]: ...
    def export(
        self, path: _Path, agent: str | None, session: str | None, overwrite: bool
    ) -> Operation[Exported]: ...
    def import_(
        self, path: _Path, agent: str | None, session: str | None
    ) -> Operation[builtins.list[Imported]]: ...
    def label(
        self, agent: str, session: str, index: int | None, changes: dict[str, str | None]
    ) -> Operation[Snapshot]: ...
    def fork(
        self, agent: str, session: str, index: int | None, to_agent: str, to_session: str
    ) -> Operation[Snapshot]: ...
    def attach(
        self,
        agent: str,
        session: str,
        index: int | None,
        name: str,
        content: bytes | bytearray | memoryview,
        media_type: str | None,
        mode: str,
    ) -> Operation[Attachment]: ...
    def attachments(self, agent: str, session: str, index: int | None) -> Operation[builtins.list[Attachment]]: ...
    def read_attachment(self, agent: str, session: str, index: int | None, name: str) -> Operation[bytes]: ...
    def save_unclaimed(
        self,
        agent: str,
        session: str,
        text: bytes,
        labels: dict[str, str],
        name: str,
        parent: int | None,
    ) -> Operation[Snapshot]: ...
    def position(self, agent: str, session: str) -> Operation[tuple[int | None, int]]: ...
    def read_attachments(self, agent: str, session: str, index: int) -> Operation[_Attached]: ...
    def read_attachments_of(
        self, agent: str, session: str, indices: Sequence[int]
    ) -> Operation[builtins.list[_Attached | BaseException]]: ...
    def read_many(
        self, agent: str, session: str, indices: Sequence[int]
    ) -> Operation[_States]: ...
    def glance(
        self, agent: str, session: str, index: int
    ) -> Operation[tuple[tuple[int | None, int], _Attached]]: ...
    def copy_attachments(
        self, to: NativeStore, agent: str, session: str, index: int
    ) -> Operation[int]: ...
