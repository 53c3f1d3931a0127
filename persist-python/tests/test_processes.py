"""Child processes: forked ones open the store again, spawned ones open their own; none hangs."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import pytest
from persist_agents import AsyncStore, PersistError, Store

TIMEOUT = 60


def work_with(store: Store, results: Queue[Any]) -> None:
    """What a forked child does with its parent's store."""
    try:
        restored = store.restore("a", "parent")
        saved = store.save("a", f"child-{os.getpid()}", {"from": "child"})
        listed = len(list(store.list("a", "parent")))
        results.put((restored, saved.snapshot_index, listed))
    except PersistError as error:
        results.put(error)


def open_and_work(storage: Mapping[str, Any], results: Queue[Any]) -> None:
    """What a spawned child does."""
    with Store(storage=storage) as store:
        work_with(store, results)


def join(process: Any) -> None:
    process.join(TIMEOUT)
    if process.is_alive():
        process.kill()
        pytest.fail("the child process hangs")
    assert process.exitcode == 0


def shared(storage: Mapping[str, Any]) -> None:
    if storage["adapter"] == "memory":
        pytest.skip("memory is not shared between processes")


def test_forked_children_open_the_store_again(storage: Mapping[str, Any]) -> None:
    shared(storage)
    context = multiprocessing.get_context("fork")
    results: Queue[Any] = context.Queue()
    with Store(storage=storage) as store:
        store.save("a", "parent", {"from": "parent"})
        children = [context.Process(target=work_with, args=(store, results)) for _ in range(4)]
        for child in children:
            child.start()
        found = [results.get(timeout=TIMEOUT) for _ in children]
        for child in children:
            join(child)
        assert found == [({"from": "parent"}, 0, 1)] * 4
        # The parent's goes on, and sees what the children saved.
        assert len(list(store.sessions())) == 5
        assert store.save("a", "parent", 2).snapshot_index == 1


def test_spawned_children_open_their_own(storage: Mapping[str, Any]) -> None:
    shared(storage)
    context = multiprocessing.get_context("spawn")
    results: Queue[Any] = context.Queue()
    with Store(storage=storage) as store:
        store.save("a", "parent", {"from": "parent"})
        child = context.Process(target=open_and_work, args=(storage, results))
        child.start()
        assert results.get(timeout=TIMEOUT) == ({"from": "parent"}, 0, 1)
        join(child)


def test_a_store_in_memory_stays_with_its_process(memory: Store) -> None:
    context = multiprocessing.get_context("fork")
    results: Queue[Any] = context.Queue()
    memory.save("a", "parent", 1)
    child = context.Process(target=work_with, args=(memory, results))
    child.start()
    error = results.get(timeout=TIMEOUT)
    join(child)
    assert isinstance(error, PersistError)
    assert error.code == "forked"
    assert memory.restore("a", "parent") == 1


def test_forking_while_threads_save(local_storage: Mapping[str, Any]) -> None:
    context = multiprocessing.get_context("fork")
    results: Queue[Any] = context.Queue()
    with Store(storage=local_storage) as store:
        store.save("a", "parent", {"from": "parent"})
        stop = threading.Event()

        def busy(number: int) -> None:
            while not stop.is_set():
                store.save("b", f"s{number}", {"text": "word " * 1000})
                # Loads plugins and opens adapters while the process forks.
                with Store(storage=local_storage, compression={"adapter": "zstd"}) as other:
                    other.save("c", f"s{number}", {"text": "word " * 1000})

        threads = [threading.Thread(target=busy, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(15):
                child = context.Process(target=work_with, args=(store, results))
                child.start()
                assert results.get(timeout=TIMEOUT) == ({"from": "parent"}, 0, 1)
                join(child)
        finally:
            stop.set()
            for thread in threads:
                thread.join(TIMEOUT)
        assert all(row.error is None for row in store.verify(data=True))


def use_what_the_parent_began(store: Store, listing: Any, results: Queue[Any]) -> None:
    found: list[str] = []
    try:
        list(listing)
    except PersistError as error:
        found.append(error.code)
    # Given up in the child, which has none of the threads that made it.
    del listing
    found.append(store.restore("a", "s0"))
    results.put(found)


def test_a_listing_does_not_cross_a_fork(local_storage: Mapping[str, Any]) -> None:
    context = multiprocessing.get_context("fork")
    results: Queue[Any] = context.Queue()
    with Store(storage=local_storage) as store:
        for number in range(200):
            store.save("a", f"s{number}", "text")
        listing = store.list()
        next(listing)
        child = context.Process(target=use_what_the_parent_began, args=(store, store.list(), results))
        child.start()
        assert results.get(timeout=TIMEOUT) == ["forked", "text"]
        join(child)
        assert len(list(listing)) == 199


def run_async(storage: Mapping[str, Any], store: AsyncStore, results: Queue[Any]) -> None:
    import asyncio

    async def main() -> Any:
        await asyncio.gather(*(store.save("a", f"c{number}", number) for number in range(20)))
        return await store.restore("a", "parent")

    results.put(asyncio.run(main()))


def test_the_asyncio_store_crosses_a_fork(local_storage: Mapping[str, Any]) -> None:
    import asyncio

    context = multiprocessing.get_context("fork")
    results: Queue[Any] = context.Queue()
    store = AsyncStore(storage=local_storage)

    async def save() -> None:
        await store.save("a", "parent", "text")

    asyncio.run(save())
    child = context.Process(target=run_async, args=(local_storage, store, results))
    child.start()
    assert results.get(timeout=TIMEOUT) == "text"
    join(child)
    asyncio.run(save())


def test_an_interpreter_ends_while_records_are_handled(tmp_path: Path) -> None:
    script = """
import asyncio, logging, sys, time
from persist_agents import AsyncStore

class Slow(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        time.sleep(0.05)

logging.getLogger("persist_agents").addHandler(Slow())
logging.getLogger("persist_agents").setLevel(logging.DEBUG)

async def main() -> None:
    async with AsyncStore(storage={"adapter": "local", "root": sys.argv[1]}) as store:
        for step in range(3):
            await store.save("a", "s", {"step": step})

asyncio.run(main())
"""
    for run in range(3):
        command = [sys.executable, "-c", script, str(tmp_path / str(run))]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert ended.returncode == 0, ended.stderr
