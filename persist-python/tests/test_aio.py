"""The store for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from persist_agents import AsyncStore, ConflictError, InvalidInputError, NotFoundError, Save, Store, UsageError

MEMORY: Mapping[str, Any] = {"adapter": "memory"}


def run(main: Callable[[AsyncStore], Awaitable[None]], storage: Mapping[str, Any] = MEMORY) -> None:
    """Runs a test with an empty store in an event loop of its own."""

    async def with_store() -> None:
        async with AsyncStore(storage=storage) as store:
            # A test that would wait for ever fails instead.
            await asyncio.wait_for(main(store), 120)

    asyncio.run(with_store())


def test_200_saves_at_once(storage: Mapping[str, Any]) -> None:
    # A server takes its time for each; what is tested does not depend on how many there are.
    count = 20 if storage["adapter"] == "s3" else 200

    async def main(store: AsyncStore) -> None:
        threads = threading.active_count()
        saves = [store.save("a", f"s{number % 7}", {"number": number}) for number in range(count)]
        tasks = [asyncio.create_task(save) for save in saves]
        await asyncio.sleep(0)
        # No thread of Python's waits for any of them.
        assert threading.active_count() == threads
        saved = await asyncio.gather(*tasks)
        assert len({(one.session_id, one.snapshot_index) for one in saved}) == count
        states = await asyncio.gather(
            *(store.restore("a", one.session_id, one.snapshot_index) for one in saved)
        )
        assert [state["number"] for state in states] == list(range(count))
        assert len([one async for one in store.list()]) == count

    run(main, storage)


def test_every_verb_is_a_coroutine(store: Store) -> None:
    async def main(memory: AsyncStore) -> None:
        saved = await memory.save("a", "s", {"x": 1}, name="one", labels={"k": "v"}, expect_parent="empty")
        assert await memory.restore("a", "s", name="one") == {"x": 1}
        assert await memory.restore_bytes("a", "s", 0) == b'{"x":1}'
        assert await memory.read("a", "s") == (saved, b'{"x":1}')
        assert await memory.show("a", "s") == saved
        first, second = await memory.save_many([Save("a", "s", {"x": 2}), Save("a", "t", 5, expect_parent=3)])
        assert not isinstance(first, Exception)
        assert isinstance(second, ConflictError)
        assert [one async for one in memory.sessions()] == [("a", "s")]
        assert [one.snapshot_index async for one in memory.list("a", "s", start=1)] == [1]
        assert [row.error async for row in memory.verify(data=True)] == [None, None]
        assert (await memory.label("a", "s", 0, {"k": None})).labels == {}
        assert (await memory.fork("a", "s", 0, "a", "fork")).forked_from == "a/s@0"
        assert (await memory.diff("a", "s", 0, 1))["equal"] is False
        assert (await memory.attach("a", "s", 0, "n", b"content")).version == 0
        assert [one.name for one in await memory.attachments("a", "s", 0)] == ["n"]
        assert await memory.read_attachment("a", "s", 0, "n") == b"content"
        async with AsyncStore(storage=MEMORY) as other:
            assert (await memory.copy(other, "a", "s"))["copied"] == 2
            await other.delete("a", "s", [1])
            assert await memory.copy_attachments(other, "a", "s", 0) == 0
        assert (await memory.prune("a", "s", keep_last=1))["delete"] == [0]
        assert (await memory.collect("a", "s"))["unreadable"] == 0
        assert (await memory.stats("a", "s"))["snapshots"] == 1

    run(main)


def test_archives(tmp_path: Any) -> None:
    async def main(store: AsyncStore) -> None:
        await store.save("a", "s", 1)
        assert (await store.export(tmp_path / "x.tar"))["snapshots"] == 1
        async with AsyncStore(storage=MEMORY) as other:
            assert (await other.import_(tmp_path / "x.tar"))[0]["copied"] == 1

    run(main)


def test_errors_reach_whoever_awaits() -> None:
    async def main(store: AsyncStore) -> None:
        with pytest.raises(NotFoundError):
            await store.restore("a", "s")
        with pytest.raises(InvalidInputError):
            await store.save("a", "s", {1: 1})
        with pytest.raises(NotFoundError):
            _ = [one async for one in store.list()]
        await store.save("a", "s", b'{"a":1,"a":2}', media_type="application/json")
        with pytest.raises(InvalidInputError):
            await store.restore("a", "s")
        await store.close()
        with pytest.raises(UsageError):
            await store.show("a", "s")

    run(main)


def test_a_cancelled_call_ends_and_leaves_the_store_whole(storage: Mapping[str, Any]) -> None:
    async def main(store: AsyncStore) -> None:
        await store.save("a", "s", {"n": -1})
        text = "word " * 20_000
        for number in range(12 if storage["adapter"] == "s3" else 60):
            task = asyncio.create_task(store.save("a", "s", {"n": number, "text": text}))
            for _ in range(number % 6):
                await asyncio.sleep(0.0005)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(store.save("a", "s", {"text": text}), 0)
        last = await store.save("a", "s", {"n": "last"})
        indices = [one.snapshot_index async for one in store.list("a", "s")]
        assert indices == list(range(last.snapshot_index + 1))
        assert [row.error async for row in store.verify("a", "s", data=True)] == [None] * len(indices)

    run(main, storage)


def test_a_listing_that_nobody_wants_any_more_ends() -> None:
    async def main(store: AsyncStore) -> None:
        await asyncio.gather(*(store.save("a", f"s{number}", number) for number in range(150)))
        for _ in range(20):
            listing = store.list()
            await listing.__anext__()
            del listing
        task = asyncio.create_task(collect(store))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len([one async for one in store.list()]) == 150

    async def collect(store: AsyncStore) -> list[Any]:
        return [one async for one in store.list()]

    run(main)


def test_one_store_in_several_event_loops() -> None:
    store = AsyncStore(storage=MEMORY)

    async def worker(number: int) -> None:
        await asyncio.gather(*(store.save("a", f"s{number}", step) for step in range(20)))

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(asyncio.run, worker(number)) for number in range(8)]:
            done.result(timeout=120)

    async def count() -> int:
        return len([one async for one in store.list()])

    assert asyncio.run(count()) == 160


@pytest.fixture
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in another thread, as a notebook's does."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
    assert not thread.is_alive()
    loop.close()


def test_a_synchronous_call_inside_a_running_loop_works(
    local_storage: Mapping[str, Any], running_loop: asyncio.AbstractEventLoop
) -> None:
    # What a cell of a notebook does: code that runs in the event loop's thread and is no coroutine itself.
    def cell() -> list[Any]:
        with Store(storage=local_storage) as store:
            store.save("a", "s", {"x": 1})
            return [store.restore("a", "s"), [one.snapshot_index for one in store.list("a", "s")]]

    async def both() -> list[Any]:
        async with AsyncStore(storage=local_storage) as store:
            waiting = [asyncio.create_task(store.save("b", "s", number)) for number in range(20)]
            await asyncio.sleep(0)
            # The loop's own results are on their way while it is blocked.
            found = cell()
            saved = await asyncio.gather(*waiting)
            return [*found, len(saved)]

    done: Any = asyncio.run_coroutine_threadsafe(both(), running_loop)
    first = done.result(timeout=120)
    assert (first[0], first[1][-1], first[2]) == ({"x": 1}, 0, 20)
    again = asyncio.run(both())
    assert (again[0], again[1][-1], again[2]) == ({"x": 1}, 1, 20)


def test_a_loop_that_closed_in_the_meantime_harms_nobody() -> None:
    store = AsyncStore(storage=MEMORY)

    async def leave() -> None:
        asyncio.ensure_future(store.save("a", "s", {"text": "x" * 100_000}))
        await asyncio.sleep(0)

    for _ in range(30):
        asyncio.run(leave())

    async def check() -> None:
        await store.save("a", "s", "after")
        assert await store.restore("a", "s") == "after"

    asyncio.run(check())
