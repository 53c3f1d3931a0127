"""A conversation of Pydantic AI that outlives its process.

Without an argument the script starts itself twice, one process a turn. With one, the directory of a store, it adds the next
turn to the conversation there. The model is a function, so nothing goes over the network.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

from persist_agents import Store
from persist_agents.pydantic_ai import MessageHistory
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

QUESTIONS = ["Find me a train to Lisbon.", "And when does it arrive?", "Book it."]
ANSWERS = ["There is one at 21:34.", "At 07:20.", "It is booked."]


def asked(messages: list[ModelMessage]) -> int:
    """Returns how many questions the messages hold."""
    requests = (message for message in messages if isinstance(message, ModelRequest))
    return sum(isinstance(part, UserPromptPart) for request in requests for part in request.parts)


def answer(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    """Gives the answer to the question that the conversation has come to."""
    return ModelResponse(parts=[TextPart(ANSWERS[asked(messages) - 1])])


def turn(root: str) -> None:
    """Asks the next question of the conversation in the store at ``root``."""
    with Store(storage={"adapter": "local", "root": root}) as store:
        history = MessageHistory(store, "trip-7")
        messages = history.load()
        question = QUESTIONS[asked(messages)]
        result = Agent(FunctionModel(answer)).run_sync(question, message_history=messages)
        history.save(result, description=question)
        print(f"{len(messages)} messages before  {question}  {result.output}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        turn(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as directory:
            for _ in range(2):
                subprocess.run([sys.executable, __file__, directory], check=True)
