"""What a snapshot of a checkpoint and an attachment of writes hold: readable JSON.

A snapshot's state::

    {"checkpoint_ns": "", "checkpoint_id": "1f0…", "parent_checkpoint_id": "1f0…" or null,
     "metadata": <value>, "checkpoint": <value>}

An attachment's content::

    {"task_id": "…", "task_path": "…", "writes": {"<index>": {"channel": "…", "value": <value>}, …}}

A value is what the serializer made of an object. MessagePack is written as the JSON that it stands for, if that leads back
to the same bytes; anything else as ``{"$typed": ["<type>", "<base64>"]}``. Reading gives the serializer exactly the bytes
that it made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from langgraph.checkpoint.base import writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol

from persist_agents import IntegrityError
from persist_agents._persist import decode_typed, encode_typed, json_members

MEDIA_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class CheckpointDocument:
    """The state of a snapshot, taken apart but not deserialized."""

    checkpoint_ns: str
    checkpoint_id: str
    parent_checkpoint_id: str | None
    _metadata: bytes
    #: As JSON, or as the serializer has it.
    _checkpoint: bytes | tuple[str, bytes]

    def metadata(self, serde: SerializerProtocol) -> Any:
        """The checkpoint's metadata."""
        return load_value(serde, self._metadata)

    def checkpoint(self, serde: SerializerProtocol) -> Any:
        """The checkpoint."""
        if isinstance(self._checkpoint, bytes):
            return load_value(serde, self._checkpoint)
        return serde.loads_typed(self._checkpoint)

    def ready(self) -> CheckpointDocument:
        """The same with the checkpoint as the serializer has it, for one that will be read again."""
        if not isinstance(self._checkpoint, bytes):
            return self
        return replace(self, _checkpoint=_typed(self._checkpoint))

    def __len__(self) -> int:
        held = self._checkpoint
        return len(self._metadata) + len(held if isinstance(held, bytes) else held[1])


@dataclass(frozen=True, slots=True)
class Write:
    """One pending write as it is stored: its value is not deserialized."""

    task_path: str
    task_id: str
    index: int
    channel: str
    value: bytes

    def sort_key(self) -> tuple[str, str, int]:
        """By this, a run orders the writes of a step."""
        return writes_sort_key(self.task_path, self.task_id, self.index)


def dump_checkpoint(
    serde: SerializerProtocol,
    checkpoint_ns: str,
    parent_checkpoint_id: str | None,
    checkpoint: Mapping[str, Any],
    metadata: Mapping[str, Any],
) -> tuple[bytes, CheckpointDocument]:
    """The state of a checkpoint's snapshot, and the same taken apart."""
    head = {
        "checkpoint_ns": checkpoint_ns,
        "checkpoint_id": checkpoint["id"],
        "parent_checkpoint_id": parent_checkpoint_id,
    }
    kind, data = serde.dumps_typed(checkpoint)
    typed = (kind, bytes(data))
    held = dump_value(serde, metadata)
    # What is large and grows comes last.
    parts = (_dump_json(head)[:-1], b',"metadata":', held, b',"checkpoint":', encode_typed(*typed), b"}")
    document = CheckpointDocument(checkpoint_ns, checkpoint["id"], parent_checkpoint_id, held, typed)
    return b"".join(parts), document


def load_checkpoint(state: bytes) -> CheckpointDocument:
    """Takes a snapshot's state apart.

    Raises:
        IntegrityError: If the state is not one of a checkpoint.
    """
    try:
        members = json_members(state)
        return CheckpointDocument(
            checkpoint_ns=json.loads(members["checkpoint_ns"]),
            checkpoint_id=json.loads(members["checkpoint_id"]),
            parent_checkpoint_id=json.loads(members["parent_checkpoint_id"]),
            _metadata=members["metadata"],
            _checkpoint=members["checkpoint"],
        )
    except (KeyError, ValueError) as error:
        raise IntegrityError(f"the state is not that of a LangGraph checkpoint: {error}", code="not_a_checkpoint") from error


def dump_early(checkpoint_ns: str, checkpoint_id: str) -> bytes:
    """The state of a snapshot that only holds writes of a checkpoint which is not there yet."""
    return _dump_json({"checkpoint_ns": checkpoint_ns, "checkpoint_id": checkpoint_id})


def load_id(state: bytes) -> str:
    """The checkpoint id in a state of either kind.

    Raises:
        IntegrityError: If there is none.
    """
    try:
        return str(json.loads(json_members(state)["checkpoint_id"]))
    except (KeyError, ValueError) as error:
        raise IntegrityError(f"the state does not name its LangGraph checkpoint: {error}", code="not_a_checkpoint") from error


def dump_writes(task_id: str, task_path: str, writes: Mapping[int, tuple[str, bytes]]) -> bytes:
    """The content of an attachment: writes by index, each a channel and a value of `dump_value`."""
    entries = b",".join(
        b'"%d":{"channel":%b,"value":%b}' % (index, _dump_json(channel), value)
        for index, (channel, value) in writes.items()
    )
    head = _dump_json({"task_id": task_id, "task_path": task_path})[:-1]
    return b'%b,"writes":{%b}}' % (head, entries)


def load_writes(content: bytes) -> list[Write]:
    """Takes an attachment's content apart.

    Raises:
        IntegrityError: If it does not hold writes.
    """
    try:
        members = json_members(content)
        task_id, task_path = json.loads(members["task_id"]), json.loads(members["task_path"])
        writes: list[Write] = []
        for index, entry in json_members(members["writes"]).items():
            write = json_members(entry)
            writes.append(Write(task_path, task_id, int(index), json.loads(write["channel"]), write["value"]))
        return writes
    except (KeyError, ValueError) as error:
        raise IntegrityError(f"the attachment does not hold writes of LangGraph: {error}", code="not_writes") from error


def dump_value(serde: SerializerProtocol, value: Any) -> bytes:
    """A value as JSON, by way of the serializer."""
    kind, data = serde.dumps_typed(value)
    return encode_typed(kind, bytes(data))


def load_value(serde: SerializerProtocol, text: bytes) -> Any:
    """The object that the serializer makes of a value; whatever it raises is raised.

    Raises:
        IntegrityError: If the text is not a value.
    """
    return serde.loads_typed(_typed(text))


def _typed(text: bytes) -> tuple[str, bytes]:
    try:
        return decode_typed(text)
    except ValueError as error:
        raise IntegrityError(f"a stored value cannot be read: {error}", code="not_a_value") from error


def _dump_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
