"""Message histories of Pydantic AI, kept in Persist.

Install with ``pip install 'persist-agents[pydantic-ai]'``. Load the history before a run, save it after: ::

    from persist_agents import Store
    from persist_agents.pydantic_ai import MessageHistory
    from pydantic_ai import Agent

    agent = Agent("test")
    with Store(storage={"adapter": "local", "root": "/var/lib/histories"}) as store:
        history = MessageHistory(store, "trip-7")
        result = agent.run_sync("Find me a train to Lisbon.", message_history=history.load())
        history.save(result)

`AsyncMessageHistory` is the same for ``await agent.run(...)``. A snapshot is the JSON that Pydantic AI itself writes, byte for
byte. ``persist list pydantic-ai/trip-7`` is the conversation's history, ``persist diff`` shows what a run added, and
``persist fork`` continues from an earlier run under a new session id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from persist_agents import AsyncStore, NotFoundError, Snapshot, Store

try:
    from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter
except ImportError as error:
    raise ImportError(
        "persist_agents.pydantic_ai needs Pydantic AI: pip install 'persist-agents[pydantic-ai]'"
    ) from error

__all__ = ["AsyncMessageHistory", "MessageHistory", "RunResult"]


class RunResult(Protocol):
    """What a run returns: any of Pydantic AI's results, streamed or not."""

    def all_messages_json(self) -> bytes:
        """Returns the messages of this run and of the history that it was given, as JSON."""
        ...


class MessageHistory:
    """The messages of one conversation, in a store.

    Two runs that continue the same history at once cannot both be saved, for neither answered the other: the second `save`
    raises `ConflictError`, and what the first saved stays. Load again and repeat the run, or fork the session.
    """

    def __init__(self, store: Store, session: str, *, agent: str = "pydantic-ai") -> None:
        """Names a conversation; nothing is read or written yet, and the store stays the caller's to close."""
        self._store = store
        self._agent = agent
        self._session = session
        self._newest: int | Literal["empty"] | None = None

    def load(self) -> list[ModelMessage]:
        """Returns the newest history, for ``message_history=``; an empty list if none was saved.

        Raises:
            pydantic.ValidationError: The newest snapshot of the session is no list of messages.
            PersistError: The store could not be read.
        """
        try:
            snapshot, state = self._store.read(self._agent, self._session)
        except NotFoundError:
            self._newest = "empty"
            return []
        messages = ModelMessagesTypeAdapter.validate_json(state)
        self._newest = snapshot.snapshot_index
        return messages

    def save(
        self,
        result: RunResult | Sequence[ModelMessage],
        *,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Snapshot:
        """Saves all messages of a run, or a list of messages, as the newest history.

        After a `load` or `save` of this object it succeeds only if nobody saved since; before, it always appends.

        Raises:
            ConflictError: Somebody else saved since; nothing was saved.
            OutcomeUnknownError: Whether it was saved is unknown; `load` shows it.
            PersistError: Nothing was saved.
        """
        snapshot = self._store.save(
            self._agent,
            self._session,
            _encode(result),
            description=description,
            labels=labels,
            expect_parent=self._newest,
            media_type="application/json",
        )
        self._newest = snapshot.snapshot_index
        return snapshot


class AsyncMessageHistory:
    """`MessageHistory` as coroutines, on an `AsyncStore`."""

    def __init__(self, store: AsyncStore, session: str, *, agent: str = "pydantic-ai") -> None:
        """Names a conversation; nothing is read or written yet, and the store stays the caller's to close."""
        self._store = store
        self._agent = agent
        self._session = session
        self._newest: int | Literal["empty"] | None = None

    async def load(self) -> list[ModelMessage]:
        """As `MessageHistory.load`."""
        try:
            snapshot, state = await self._store.read(self._agent, self._session)
        except NotFoundError:
            self._newest = "empty"
            return []
        messages = ModelMessagesTypeAdapter.validate_json(state)
        self._newest = snapshot.snapshot_index
        return messages

    async def save(
        self,
        result: RunResult | Sequence[ModelMessage],
        *,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Snapshot:
        """As `MessageHistory.save`."""
        snapshot = await self._store.save(
            self._agent,
            self._session,
            _encode(result),
            description=description,
            labels=labels,
            expect_parent=self._newest,
            media_type="application/json",
        )
        self._newest = snapshot.snapshot_index
        return snapshot


def _encode(result: RunResult | Sequence[ModelMessage]) -> bytes:
    if isinstance(result, Sequence):
        return ModelMessagesTypeAdapter.dump_json(list(result))
    return result.all_messages_json()
