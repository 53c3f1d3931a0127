"""Many threads, signals, and memory."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import persist_agents
import pytest
from persist_agents import Store


def test_32_threads_with_50_saves_each(storage: Mapping[str, Any]) -> None:
    # A server takes its time for each; what is tested does not depend on how many there are.
    threads, saves = (8, 5) if storage["adapter"] == "s3" else (32, 50)
    with Store(storage=storage) as store:
        begin = threading.Barrier(threads)

        def work(number: int) -> list[tuple[str, int, int]]:
            begin.wait(60)
            found: list[tuple[str, int, int]] = []
            for step in range(saves):
                session = f"s{number % 8}"
                saved = store.save("a", session, {"number": number, "step": step})
                found.append((session, saved.snapshot_index, step))
            return found

        with ThreadPoolExecutor(threads) as pool:
            results = [done.result(timeout=300) for done in [pool.submit(work, n) for n in range(threads)]]
        indices = [(session, index) for result in results for session, index, _ in result]
        assert len(set(indices)) == threads * saves
        for number, result in enumerate(results):
            for session, index, step in result[::10]:
                assert store.restore("a", session, index) == {"number": number, "step": step}
        assert len(list(store.list())) == threads * saves


def test_other_threads_run_while_a_call_waits(memory: Store) -> None:
    state = {"text": "word " * 400_000}
    running = threading.Event()
    seen: list[int] = []

    def count() -> None:
        number = 0
        running.set()
        while running.is_set():
            number += 1
        seen.append(number)

    thread = threading.Thread(target=count)
    thread.start()
    running.wait(30)
    for _ in range(5):
        memory.save("a", "s", state)
    running.clear()
    thread.join(30)
    assert seen[0] > 1000


def run_python(code: str, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Runs a program in a process of its own, which sees the same package."""
    environment = {**os.environ, "PYTHONPATH": str(Path(persist_agents.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


INTERRUPTED = """
import os, signal, sys, threading
from persist_agents import Store
# Whoever started the tests may have had the signal ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
storage = {"adapter": "s3", "bucket": "b", "endpoint": sys.argv[1]}
store = Store(storage=storage)
threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    store.save("a", "s", 1)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_waiting_call_can_be_interrupted() -> None:
    if "PERSIST_TEST_S3_ENDPOINT" not in os.environ:
        pytest.skip("the plugin for S3 is built by `cargo xtask test`")
    # A server that takes connections and never answers.
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        ended = run_python(INTERRUPTED, f"http://127.0.0.1:{port}")
    assert (ended.stdout, ended.returncode) == ("interrupted\n", 0), ended.stderr


LEFT_OPEN = """
import asyncio, threading
from persist_agents import AsyncStore, Store
store = Store(storage={"adapter": "memory"})
store.save("a", "s", 0)
def work():
    while True:
        store.save("a", "s", {"text": "x" * 10_000})
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
async def main():
    other = AsyncStore(storage={"adapter": "memory"})
    asyncio.ensure_future(other.save("a", "s", {"text": "x" * 1_000_000}))
    await asyncio.sleep(0)
asyncio.run(main())
while store.show("a", "s").snapshot_index < 100:
    pass
print("end")
"""


def test_the_interpreter_ends_while_calls_are_under_way() -> None:
    for _ in range(3):
        ended = run_python(LEFT_OPEN)
        assert (ended.stdout, ended.stderr, ended.returncode) == ("end\n", "", 0)


def resident() -> int:
    """The process's memory in bytes."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def test_memory_does_not_grow_over_10_000_saves(local_storage: Mapping[str, Any]) -> None:
    with Store(storage=local_storage, layout={"cache_bytes": 1 << 20}) as store:

        def save(count: int) -> None:
            for step in range(count):
                state = {"step": step, "messages": ["some text of a message"] * 20}
                store.save("a", f"s{step % 4}", state, labels={"k": "v"})
                if step % 10 == 0:
                    assert store.restore("a", f"s{step % 4}")["step"] == step

        save(2_000)
        gc.collect()
        before = resident()
        save(10_000)
        gc.collect()
        grown = resident() - before
    # A leak of 400 bytes a save would show.
    assert grown < 4 << 20, f"the process grew by {grown} bytes"


def test_nothing_is_left_of_a_signal_that_is_not_for_us(memory: Store) -> None:
    caught: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: caught.append(number))
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        memory.save("a", "s", {"text": "x" * 1_000_000})
        assert caught == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)
