"""From arguments of Python to what the native module takes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from persist_agents import _persist
from persist_agents._persist import NativeStore
from persist_agents._types import Save, StrPath

BUNDLED = Path(__file__).parent / "plugins"
"""The plugins that came with the package. They are searched last."""

MODULE = Path(_persist.__file__)

GZIP: Mapping[str, Any] = {"adapter": "gzip"}
"""How a store is compressed when nobody says."""

NONE: Mapping[str, Any] = {"adapter": "none"}


def of_config(config: StrPath | None, store: str | None, plugin_path: Sequence[StrPath]) -> NativeStore:
    """A store of a config."""
    path = None if config is None else os.fspath(config)
    return NativeStore.of_config(path, store, [os.fspath(one) for one in plugin_path], BUNDLED, MODULE)


def of_options(
    storage: Mapping[str, Any],
    compression: Mapping[str, Any] | None,
    single_writer: bool,
    layout: Mapping[str, int] | None,
    call_timeout: int | None,
    plugin_path: Sequence[StrPath],
) -> NativeStore:
    """A store that is described by arguments."""
    description: dict[str, Any] = {
        "storage": plain(storage),
        "compression": plain(NONE if compression is None else compression),
        "single_writer": single_writer,
        "call_timeout": 0 if call_timeout is None else call_timeout,
    }
    if layout is not None:
        description["layout"] = plain(layout)
    return NativeStore.of_description(description, [os.fspath(one) for one in plugin_path], BUNDLED, MODULE)


def native_of(store: object) -> NativeStore:
    """What stands behind a store that a caller names as the target. Raises `TypeError` for anything else."""
    native = getattr(store, "_native", None)
    if not isinstance(native, NativeStore):
        raise TypeError(f"the target is {type(store).__name__}; expected a store")
    return native


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of an adapter as JSON has them; a path is its text."""
    return {key: str(value) if isinstance(value, PurePath) else value for key, value in options.items()}


def request(save: Save) -> tuple[Any, ...]:
    """A save as the native module takes it. The state is passed on as it is, not copied."""
    labels = None if save.labels is None else dict(save.labels)
    return (
        save.agent,
        save.session,
        save.state,
        save.description,
        labels,
        save.name,
        save.parent,
        save.expect_parent,
        save.media_type,
        save.write_id,
    )
