"""A history of LangGraph's for the tests of the migration: real graphs, with everything that a saver may have to hold."""

from __future__ import annotations

import operator
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, Send, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict


class Leg(BaseModel):
    """A class of the application, which the command does not know."""

    to: str
    price: float


@dataclass
class Note:
    """Another one."""

    text: str
    tags: set[str] = field(default_factory=set)


class State(TypedDict, total=False):
    """The state of the outer graph."""

    messages: Annotated[list[AnyMessage], add_messages]
    legs: Annotated[list[Leg], operator.add]
    note: Note
    seen: Annotated[list[str], operator.add]
    at: datetime
    raw: bytes
    number: float
    nothing: None


class Inner(TypedDict, total=False):
    """The state of the inner graph."""

    seen: Annotated[list[str], operator.add]


class Place(TypedDict):
    """What a node that is sent to is given."""

    to: str


def config(thread: str) -> RunnableConfig:
    """The config of a thread."""
    return {"configurable": {"thread_id": thread}, "metadata": {"customer": "müller", "tier": 3}}


def graph(saver: BaseCheckpointSaver[Any]) -> Any:
    """A graph with parallel nodes, sends, a subgraph with an interrupt, and objects of several kinds."""

    def ask(state: Inner) -> Inner:
        return {"seen": [f"answer: {interrupt({'question': 'Book?', 'options': ('yes', 'no')})}"]}

    def each(state: Place) -> State:
        return {"seen": [f"each {state['to']}"]}

    inner = StateGraph(Inner)
    inner.add_node("before", lambda state: {"seen": ["before"]})
    inner.add_node("ask", ask)
    inner.add_edge(START, "before")
    inner.add_edge("before", "ask")

    def search(state: State) -> State:
        return {
            "messages": [AIMessage("There is one at 21:34.", id=str(uuid.uuid4()))],
            "legs": [Leg(to="Lisbon", price=0.1)],
            "note": Note("Grüße 🚆", {"night"}),
            "at": datetime(2026, 11, 23, 21, 34, tzinfo=timezone.utc),
            "raw": b"\x00\xff",
            "number": 0.1,
            "nothing": None,
        }

    outer = StateGraph(State)
    outer.add_node("search", search)
    outer.add_node("left", lambda state: {"seen": ["left"]})
    outer.add_node("right", lambda state: {"seen": ["right"]})
    outer.add_node("each", each)
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "search")
    outer.add_edge("search", "left")
    outer.add_edge("search", "right")
    outer.add_conditional_edges(
        "left", lambda state: [Send("each", {"to": to}) for to in ("Lisbon", "Porto")], ["each"]
    )
    outer.add_edge(["right", "each"], "inner")
    outer.add_edge("inner", END)
    return outer.compile(checkpointer=saver)


def write_history(saver: BaseCheckpointSaver[Any]) -> None:
    """Writes three threads: one that was answered, one that waits for its answer, one that went back in time."""
    app = graph(saver)
    question = {"messages": [HumanMessage("Find me a train.", id=str(uuid.uuid4()))]}
    for thread in ("answered", "waiting/%41 🚆", "time-travel"):
        app.invoke(question, config(thread))
    app.invoke(Command(resume="yes"), config("answered"))
    earlier = next(one for one in app.get_state_history(config("time-travel")) if "left" in one.next)
    forked = app.update_state(earlier.config, {"seen": ["edited"]}, as_node="search")
    app.invoke(None, forked)


def everything(saver: BaseCheckpointSaver[Any]) -> dict[tuple[str, str, str], CheckpointTuple]:
    """Reads all checkpoints with the application's own classes."""
    found = {}
    for one in saver.list(None):
        configurable = one.config.get("configurable", {})
        found[(configurable["thread_id"], configurable["checkpoint_ns"], configurable["checkpoint_id"])] = one
    return found


def readable(found: dict[tuple[str, str, str], CheckpointTuple]) -> dict[tuple[str, str, str], Any]:
    """The same in a form that compares by value, with everything of a checkpoint but the order in which names are."""
    return {
        key: (one.checkpoint, one.metadata, (one.parent_config or {}).get("configurable"), one.pending_writes)
        for key, one in found.items()
    }
