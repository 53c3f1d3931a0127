"""The checkpoints that were saved or read last, so that reading the latest of a thread again only asks whether it still is."""

from __future__ import annotations

import threading
from collections import OrderedDict

from ._documents import CheckpointDocument

#: The most bytes of checkpoints that are kept.
_MAX_BYTES = 64 << 20


class Recent:
    """Checkpoints by session and index. What lies under an index never changes. Safe under threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._documents: OrderedDict[tuple[str, int], CheckpointDocument] = OrderedDict()
        self._bytes = 0

    def get(self, session: str, index: int) -> CheckpointDocument | None:
        """The checkpoint at an index, if it is kept."""
        with self._lock:
            found = self._documents.get((session, index))
            if found is not None:
                self._documents.move_to_end((session, index))
            return found

    def keep(self, session: str, index: int, document: CheckpointDocument) -> None:
        """Keeps a checkpoint, in the place of those that were used least lately."""
        with self._lock:
            self._drop((session, index))
            self._documents[session, index] = document
            self._bytes += len(document)
            while self._bytes > _MAX_BYTES:
                self._drop(next(iter(self._documents)))

    def forget(self, session: str, index: int | None = None) -> None:
        """Forgets a checkpoint, or all of a session."""
        with self._lock:
            for key in [key for key in self._documents if key[0] == session and index in (None, key[1])]:
                self._drop(key)

    def _drop(self, key: tuple[str, int]) -> None:
        document = self._documents.pop(key, None)
        if document is not None:
            self._bytes -= len(document)
