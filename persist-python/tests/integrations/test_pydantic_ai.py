"""Message histories of Pydantic AI."""

from __future__ import annotations

import asyncio
import textwrap
from pathlib import Path

import persist_agents.pydantic_ai
import pytest
from persist_agents import AsyncStore, ConflictError, Store
from persist_agents.pydantic_ai import AsyncMessageHistory, MessageHistory
from pydantic import ValidationError
from pydantic_ai import Agent, BinaryContent
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelRequest, UserPromptPart
from pydantic_ai.models.test import TestModel

from .examples_runner import missing_extra, run_example

TURNS = [
    "0 messages before  Find me a train to Lisbon.  There is one at 21:34.\n",
    "2 messages before  And when does it arrive?  At 07:20.\n",
]


def store_at(root: Path) -> Store:
    return Store(storage={"adapter": "local", "root": str(root)})


def agent_with_a_tool() -> Agent:
    agent = Agent(TestModel())

    @agent.tool_plain
    def find(to: str, at: float) -> dict[str, object]:
        """Finds a train."""
        return {"to": to, "at": at, "price": 0.1, "seats": 2**70}

    return agent


def test_the_example_continues_in_new_processes(tmp_path: Path) -> None:
    assert [run_example("pydantic_ai_history.py", tmp_path) for _ in TURNS] == TURNS
    with store_at(tmp_path) as store:
        found = list(store.list("pydantic-ai", "trip-7"))
    assert [(one.description, one.media_type) for one in found] == [
        ("Find me a train to Lisbon.", "application/json"),
        ("And when does it arrive?", "application/json"),
    ]


def test_the_module_s_own_example_runs(tmp_path: Path) -> None:
    lines = (persist_agents.pydantic_ai.__doc__ or "").splitlines()
    script = textwrap.dedent("\n".join(line for line in lines if line.startswith("    ")))
    exec(script.replace("/var/lib/histories", str(tmp_path)), {})
    with store_at(tmp_path) as store:
        assert len(MessageHistory(store, "trip-7").load()) == 2


def test_a_history_comes_back_exactly(tmp_path: Path) -> None:
    agent = agent_with_a_tool()
    with store_at(tmp_path) as store:
        history = MessageHistory(store, "s")
        assert history.load() == []
        first = agent.run_sync(
            ["Look:", BinaryContent(b"\x00\xff\x80", media_type="application/pdf")], message_history=history.load()
        )
        saved = history.save(first)
        assert store.restore_bytes("pydantic-ai", "s") == first.all_messages_json()
        second = agent.run_sync("And back?", message_history=history.load())
        history.save(second, labels={"model": "test"})
        loaded = MessageHistory(store, "s").load()
        assert loaded == second.all_messages()
        assert ModelMessagesTypeAdapter.dump_json(loaded) == second.all_messages_json()
        assert second.all_messages()[: len(first.all_messages())] == first.all_messages()
        assert saved.snapshot_index == 0
        assert store.show("pydantic-ai", "s").labels == {"model": "test"}


def test_a_list_of_messages_is_saved_too(tmp_path: Path) -> None:
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart("a")])]
    with store_at(tmp_path) as store:
        MessageHistory(store, "s").save(messages)
        MessageHistory(store, "s").save(messages * 2)
        assert MessageHistory(store, "s").load() == messages * 2
        MessageHistory(store, "s").save([])
        assert MessageHistory(store, "s").load() == []


def test_of_two_runs_on_the_same_history_the_second_is_refused(tmp_path: Path) -> None:
    agent = Agent(TestModel())
    with store_at(tmp_path) as store:
        one, other = MessageHistory(store, "s"), MessageHistory(store, "s")
        result = agent.run_sync("a", message_history=one.load())
        rival = agent.run_sync("b", message_history=other.load())
        one.save(result)
        with pytest.raises(ConflictError):
            other.save(rival)
        assert MessageHistory(store, "s").load() == result.all_messages()
        repeated = agent.run_sync("b", message_history=other.load())
        other.save(repeated)
        assert MessageHistory(store, "s").load() == repeated.all_messages()
        with pytest.raises(ConflictError):
            one.save(result)


def test_what_is_no_history_fails_loudly(tmp_path: Path) -> None:
    with store_at(tmp_path) as store:
        store.save("pydantic-ai", "s", [{"kind": "unheard of"}])
        with pytest.raises(ValidationError):
            MessageHistory(store, "s").load()


def test_it_works_with_coroutines(tmp_path: Path) -> None:
    async def run() -> None:
        async with AsyncStore(storage={"adapter": "local", "root": str(tmp_path)}) as store:
            history, rival = AsyncMessageHistory(store, "s"), AsyncMessageHistory(store, "s")
            agent = agent_with_a_tool()
            result = await agent.run("a", message_history=await history.load())
            assert await rival.load() == []
            await history.save(result)
            with pytest.raises(ConflictError):
                await rival.save(result)
            async with agent.run_stream("b", message_history=await history.load()) as streamed:
                await streamed.get_output()
            await history.save(streamed)
            assert await AsyncMessageHistory(store, "s").load() == streamed.all_messages()

    asyncio.run(run())


def test_without_pydantic_ai_the_extra_is_named() -> None:
    assert "pip install 'persist-agents[pydantic-ai]'" in missing_extra("persist_agents.pydantic_ai", "pydantic_ai")
