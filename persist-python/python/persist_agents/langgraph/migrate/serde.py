"""Serialization for values that only pass through."""

from __future__ import annotations

import json
from typing import Any

import ormsgpack
from langgraph.checkpoint.serde.jsonplus import EXT_DELTA_SNAPSHOT, JsonPlusSerializer
from langgraph.checkpoint.serde.types import _DeltaSnapshot  # pyright: ignore[reportPrivateUsage]


class OpaqueSerializer(JsonPlusSerializer):
    """LangGraph's serializer, except that it never makes an object of a class of the application.

    What is serialized as an instance of a class stays the bytes that it is, and is written back as these bytes. So a migration
    needs none of the application's modules, runs none of its code, and cannot lose the type of a value whose class is not
    there. Values that LangGraph's old JSON form holds are read as LangGraph reads them.
    """

    def __init__(self) -> None:
        """Takes no options: nothing is ever revived, so there is no list of allowed classes."""
        super().__init__(__unpack_ext_hook__=_keep)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Reads a value.

        Raises:
            ValueError: It is serialized in a form that is not read here, or names a class that LangGraph would silently replace.
        """
        form, content = data
        if form == "json":
            return json.loads(content, object_hook=self._revive)
        if form not in ("null", "bytes", "bytearray", "msgpack"):
            raise ValueError(
                f"its serialization is {form!r}, which cannot be read without the application's serializer"
            )
        return super().loads_typed(data)

    def _revive(self, value: dict[str, Any]) -> Any:
        if value.get("type") != "constructor" or value.get("lc") not in (1, 2):
            return value
        revived = self._reviver(value)
        if revived is None or isinstance(revived, dict):
            name = ".".join(str(part) for part in value.get("id", ()))
            raise ValueError(f"it holds an object of the class {name}, which LangGraph no longer reads from JSON")
        return revived


def _keep(code: int, data: bytes) -> Any:
    if code == EXT_DELTA_SNAPSHOT:
        # Savers look for these to know where a channel's history starts.
        return _DeltaSnapshot(ormsgpack.unpackb(data, ext_hook=_keep, option=ormsgpack.OPT_NON_STR_KEYS))
    return ormsgpack.Ext(code, data)
