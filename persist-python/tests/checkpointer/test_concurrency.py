"""Many threads, tasks and processes at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from persist_agents import Store
from persist_agents.langgraph import PersistSaver
from persist_agents.langgraph._threads import Saves

from .conftest import OpenStore
from .helpers import at, checkpoint, conf, got, ids, put

THREADS = 16
STEPS = 10

WRITER = """
import sys
from persist_agents.langgraph import PersistSaver
with PersistSaver(sys.argv[1]) as saver:
    for step in range(int(sys.argv[3])):
        name = f"{step:03}-{sys.argv[2]}"
        config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
        before = saver.get_tuple(config)
        made = {"v": 4, "id": name, "ts": "", "channel_values": {"of": name}, "channel_versions": {"of": 1},
                "versions_seen": {}, "updated_channels": None}
        parent = before.config if before else config
        saved = saver.put(parent, made, {"source": "loop", "step": step}, {})
        saver.put_writes(saved, [("of", name)], sys.argv[2])
        assert saver.get_tuple(saved).checkpoint["channel_values"] == {"of": name}
"""


def work(saver: PersistSaver, thread: str, number: int) -> None:
    """Saves and reads in a row, as a run does."""
    config = at(thread)
    for step in range(STEPS):
        config = put(saver, config, f"{step:03}-{number:03}", of=[number, step])
        saver.put_writes(config, [("of", step)], f"task-{number}")
        found = got(saver, config)
        assert found.checkpoint["channel_values"] == {"of": [number, step]}
        assert found.pending_writes == [(f"task-{number}", "of", step)]


def test_many_threads_on_one_saver(open_store: OpenStore) -> None:
    with PersistSaver(open_store()) as saver, ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, saver, f"t{number}", number) for number in range(THREADS)]:
            done.result()
        for number in range(THREADS):
            assert len(ids(saver, at(f"t{number}"))) == STEPS


def test_many_threads_on_one_thread_of_the_graph(open_store: OpenStore) -> None:
    with PersistSaver(open_store()) as saver, ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, saver, "t", number) for number in range(THREADS)]:
            done.result()
        found = ids(saver, at("t"))
        assert len(found) == THREADS * STEPS
        assert found == sorted(found, reverse=True)
    with PersistSaver(open_store()) as saver:
        assert ids(saver, at("t")) == found


def test_writes_that_come_between_two_saves_wait_for_the_second(open_store: OpenStore) -> None:
    with PersistSaver(open_store()) as saver, ThreadPoolExecutor(1) as pool:
        first = put(saver, at("t"), "001", of=1)
        second = at("t", checkpoint_id="002")
        writing = pool.submit(saver.put_writes, second, [("of", 2)], "task")
        put(saver, first, "002", of=2)
        writing.result()
        assert got(saver, second).pending_writes == [("task", "of", 2)]


def test_those_who_wait_learn_that_a_save_begins() -> None:
    saves = Saves()
    with saves.coming("s") as coming, saves.coming("other") as elsewhere:
        assert not coming.done()
        with saves.begun("s"):
            assert coming.done()
            assert not elsewhere.done()
            with saves.coming("s") as next_one:
                assert not next_one.done()


def test_many_tasks_of_one_event_loop(open_store: OpenStore) -> None:
    async def main() -> None:
        async with PersistSaver(open_store()) as saver:

            async def one(number: int) -> None:
                config = at(f"t{number % 5}")
                config = await saver.aput(config, checkpoint(f"{number:03}", of=number), {"source": "loop"}, {})
                await saver.aput_writes(config, [("of", number)], "task")
                found = await saver.aget_tuple(config)
                assert found is not None
                assert found.pending_writes == [("task", "of", number)]

            await asyncio.gather(*map(one, range(100)))
            for thread in range(5):
                assert len([found async for found in saver.alist(at(f"t{thread}"))]) == 20

    asyncio.run(asyncio.wait_for(main(), 120))


def test_two_processes_on_one_thread(tmp_path: Path) -> None:
    root = tmp_path / "store"
    arguments = [sys.executable, "-c", WRITER, str(root)]
    processes = [subprocess.Popen([*arguments, name, "30"]) for name in ("a", "b")]
    assert [process.wait() for process in processes] == [0, 0]
    with PersistSaver(root) as saver:
        expected = sorted((f"{step:03}-{name}" for step in range(30) for name in "ab"), reverse=True)
        assert ids(saver, at("t")) == expected
        for found in saver.list(at("t")):
            name = found.checkpoint["id"]
            assert found.pending_writes == [(name[-1], "of", name)]
            parent = found.parent_config
            assert parent is None or got(saver, parent).checkpoint["id"] == conf(parent)["checkpoint_id"]
    with Store(storage={"adapter": "local", "root": root}) as store:
        assert all(row.error is None for row in store.verify("langgraph", "t"))
