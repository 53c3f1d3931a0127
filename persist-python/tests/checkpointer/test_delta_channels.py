"""Delta channels: what they are rebuilt from is given, and never pruned away."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from persist_agents.langgraph import PersistSaver

from .helpers import at, checkpoint, id_of, ids, put


def chain(
    saver: PersistSaver,
    stored: dict[int, Any],
    steps: int,
    *,
    thread: str = "t",
    channel: str = "log",
    run_of: dict[int, str] | None = None,
) -> list[RunnableConfig]:
    """Checkpoints in a row. Each writes its number to the channel; some store its value."""
    configs: list[RunnableConfig] = []
    config = at(thread)
    since = 0
    for step in range(steps):
        values = {channel: stored[step]} if step in stored else {}
        made = checkpoint(**values)
        made["channel_versions"] = {channel: step + 1}
        since = 0 if step in stored else since + 1
        metadata: Any = {"source": "loop", "step": step, "run_id": (run_of or {}).get(step, "run")}
        if since:
            metadata["counters_since_delta_snapshot"] = {channel: (since, since)}
        config = saver.put(config, made, metadata, {})
        saver.put_writes(config, [(channel, step), ("other", -step)], f"task-{step}")
        configs.append(config)
    return configs


def history(saver: PersistSaver, config: RunnableConfig, *channels: str) -> dict[str, Any]:
    """The same from both kinds of methods."""
    found = saver.get_delta_channel_history(config=config, channels=channels)
    assert asyncio.run(saver.aget_delta_channel_history(config=config, channels=channels)) == found
    return dict(found)


def written(found: dict[str, Any], channel: str = "log") -> list[Any]:
    """The values written, in the order in which they are given."""
    return [value for _, _, value in found[channel]["writes"]]


def test_writes_come_oldest_first_with_those_of_the_seed_and_without_those_of_the_target(
    saver: PersistSaver,
) -> None:
    configs = chain(saver, {0: _DeltaSnapshot([])}, 5)
    found = history(saver, configs[-1], "log")
    assert written(found) == [0, 1, 2, 3]
    assert found["log"]["seed"] == _DeltaSnapshot([])
    assert [write[:2] for write in found["log"]["writes"]] == [(f"task-{step}", "log") for step in range(4)]


def test_the_seed_is_the_nearest_stored_value(saver: PersistSaver) -> None:
    configs = chain(saver, {0: _DeltaSnapshot("old"), 3: _DeltaSnapshot("new")}, 6)
    found = history(saver, configs[-1], "log")
    assert (written(found), found["log"]["seed"]) == ([3, 4], _DeltaSnapshot("new"))


def test_a_value_of_the_target_itself_is_no_seed(saver: PersistSaver) -> None:
    configs = chain(saver, {1: "before", 3: "own"}, 4)
    found = history(saver, configs[-1], "log")
    assert (written(found), found["log"]["seed"]) == ([1, 2], "before")


def test_each_channel_ends_where_its_own_value_lies(saver: PersistSaver) -> None:
    config = at("t")
    for step in range(5):
        values: dict[str, Any] = {1: {"a": _DeltaSnapshot("a")}, 3: {"b": _DeltaSnapshot("b")}}.get(step, {})
        config = put(saver, config, **values)
        saver.put_writes(config, [("a", step), ("b", step)], f"task-{step}")
    found = history(saver, config, "a", "b")
    assert (written(found, "a"), written(found, "b")) == ([1, 2, 3], [3])


def test_without_channels_there_is_nothing(saver: PersistSaver) -> None:
    assert history(saver, chain(saver, {}, 3)[-1]) == {}


def test_without_a_stored_value_there_is_no_seed(saver: PersistSaver) -> None:
    found = history(saver, chain(saver, {}, 4)[-1], "log", "never")
    assert (written(found), "seed" in found["log"]) == ([0, 1, 2], False)
    assert found["never"] == {"writes": []}


def test_a_plain_value_of_an_earlier_kind_of_channel_is_a_seed(saver: PersistSaver) -> None:
    found = history(saver, chain(saver, {0: [10], 1: [10, 20, 30]}, 4)[-1], "log")
    assert (written(found), found["log"]["seed"]) == ([1, 2], [10, 20, 30])


def test_only_ancestors_count_however_the_thread_forked(saver: PersistSaver) -> None:
    trunk = chain(saver, {0: _DeltaSnapshot("seed")}, 3)
    other = put(saver, trunk[1])
    saver.put_writes(other, [("log", "other branch")], "task-x")
    mine = put(saver, trunk[2])
    assert written(history(saver, mine, "log")) == [0, 1, 2]
    assert written(history(saver, put(saver, other), "log")) == [0, 1, "other branch"]


def test_writes_of_one_step_come_in_the_order_of_their_tasks_paths(saver: PersistSaver) -> None:
    parent = put(saver, at("t"), log=_DeltaSnapshot([]))
    saver.put_writes(parent, [("log", "second")], "task-a", "~2")
    saver.put_writes(parent, [("log", "first")], "task-b", "~1")
    saver.put_writes(parent, [("log", "input")], "task-c")
    found = history(saver, put(saver, parent), "log")
    assert written(found) == ["input", "first", "second"]


def test_the_latest_of_a_thread_that_is_not_there_has_no_history(saver: PersistSaver) -> None:
    assert history(saver, at("nobody"), "log") == {"log": {"writes": []}}


def test_pruning_keeps_what_the_latest_is_rebuilt_from(saver: PersistSaver) -> None:
    configs = chain(saver, {0: _DeltaSnapshot("old"), 3: _DeltaSnapshot("new")}, 6)
    before = history(saver, configs[-1], "log")
    saver.prune(["t"])
    assert ids(saver, at("t")) == [id_of(config) for config in reversed(configs[3:])]
    assert history(saver, configs[-1], "log") == before


def test_pruning_keeps_only_the_latest_where_that_stores_its_values(saver: PersistSaver) -> None:
    configs = chain(saver, {0: _DeltaSnapshot("old"), 5: _DeltaSnapshot("new")}, 6)
    saver.prune(["t"])
    assert ids(saver, at("t")) == [id_of(configs[-1])]


def test_deleting_a_run_keeps_what_others_are_rebuilt_from(
    saver: PersistSaver, caplog: pytest.LogCaptureFixture
) -> None:
    runs = dict.fromkeys(range(2), "old") | dict.fromkeys(range(2, 4), "middle")
    configs = chain(saver, {0: _DeltaSnapshot("a"), 2: _DeltaSnapshot("b")}, 6, run_of=runs)
    before = history(saver, configs[-1], "log")
    with caplog.at_level(logging.WARNING, logger="persist_agents.langgraph"):
        saver.delete_for_runs(["old", "middle"])
    assert ids(saver, at("t")) == [id_of(config) for config in reversed(configs[2:])]
    assert history(saver, configs[-1], "log") == before
    assert "2 checkpoints" in caplog.text
