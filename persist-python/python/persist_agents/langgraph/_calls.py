"""Waiting for the store, as a thread does and as an event loop does.

All that a checkpointer does is written once, as coroutines. Where they wait, they ask one of these: `Blocking` waits in place,
so that a coroutine driven by `run` never suspends, and `Awaiting` leaves the thread to the event loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

from persist_agents._persist import Operation

T = TypeVar("T")


class Calls(Protocol):
    """How to wait."""

    async def __call__(self, operation: Operation[T]) -> T:
        """Carries out an operation of the store and returns its result."""
        ...

    async def settle(self, futures: set[concurrent.futures.Future[None]], seconds: float) -> None:
        """Waits until one of some futures is done, at most so long."""


class Blocking:
    """Waits in place."""

    async def __call__(self, operation: Operation[T]) -> T:
        return operation.wait()

    async def settle(self, futures: set[concurrent.futures.Future[None]], seconds: float) -> None:
        concurrent.futures.wait(futures, seconds, concurrent.futures.FIRST_COMPLETED)


class Awaiting:
    """Waits on the running event loop."""

    async def __call__(self, operation: Operation[T]) -> T:
        return await operation.start(asyncio.get_running_loop())

    async def settle(self, futures: set[concurrent.futures.Future[None]], seconds: float) -> None:
        waited = [asyncio.wrap_future(future) for future in futures]
        await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that waits by `Blocking` alone."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("a blocking call tried to wait on an event loop")


def iterate(items: AsyncGenerator[T, None]) -> Iterator[T]:
    """The items of an asynchronous generator that waits by `Blocking` alone."""

    async def following() -> tuple[T, ...]:
        try:
            return (await items.__anext__(),)
        except StopAsyncIteration:
            return ()

    try:
        while found := run(following()):
            yield found[0]
    finally:
        run(_close(items))


async def _close(items: AsyncGenerator[Any, None]) -> None:
    await items.aclose()
