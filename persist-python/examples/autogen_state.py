"""A team of AutoGen's that outlives its process.

Without an argument the script starts itself twice, one process a turn. With one, the directory of a store, it goes on with the
team's conversation there. The model replays its answers, so nothing goes over the network.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.replay import ReplayChatCompletionClient
from persist_agents import AsyncStore, NotFoundError
from persist_agents.autogen import load_state, save_state

QUESTIONS = ["Find me a train to Lisbon.", "And when does it arrive?", "Book it."]
ANSWERS = ["There is one at 21:34.", "At 07:20.", "It is booked."]


async def turn(root: str) -> None:
    """Asks the next question of the conversation in the store at ``root``."""
    async with AsyncStore(storage={"adapter": "local", "root": root}) as store:
        try:
            done = (await store.show("autogen", "trip-7")).snapshot_index + 1
        except NotFoundError:
            done = 0
        clerk = AssistantAgent("clerk", ReplayChatCompletionClient(ANSWERS[done:]))
        team = RoundRobinGroupChat([clerk], termination_condition=MaxMessageTermination(2))
        loaded = await load_state(team, store, "trip-7") if done else None
        known = len(await clerk.model_context.get_messages())
        result = await team.run(task=QUESTIONS[done])
        answer = result.messages[-1]
        assert isinstance(answer, TextMessage)
        await save_state(team, store, "trip-7", after=loaded or "empty", description=QUESTIONS[done])
        print(f"{known} messages before  {QUESTIONS[done]}  {answer.content}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(turn(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as directory:
            for _ in range(2):
                subprocess.run([sys.executable, __file__, directory], check=True)
