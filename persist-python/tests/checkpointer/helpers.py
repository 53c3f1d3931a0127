"""Checkpoints for tests."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.base.id import uuid6


def at(thread: str, checkpoint_id: str | None = None, checkpoint_ns: str = "") -> RunnableConfig:
    """A config."""
    configurable: dict[str, Any] = {"thread_id": thread, "checkpoint_ns": checkpoint_ns}
    if checkpoint_id is not None:
        configurable["checkpoint_id"] = checkpoint_id
    return {"configurable": configurable}


def conf(config: RunnableConfig | None) -> dict[str, Any]:
    """What a config says to the checkpointer."""
    assert config is not None
    return config.get("configurable", {})


def id_of(config: RunnableConfig | None) -> str:
    """The checkpoint id in a config."""
    found = conf(config)["checkpoint_id"]
    assert isinstance(found, str)
    return found


def checkpoint(checkpoint_id: str | None = None, /, **values: Any) -> Any:
    """A checkpoint with some channel values."""
    versions = dict.fromkeys(values, 1)
    return {
        "v": 4,
        "id": checkpoint_id or str(uuid6(clock_seq=-1)),
        "ts": "2026-11-23T12:00:00+00:00",
        "channel_values": values,
        "channel_versions": versions,
        "versions_seen": {},
        "updated_channels": None,
    }


def put(
    saver: BaseCheckpointSaver[Any],
    config: RunnableConfig,
    checkpoint_id: str | None = None,
    /,
    *,
    metadata: CheckpointMetadata | None = None,
    **values: Any,
) -> RunnableConfig:
    """Puts a checkpoint as a child of what the config names."""
    made = checkpoint(checkpoint_id, **values)
    return saver.put(config, made, metadata or {"source": "loop", "step": 1, "parents": {}}, {})


def got(saver: BaseCheckpointSaver[Any], config: RunnableConfig) -> CheckpointTuple:
    """The checkpoint that must be there."""
    found = saver.get_tuple(config)
    assert found is not None
    return found


def ids(saver: BaseCheckpointSaver[Any], config: RunnableConfig | None, **named: Any) -> list[str]:
    """The checkpoint ids of a listing."""
    return [id_of(found.config) for found in saver.list(config, **named)]
