"""States of AutoGen's agents and teams, kept in Persist.

Install with ``pip install 'persist-agents[autogen]'``. Whatever has AutoGen's ``save_state`` and ``load_state`` can be kept: an
agent, a team, a runtime. ::

    import asyncio

    from persist_agents import AsyncStore, NotFoundError
    from persist_agents.autogen import load_state, save_state

    async def ask(team, task):
        async with AsyncStore(storage={"adapter": "local", "root": "/var/lib/states"}) as store:
            try:
                loaded = await load_state(team, store, "trip-7")
            except NotFoundError:
                loaded = None
            result = await team.run(task=task)
            await save_state(team, store, "trip-7", after=loaded)
            return result

A state is saved when the caller says so, so save after ``run`` has returned: AutoGen warns that the state of a team that is
running may be inconsistent. ``persist list autogen/trip-7`` is the history, ``persist diff`` shows what a run changed, and
``persist fork`` continues from an earlier state under a new session id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

from persist_agents import AsyncStore, InvalidInputError, Snapshot

try:
    from autogen_agentchat.base import ChatAgent, Team
    from autogen_core import AgentRuntime
except ImportError as error:
    raise ImportError("persist_agents.autogen needs AutoGen: pip install 'persist-agents[autogen]'") from error

__all__ = ["Stateful", "load_state", "save_state"]

Stateful: TypeAlias = ChatAgent | Team | AgentRuntime
"""What has a state in AutoGen."""


async def save_state(
    component: Stateful,
    store: AsyncStore,
    session: str,
    *,
    agent: str = "autogen",
    after: Snapshot | Literal["empty"] | None = None,
    description: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> Snapshot:
    """Saves the state of an agent or a team as the session's next snapshot.

    Args:
        component: The agent, team or runtime, which must not be running.
        store: The store; it stays open.
        session: The session's id in the store.
        agent: The agent's id in the store.
        after: The snapshot that must still be the newest, as `load_state` or an earlier call returned it; ``"empty"`` if there
            must be none; None to save in any case.
        description: A text for people.
        labels: Labels of the snapshot.

    Raises:
        ConflictError: Somebody else saved since ``after``; nothing was saved.
        InvalidInputError: The state is not made of JSON values that would come back exactly; nothing was saved.
        OutcomeUnknownError: Whether it was saved is unknown; the session's newest snapshot shows it.
        PersistError: Nothing was saved.
    """
    state = await component.save_state()
    return await store.save(
        agent,
        session,
        dict(state),
        description=description,
        labels=labels,
        expect_parent=after.snapshot_index if isinstance(after, Snapshot) else after,
    )


async def load_state(
    component: Stateful,
    store: AsyncStore,
    session: str,
    *,
    agent: str = "autogen",
    index: int | None = None,
) -> Snapshot:
    """Loads the newest state of a session, or the one at ``index``, into an agent or a team of the same make.

    Returns the snapshot, for `save_state`'s ``after``.

    Raises:
        NotFoundError: The session or the snapshot does not exist; the component is unchanged.
        InvalidInputError: The snapshot holds no state of AutoGen; the component is unchanged.
        PersistError: The store could not be read; the component is unchanged.
        Exception: AutoGen refused the state; see its documentation for what the component is then.
    """
    snapshot, content = await store.read(agent, session, index)
    state: object = json.loads(content)
    if not isinstance(state, dict):
        raise InvalidInputError(
            f"snapshot {snapshot.snapshot_index} of session {session!r} of agent {agent!r} holds no state of AutoGen,"
            " which would be a JSON object",
            code="not_an_autogen_state",
            hint="choose another session id, or another agent",
        )
    await component.load_state(cast("dict[str, Any]", state))
    return snapshot
