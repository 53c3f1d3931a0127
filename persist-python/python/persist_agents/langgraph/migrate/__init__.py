"""Moves LangGraph's checkpoints from its own savers into Persist, and back.

The command is ``persist-langgraph``, or ``python -m persist_agents.langgraph.migrate``; ``docs/langgraph-migration.md`` tells
how to use it. `copy` is the same for programs, for example where values are encrypted: ::

    from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
    from persist_agents.langgraph.migrate import OpaqueSerializer, PersistCheckpoints, SqliteCheckpoints, copy

    def move(path, saver, key):
        serde = EncryptedSerializer.from_pycryptodome_aes(OpaqueSerializer(), key=key)
        with SqliteCheckpoints(path, serde=serde) as source:
            return copy(source, PersistCheckpoints(saver, serde=serde))
"""

from .checkpoints import Checkpoints
from .copying import Summary, copy
from .persist import PersistCheckpoints
from .record import Place, Record, Write
from .serde import OpaqueSerializer
from .sqlite import SqliteCheckpoints

__all__ = [
    "Checkpoints",
    "OpaqueSerializer",
    "PersistCheckpoints",
    "Place",
    "Record",
    "SqliteCheckpoints",
    "Summary",
    "Write",
    "copy",
]
