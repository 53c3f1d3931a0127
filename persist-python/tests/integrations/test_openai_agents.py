"""Conversations of the OpenAI Agents SDK."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
from agents import TResponseInputItem
from agents.memory import Session, SessionSettings
from persist_agents import AsyncStore, InvalidInputError, Store
from persist_agents.openai_agents import PersistSession

from .examples_runner import missing_extra, run_example

TURNS = [
    "0 items before  Find me a train to Lisbon.  There is one at 21:34.\n",
    "2 items before  And when does it arrive?  At 07:20.\n",
]


def item(text: str) -> TResponseInputItem:
    return {"role": "user", "content": text}


def store_at(root: Path) -> AsyncStore:
    return AsyncStore(storage={"adapter": "local", "root": str(root)})


def test_the_example_continues_in_new_processes(tmp_path: Path) -> None:
    assert [run_example("openai_agents_session.py", tmp_path) for _ in TURNS] == TURNS
    with Store(storage={"adapter": "local", "root": str(tmp_path)}) as store:
        states = [
            store.restore("openai-agents", "trip-7", one.snapshot_index)
            for one in store.list("openai-agents", "trip-7")
        ]
    # The SDK adds the question and the answer of a turn in two steps.
    assert [len(state) for state in states] == [1, 2, 3, 4]
    assert states[-1][:3] == states[-2]


def test_items_come_back_exactly(tmp_path: Path) -> None:
    items: list[TResponseInputItem] = [
        {"role": "user", "content": "Grüße 🚆 \u0000 \u2028"},
        {"type": "function_call", "call_id": "c1", "name": "find", "arguments": '{"to": "Lisbon", "max": 1e400}'},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": ""}]},
        {"type": "reasoning", "id": "r1", "summary": [], "encrypted_content": None},
    ]

    async def run() -> None:
        async with store_at(tmp_path) as store:
            session = PersistSession("s", store)
            assert await session.get_items() == []
            assert isinstance(session, Session)
            await session.add_items(items)
            await session.add_items([])
        async with store_at(tmp_path) as store:
            session = PersistSession("s", store)
            assert await session.get_items() == items
            assert await session.get_items(2) == items[-2:]
            assert await session.get_items(0) == []
            with pytest.raises(ValueError, match="-1"):
                await session.get_items(-1)
            limited = PersistSession("s", store, session_settings=SessionSettings(limit=1))
            assert await limited.get_items() == items[-1:]
            assert await limited.get_items(3) == items[-3:]
            assert (await store.show("openai-agents", "s")).snapshot_index == 0

    asyncio.run(run())


def test_pop_and_clear_keep_the_history(tmp_path: Path) -> None:
    async def run() -> None:
        async with store_at(tmp_path) as store:
            session = PersistSession("s", store)
            assert await session.pop_item() is None
            await session.clear_session()
            await session.add_items([item("a"), item("b")])
            assert await session.pop_item() == item("b")
            assert await session.get_items() == [item("a")]
            await session.clear_session()
            assert await session.get_items() == []
            assert await session.pop_item() is None
            await session.add_items([item("c")])
            states = [await store.restore("openai-agents", "s", index) for index in range(4)]
            assert states == [[item("a"), item("b")], [item("a")], [], [item("c")]]

    asyncio.run(run())


def test_a_fork_goes_on_from_an_earlier_turn(tmp_path: Path) -> None:
    async def run() -> None:
        async with store_at(tmp_path) as store:
            session = PersistSession("s", store)
            await session.add_items([item("a")])
            await session.add_items([item("b")])
            await store.fork("openai-agents", "s", 0, "openai-agents", "other")
            other = PersistSession("other", store)
            await other.add_items([item("c")])
            assert await other.get_items() == [item("a"), item("c")]
            assert await session.get_items() == [item("a"), item("b")]

    asyncio.run(run())


def test_what_is_no_conversation_fails_loudly(tmp_path: Path) -> None:
    async def run() -> None:
        async with store_at(tmp_path) as store:
            await store.save("openai-agents", "s", {"step": 1})
            session = PersistSession("s", store)
            for attempt in (session.get_items(), session.add_items([item("a")]), session.clear_session()):
                with pytest.raises(InvalidInputError, match="not a list of items"):
                    await attempt
            with pytest.raises(InvalidInputError):
                await PersistSession("new", store).add_items([cast(TResponseInputItem, {"content": object()})])
            assert await PersistSession("new", store).get_items() == []

    asyncio.run(run())


ADD_MANY = """
import asyncio, sys
from persist_agents import AsyncStore
from persist_agents.openai_agents import PersistSession

async def run(root, writer):
    async with AsyncStore(storage={"adapter": "local", "root": root}) as store:
        session = PersistSession("s", store)
        for number in range(20):
            texts = f"{writer}-{number}a", f"{writer}-{number}b"
            await session.add_items([{"role": "user", "content": text} for text in texts])

asyncio.run(run(*sys.argv[1:]))
"""


def test_two_processes_lose_no_items(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", ADD_MANY, tmp_path, str(writer)]) for writer in (0, 1)]
    assert [writer.wait() for writer in writers] == [0, 0]
    with Store(storage={"adapter": "local", "root": str(tmp_path)}) as store:
        texts = [one["content"] for one in store.restore("openai-agents", "s")]
    for writer in (0, 1):
        own = [text for text in texts if text.startswith(f"{writer}-")]
        assert own == [f"{writer}-{number}{half}" for number in range(20) for half in "ab"]
    # Items that were added together stay together.
    assert all(first[:-1] == second[:-1] for first, second in zip(texts[::2], texts[1::2], strict=True))


def test_concurrent_pops_take_each_item_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with store_at(tmp_path) as store:
            items = [item(str(number)) for number in range(8)]
            await PersistSession("s", store).add_items(items)
            popped = await asyncio.gather(*(PersistSession("s", store).pop_item() for _ in range(9)))
            assert popped.count(None) == 1
            assert sorted(str(one) for one in popped if one) == sorted(map(str, items))

    asyncio.run(run())


def test_without_the_sdk_the_extra_is_named() -> None:
    assert "pip install 'persist-agents[openai-agents]'" in missing_extra("persist_agents.openai_agents", "agents")
