"""LangGraph's own suite for checkpointers, every test of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.report import ProgressCallbacks
from persist_agents.langgraph import PersistSaver

from .conftest import OpenStore

#: How many tests the pinned release has.
TESTS = 81


def test_every_test_of_every_capability_passes(any_store: OpenStore) -> None:
    failures: list[str] = []

    @checkpointer_test(name="PersistSaver")
    async def opened() -> AsyncGenerator[BaseCheckpointSaver[Any], None]:
        async with PersistSaver(any_store()) as saver:
            yield saver

    def note(capability: str, test: str, passed: bool, trace: str | None) -> None:
        if not passed:
            failures.append(f"{capability}: {test}\n{trace}")

    report = asyncio.run(validate(opened, progress=ProgressCallbacks(on_test_result=note)))
    assert not failures, "\n".join(failures)
    assert sum(result.tests_passed for result in report.results.values()) == TESTS
    assert all(result.tests_skipped == 0 for result in report.results.values())
