"""Conversations of the OpenAI Agents SDK, kept in Persist.

Install with ``pip install 'persist-agents[openai-agents]'``. `PersistSession` is a ``Session`` of the SDK: hand it to
``Runner.run`` and the conversation goes on where it ended, in whatever process. ::

    import asyncio

    from agents import Agent, Runner
    from persist_agents import AsyncStore
    from persist_agents.openai_agents import PersistSession

    async def main() -> None:
        async with AsyncStore(storage={"adapter": "local", "root": "/var/lib/conversations"}) as store:
            session = PersistSession("trip-7", store)
            result = await Runner.run(Agent(name="planner"), "Find me a train to Lisbon.", session=session)
            print(result.final_output)

    asyncio.run(main())

Each change of the conversation is one snapshot of the whole list of items, stored as its difference to earlier ones. So
``persist list openai-agents/trip-7`` is its history, ``persist diff`` shows what a turn added, and ``persist fork`` continues
from an earlier turn under a new session id.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

from persist_agents import AsyncStore, ConflictError, InvalidInputError, NotFoundError

try:
    from agents.memory import SessionSettings
except ImportError as error:
    raise ImportError(
        "persist_agents.openai_agents needs the OpenAI Agents SDK: pip install 'persist-agents[openai-agents]'"
    ) from error

if TYPE_CHECKING:
    from agents import TResponseInputItem

__all__ = ["PersistSession"]

_Result = TypeVar("_Result")

# Whoever loses a race was beaten by a change that succeeded, so this many losses in a row mean that something is wrong.
_ATTEMPTS = 1000
_LONGEST_PAUSE_SECONDS = 0.05


class PersistSession:
    """One conversation of the OpenAI Agents SDK, in a store.

    Any number of processes may add to the same conversation: every change is made on the newest items and saved only if
    they still are the newest, so none is lost. Objects of this class may be shared by tasks of one event loop.

    Attributes:
        session_id: The conversation's id, which is the session's id in the store.
        agent: The agent's id in the store.
        session_settings: Settings of the SDK; ``limit`` is how many of the newest items `get_items` returns when it is
            called without a limit.
    """

    session_id: str
    agent: str
    session_settings: SessionSettings | None

    def __init__(
        self,
        session_id: str,
        store: AsyncStore,
        *,
        agent: str = "openai-agents",
        session_settings: SessionSettings | None = None,
    ) -> None:
        """Names a conversation; nothing is read or written yet, and the store stays the caller's to close."""
        self.session_id = session_id
        self.agent = agent
        self.session_settings = session_settings
        self._store = store

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Returns the newest ``limit`` items, oldest first; all of them where neither the call nor the settings limit.

        A conversation that nothing was added to has no items.

        Raises:
            ValueError: ``limit`` is negative, or, as `InvalidInputError`, the newest snapshot of the session is not a list of
                items.
            PersistError: The store could not be read.
        """
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        if limit is not None and limit < 0:
            raise ValueError(f"the limit of items is 0 or more, not {limit}")
        _, items = await self._newest()
        if limit is None:
            return items
        return items[-limit:] if limit else []

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Appends ``items``, all or none, in one snapshot. An empty list changes nothing.

        Raises:
            InvalidInputError: An item is no JSON value that would come back exactly.
            OutcomeUnknownError: Whether they were appended is unknown; `get_items` shows it.
            PersistError: They were not appended.
        """
        if items:
            await self._change(lambda present: ([*present, *items], None))

    async def pop_item(self) -> TResponseInputItem | None:
        """Removes and returns the newest item; None if there is none. Earlier snapshots keep the item."""
        return await self._change(lambda present: (present[:-1], present[-1]) if present else (present, None))

    async def clear_session(self) -> None:
        """Empties the conversation with one more snapshot. Earlier ones keep the items: ``Store.delete`` removes them."""
        await self._change(lambda _present: ([], None))

    async def _change(
        self, change: Callable[[list[TResponseInputItem]], tuple[list[TResponseInputItem], _Result]]
    ) -> _Result:
        """Saves what ``change`` makes of the newest items, again from the start where another writer was faster."""
        for attempt in range(_ATTEMPTS):
            index, present = await self._newest()
            items, result = change(present)
            if items == present:
                return result
            try:
                await self._store.save(
                    self.agent, self.session_id, items, expect_parent="empty" if index is None else index
                )
            except ConflictError:
                if attempt + 1 == _ATTEMPTS:
                    raise
                # Writers that start again at the same time would meet again.
                await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))
            else:
                return result
        raise AssertionError("the last attempt returns or raises")

    async def _newest(self) -> tuple[int | None, list[TResponseInputItem]]:
        try:
            snapshot, state = await self._store.read(self.agent, self.session_id)
        except NotFoundError:
            return None, []
        items: object = json.loads(state)
        if not isinstance(items, list):
            raise InvalidInputError(
                f"snapshot {snapshot.snapshot_index} of session {self.session_id!r} of agent {self.agent!r} is not a list of"
                " items, so no conversation of the OpenAI Agents SDK",
                code="not_a_conversation",
                hint="choose another session id, or another agent",
            )
        return snapshot.snapshot_index, cast("list[TResponseInputItem]", items)
