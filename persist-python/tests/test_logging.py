"""The log goes to Python's `logging`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from persist_agents import Store


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    """The logger as it was before."""
    logger = logging.getLogger("persist_agents")
    before = logger.level
    yield
    logger.setLevel(before)


def test_nothing_is_logged_unless_wanted(memory: Store, caplog: pytest.LogCaptureFixture) -> None:
    memory.save("a", "s", 1)
    assert [record for record in caplog.records if record.name.startswith("persist_agents")] == []


def test_spans_become_records_when_they_end(memory: Store, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "persist_agents"):
        memory.save("planner", "trip-7", {"x": 1})
        memory.restore("planner", "trip-7")
    records = [record for record in caplog.records if record.name == "persist_agents.operation"]
    # They are there when the call returns.
    saves = [record for record in records if record.getMessage().startswith("save took")]
    assert len(saves) == 1
    extra: Any = saves[0]
    assert saves[0].levelno == logging.DEBUG
    fields = extra.persist_fields
    assert (fields["agent"], fields["session"], fields["index"]) == ("planner", "trip-7", "0")
    assert not any(name.startswith("otel") for name in fields)
    assert any(record.getMessage().startswith("restore took") for record in records)
    calls = [record for record in caplog.records if record.name == "persist_agents.storage"]
    assert any(record.getMessage().startswith("save_if_absent took") for record in calls)
    caplog.clear()
    memory.save("planner", "trip-7", {"x": 2})
    assert caplog.records == []


def test_a_logger_below_can_be_silenced(memory: Store, caplog: pytest.LogCaptureFixture) -> None:
    below = logging.getLogger("persist_agents.operation")
    below.setLevel(logging.ERROR)
    try:
        with caplog.at_level(logging.DEBUG, "persist_agents"):
            memory.save("a", "s", 1)
        assert not any(record.name == below.name for record in caplog.records)
    finally:
        below.setLevel(logging.NOTSET)


class UsesTheStore(logging.Handler):
    """A handler that does what should rather be left alone: it saves."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.calls = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.calls += 1
        if self.calls < 5:
            self.store.save("log", "s", record.getMessage())


def test_a_handler_may_use_the_store_and_may_fail(memory: Store) -> None:
    logger = logging.getLogger("persist_agents")
    handler = UsesTheStore(memory)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        done = threading.Thread(target=lambda: memory.save("a", "s", 1), daemon=True)
        done.start()
        done.join(60)
        assert not done.is_alive()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.WARNING)
    assert handler.calls >= 1
    assert memory.restore("a", "s") == 1


def test_many_threads_may_log_at_once(memory: Store, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "persist_agents"):
        threads = [
            threading.Thread(target=lambda n=number: [memory.save("a", f"s{n}", step) for step in range(30)])
            for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        messages: list[logging.LogRecord] = []
        for _ in range(100):
            # Each call takes along what is waiting; another thread may still be handling what it took.
            memory.show("a", "s0")
            messages = [record for record in caplog.records if record.getMessage().startswith("save took")]
            if len(messages) == 240:
                break
            time.sleep(0.1)
    assert len(messages) == 240
