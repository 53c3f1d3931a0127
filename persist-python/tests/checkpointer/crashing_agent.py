"""An agent that is killed at any moment and resumed in another process; run by `test_crashes`.

It has parallel nodes, a subgraph, an interrupt, and goes back to an old checkpoint once. For each moment at which its
checkpointer is called, a process is killed there with SIGKILL, and another one goes on. The result, and what the thread's
history shows of it, must be those of a run that nobody killed. One line of JSON tells what was found.
"""

from __future__ import annotations

import json
import operator
import os
import signal
import sys
import tempfile
import traceback
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from persist_agents.langgraph import PersistSaver

CONFIG: RunnableConfig = {"configurable": {"thread_id": "agent"}}


class State(TypedDict):
    """The state of the graph and its subgraph."""

    log: Annotated[list[str], operator.add]


class Killed(PersistSaver):
    """A saver whose process ends right after so many saves; before the first one with 0."""

    def __init__(self, directory: str, after: int | None) -> None:
        super().__init__(directory)
        self.calls = 0
        self.after = after
        self._check()

    def put(self, *arguments: Any, **named: Any) -> RunnableConfig:
        saved = super().put(*arguments, **named)
        self._count()
        return saved

    def put_writes(self, *arguments: Any, **named: Any) -> None:
        super().put_writes(*arguments, **named)
        self._count()

    def _count(self) -> None:
        self.calls += 1
        self._check()

    def _check(self) -> None:
        if self.calls == self.after:
            os.kill(os.getpid(), signal.SIGKILL)


def build(saver: PersistSaver) -> Any:
    """The graph."""

    def node(name: str) -> Any:
        def act(state: State) -> State:
            return {"log": [f"{name} after {len(state['log'])}"]}

        return act

    def review(state: State) -> State:
        answer = interrupt(f"approve {len(state['log'])} entries?")
        return {"log": [f"review: {answer}"]}

    inner = StateGraph(State)
    inner.add_node("draft", node("draft"))
    inner.add_node("polish", node("polish"))
    inner.add_edge(START, "draft")
    inner.add_edge("draft", "polish")
    inner.add_edge("polish", END)
    outer = StateGraph(State)
    outer.add_node("left", node("left"))
    outer.add_node("right", node("right"))
    outer.add_node("write", inner.compile())
    outer.add_node("review", review)
    outer.add_node("finish", node("finish"))
    outer.add_edge(START, "left")
    outer.add_edge(START, "right")
    outer.add_edge(["left", "right"], "write")
    outer.add_edge("write", "review")
    outer.add_edge("review", "finish")
    outer.add_edge("finish", END)
    return outer.compile(checkpointer=saver)


def drive(graph: Any) -> list[str]:
    """Takes the agent to its end from wherever it stands, and returns its log."""
    while True:
        state = graph.get_state(CONFIG)
        if not state.config.get("configurable", {}).get("checkpoint_id"):
            graph.invoke({"log": ["task"]}, CONFIG, durability="sync")
        elif state.interrupts:
            graph.invoke(Command(resume="yes"), CONFIG, durability="sync")
        elif state.tasks:
            # Also where they all ran and only the checkpoint after them is missing.
            graph.invoke(None, CONFIG, durability="sync")
        elif "went back" not in state.values["log"]:
            old = next(found for found in graph.get_state_history(CONFIG) if found.next == ("write",))
            graph.update_state(old.config, {"log": ["went back"]}, as_node="left")
        else:
            log: list[str] = state.values["log"]
            return log


def run(directory: str, after: int | None) -> tuple[int, Any]:
    """Runs the agent in a process of its own; returns the signal that ended it, and what it said."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            saver = Killed(directory, after)
            log = drive(build(saver))
            with os.fdopen(writer, "w") as said:
                json.dump({"log": log, "calls": saver.calls}, said)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as heard:
        text = heard.read()
    _, status = os.waitpid(child, 0)
    return (os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0), json.loads(text or "null")


def main() -> None:
    """Kills the agent after every save of an uninterrupted run, each in a store of its own."""
    with tempfile.TemporaryDirectory() as directory:
        _, expected = run(directory, None)
    killed = 0
    differing = []
    for after in range(expected["calls"]):
        with tempfile.TemporaryDirectory() as directory:
            ended_by, _ = run(directory, after)
            killed += ended_by == signal.SIGKILL
            _, found = run(directory, None)
            if found is None or found["log"] != expected["log"]:
                differing.append({"after": after, "found": found})
    report = {"log": expected["log"], "calls": expected["calls"], "killed": killed, "differing": differing}
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
