"""LangGraph checkpoints in a Persist store.

>>> from langgraph.graph import END, START, StateGraph
>>> from persist_agents import Store
>>> from persist_agents.langgraph import PersistSaver
>>> builder = StateGraph(int)
>>> _ = builder.add_node("add_one", lambda count: count + 1)
>>> _ = builder.add_edge(START, "add_one")
>>> _ = builder.add_edge("add_one", END)
>>> with PersistSaver(Store(storage={"adapter": "memory"})) as saver:
...     graph = builder.compile(checkpointer=saver)
...     config = {"configurable": {"thread_id": "trip-7"}}
...     graph.invoke(3, config), graph.get_state(config).values
(4, 4)

`docs/langgraph.md` in the repository tells how checkpoints lie in the store and what is guaranteed.
"""

from persist_agents.langgraph._saver import LAYOUT, AsyncPersistSaver, PersistSaver

__all__ = ["LAYOUT", "AsyncPersistSaver", "PersistSaver"]
