"""What operators want to know: metrics, and which request an operation belongs to."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from persist_agents import _persist


def metrics_text() -> str:
    """All metrics of this process, in Prometheus' text format 0.0.4.

    `docs/metrics.md` lists them. Serve the text at the address that Prometheus scrapes, with the media type
    `text/plain; version=0.0.4`. A process that was forked begins with its parent's counts.

    >>> from persist_agents import Store, metrics_text
    >>> with Store(storage={"adapter": "memory"}) as store:
    ...     saved = store.save("planner", "trip-7", {"step": 1})
    >>> "persist_operations_total" in metrics_text()
    True
    """
    return _persist.metrics_text()


@contextmanager
def request(id: str | None = None, *, traceparent: str | None = None) -> Generator[None]:
    """Names the request that the operations within belong to.

    The id stands in logs, traces and the audit trail, and reaches the plugins; without one, each operation gets an id of
    its own. `traceparent` is the place in a distributed trace, as a `traceparent` of W3C Trace Context: what Persist does
    becomes a part of that trace. What is left out, a request around this one may say. It is kept in a context variable,
    so each asyncio task has its own, and threads begin without.

    >>> from persist_agents import Store, request
    >>> with Store(storage={"adapter": "memory"}) as store, request("req-17"):
    ...     store.save("planner", "trip-7", {"step": 1}).snapshot_index
    0
    """
    outer_id, outer_traceparent = _persist.REQUEST.get((None, None))
    token = _persist.REQUEST.set((id or outer_id, traceparent or outer_traceparent))
    try:
        yield
    finally:
        _persist.REQUEST.reset(token)
