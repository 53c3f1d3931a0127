"""A conversation of the OpenAI Agents SDK that outlives its process.

Without an argument the script starts itself twice, one process a turn. With one, the directory of a store, it adds the next
turn to the conversation there. The model reads its answers from a list, so nothing goes over the network.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, Model, ModelResponse, RunConfig, Runner, TResponseInputItem, Usage
from agents.items import TResponseStreamEvent
from openai.types.responses import ResponseOutputMessage, ResponseOutputText
from persist_agents import AsyncStore
from persist_agents.openai_agents import PersistSession

QUESTIONS = ["Find me a train to Lisbon.", "And when does it arrive?", "Book it."]
ANSWERS = ["There is one at 21:34.", "At 07:20.", "It is booked."]


class ScriptedModel(Model):
    """Gives the answer to the question that the conversation has come to."""

    async def get_response(
        self, system_instructions: str | None, input: str | list[TResponseInputItem], *args: Any, **kwargs: Any
    ) -> ModelResponse:
        """Answers the newest question."""
        asked = sum(1 for item in input if isinstance(item, dict) and item.get("role") == "user")
        text = ResponseOutputText(text=ANSWERS[asked - 1], type="output_text", annotations=[])
        message = ResponseOutputMessage(
            id=f"message-{asked}", content=[text], role="assistant", status="completed", type="message"
        )
        return ModelResponse(output=[message], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[TResponseStreamEvent]:
        """Is not needed here."""
        raise NotImplementedError("this example does not stream")


async def turn(root: str) -> None:
    """Asks the next question of the conversation in the store at ``root``."""
    async with AsyncStore(storage={"adapter": "local", "root": root}) as store:
        session = PersistSession("trip-7", store)
        items = await session.get_items()
        question = QUESTIONS[len(items) // 2]
        result = await Runner.run(
            Agent(name="planner", model=ScriptedModel()),
            question,
            session=session,
            run_config=RunConfig(tracing_disabled=True),
        )
        print(f"{len(items)} items before  {question}  {result.final_output}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(turn(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as directory:
            for _ in range(2):
                subprocess.run([sys.executable, __file__, directory], check=True)
