"""What is peculiar to LangGraph's own databases: what older releases wrote, what PostgreSQL changes, and what a source must allow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from . import postgres_server
from .history import everything, readable
from .places import Database, Home, at, new_database, plain_checkpoint, put_line


def test_old_numbers_of_own_channels_and_their_gaps_are_kept(home: Home, tmp_path: Path) -> None:
    source = Database("sqlite", str(tmp_path / "a"))
    with source.saver() as saver:
        place = saver.put({"configurable": {"thread_id": "a", "checkpoint_ns": ""}}, plain_checkpoint(0), {}, {})
        # In one call an own channel takes up a number without having it.
        saver.put_writes(place, [("a", 1), ("__interrupt__", 2), ("b", 3)], "task")
        before = readable(everything(saver))
    # A release of long ago stored the number as it was.
    source.execute("UPDATE writes SET idx = 1 WHERE idx = -3")
    source.execute(
        "INSERT INTO writes SELECT thread_id, '', 'none', task_id, '', 0, channel, type, value FROM writes LIMIT 1"
    )
    done = home.run("import", "sqlite", source.place, "--json")
    assert (done.code, done.summary["writes"], done.summary["orphaned_writes"]) == (0, 3, 1)
    target = Database("sqlite", str(tmp_path / "b"))
    assert home.run("export", "sqlite", target.place).code == 0
    assert target.execute("SELECT idx, channel FROM writes ORDER BY idx") == [(-3, "__interrupt__"), (0, "a"), (2, "b")]
    with home.saver() as saver:
        assert readable(everything(saver)) == before


def test_a_file_from_before_task_paths_and_msgpack_is_read(home: Home, tmp_path: Path) -> None:
    source = Database("sqlite", str(tmp_path / "a"))
    with source.saver() as saver:
        put_line(saver, "a", 2)
    source.execute("ALTER TABLE writes DROP COLUMN task_path")
    message: dict[str, Any] = {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", "HumanMessage"],
        "kwargs": {"content": "hi"},
    }
    old = {**plain_checkpoint(1), "channel_values": {"m": [message]}}
    source.execute(
        "UPDATE checkpoints SET type = 'json', checkpoint = ? WHERE checkpoint_id = '00000001'",
        json.dumps(old).encode(),
    )
    assert home.run("import", "sqlite", source.place).code == 0
    with home.saver() as saver:
        found = saver.get_tuple(at("a", 1))
    assert found is not None
    assert found.checkpoint["channel_values"]["m"][0].content == "hi"
    # LangGraph itself would give back what is neither an object of the class nor an error.
    message.update(lc=2, id=["gone", "Class"])
    source.execute(
        "UPDATE checkpoints SET checkpoint_id = 'z', checkpoint = ? WHERE type = 'json'", json.dumps(old).encode()
    )
    done = home.run("import", "sqlite", source.place, "--json")
    assert done.code == 1
    assert "gone.Class" in done.errors[0]["causes"][0]


def test_metadata_that_postgres_never_stores_is_left_out_there(
    server: postgres_server.Server, request: pytest.FixtureRequest, home: Home, tmp_path: Path
) -> None:
    source, target = Database("sqlite", str(tmp_path / "a")), new_database(request, "postgres", tmp_path, "target")
    with source.saver() as saver:
        put_line(saver, "a", 1)
    metadata = {"source": "loop", "step": 0, "writes": {"node": {"n": 0}}}
    source.execute("UPDATE checkpoints SET metadata = ?", json.dumps(metadata).encode())
    assert home.run("import", "sqlite", source.place).code == 0
    with home.saver() as persist:
        assert everything(persist)[("a", "", "00000000")].metadata == metadata
    assert home.run("export", "postgres", target.place).code == 0
    with target.saver() as saver:
        assert everything(saver)[("a", "", "00000000")].metadata == {"source": "loop", "step": 0}


def test_what_postgres_would_change_is_reported(
    server: postgres_server.Server, request: pytest.FixtureRequest, home: Home, tmp_path: Path
) -> None:
    target = new_database(request, "postgres", tmp_path, "target")
    with home.saver() as saver:
        for thread, value in (("float", 1e16), ("zero", "a\0b"), ("good", 1e15)):
            put_line(saver, thread, 1, value=value)
    done = home.run("export", "postgres", target.place, "--json")
    assert (done.code, done.summary["copied"], done.summary["failed"]) == (4, 1, 2)
    assert {error["context"]["thread_id"]: error["kind"] for error in done.errors} == {
        "float": "integrity",
        "zero": "invalid_input",
    }


def test_a_source_is_not_changed(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "a"
    with Database("sqlite", str(source)).saver() as saver:
        put_line(saver, "a", 3)
    before = source.read_bytes()
    assert home.run("import", "sqlite", str(source)).code == 0
    assert source.read_bytes() == before


def test_a_postgres_source_needs_no_right_to_write(
    server: postgres_server.Server, request: pytest.FixtureRequest, home: Home, tmp_path: Path
) -> None:
    source = new_database(request, "postgres", tmp_path, "source")
    with source.saver() as saver:
        put_line(saver, "a", 3)
    source.execute("CREATE ROLE reader LOGIN PASSWORD 'read-only'")
    source.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    dsn = source.place.replace(f"postgres:{postgres_server.PASSWORD}", "reader:read-only")
    done = home.run("import", "postgres", dsn, "--json")
    assert (done.code, done.summary["copied"]) == (0, 3)
