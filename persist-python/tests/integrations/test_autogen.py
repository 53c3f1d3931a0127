"""States of AutoGen's agents and teams."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.replay import ReplayChatCompletionClient
from persist_agents import AsyncStore, ConflictError, InvalidInputError, NotFoundError, Store
from persist_agents.autogen import load_state, save_state

from .examples_runner import missing_extra, run_example

TURNS = [
    "0 messages before  Find me a train to Lisbon.  There is one at 21:34.\n",
    "2 messages before  And when does it arrive?  At 07:20.\n",
]


def store_at(root: Path) -> AsyncStore:
    return AsyncStore(storage={"adapter": "local", "root": str(root)})


def assistant(*answers: str) -> AssistantAgent:
    return AssistantAgent("clerk", ReplayChatCompletionClient(list(answers)))


def team(*answers: str) -> RoundRobinGroupChat:
    guide = AssistantAgent("guide", ReplayChatCompletionClient([f"noted: {answer}" for answer in answers]))
    return RoundRobinGroupChat([assistant(*answers), guide], termination_condition=MaxMessageTermination(3))


def test_the_example_continues_in_new_processes(tmp_path: Path) -> None:
    assert [run_example("autogen_state.py", tmp_path) for _ in TURNS] == TURNS
    with Store(storage={"adapter": "local", "root": str(tmp_path)}) as store:
        assert [one.snapshot_index for one in store.list("autogen", "trip-7")] == [0, 1]


def test_the_example_alone_runs_two_processes() -> None:
    assert run_example("autogen_state.py") == "".join(TURNS)


@pytest.mark.parametrize("make", [assistant, team])
def test_a_state_comes_back_exactly(tmp_path: Path, make: Any) -> None:
    async def run() -> None:
        async with store_at(tmp_path) as store:
            before = make("Grüße 🚆", "b")
            await before.run(task="a \u0000 \u2028")
            saved = await save_state(before, store, "s", description="first", labels={"k": "v"})
            assert (saved.description, saved.labels) == ("first", {"k": "v"})
            after = make("b")
            loaded = await load_state(after, store, "s")
            assert loaded.snapshot_index == 0
            assert await after.save_state() == await before.save_state()
            result = await after.run(task="more")
            assert result.messages[1].to_model_text() == "b"

    asyncio.run(run())


def test_an_earlier_state_is_loaded_by_its_index(tmp_path: Path) -> None:
    async def run() -> None:
        async with store_at(tmp_path) as store:
            clerk = assistant("a", "b")
            await clerk.run(task="1")
            await save_state(clerk, store, "s", after="empty")
            earlier = await clerk.save_state()
            await clerk.run(task="2")
            await save_state(clerk, store, "s")
            back = assistant()
            await load_state(back, store, "s", index=0)
            assert await back.save_state() == earlier

    asyncio.run(run())


def test_of_two_writers_the_second_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        async with store_at(tmp_path) as store:
            first = await save_state(assistant(), store, "s", after="empty")
            with pytest.raises(ConflictError):
                await save_state(assistant(), store, "s", after="empty")
            second = await save_state(assistant(), store, "s", after=first)
            with pytest.raises(ConflictError):
                await save_state(assistant(), store, "s", after=first)
            assert (await store.show("autogen", "s")) == second

    asyncio.run(run())


def test_what_is_no_state_fails_loudly(tmp_path: Path) -> None:
    class Unserializable(UserProxyAgent):
        async def save_state(self) -> Mapping[str, Any]:
            return {"handle": object()}

    async def run() -> None:
        async with store_at(tmp_path) as store:
            with pytest.raises(NotFoundError):
                await load_state(assistant(), store, "s")
            with pytest.raises(InvalidInputError):
                await save_state(Unserializable("user"), store, "s")
            await store.save("autogen", "s", ["no state"])
            with pytest.raises(InvalidInputError, match="holds no state of AutoGen"):
                await load_state(assistant(), store, "s")

    asyncio.run(run())


def test_without_autogen_the_extra_is_named() -> None:
    assert "pip install 'persist-agents[autogen]'" in missing_extra("persist_agents.autogen", "autogen_agentchat")
