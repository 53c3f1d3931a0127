"""What is reported: what differs, what cannot be read, and what is no source at all."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from . import postgres_server
from .history import everything, readable
from .places import Database, Home, at, plain_checkpoint, put_line


@pytest.mark.parametrize(
    "part", ["checkpoint.channel_values", "metadata", "parent", "pending writes", "a pending write"]
)
def test_what_differs_is_reported_and_left_alone(home: Home, tmp_path: Path, part: str) -> None:
    database = Database("sqlite", str(tmp_path / "a"))
    with database.saver() as saver:
        put_line(saver, "a", 4)
    with home.saver() as saver:
        checkpoint = plain_checkpoint(2)
        parent = at("a", 1)
        metadata: Any = {"source": "loop", "step": 2}
        if part == "checkpoint.channel_values":
            checkpoint["channel_values"]["n"] = 2.0
        if part == "metadata":
            metadata = {"source": "loop", "step": 2, "extra": True}
        if part == "parent":
            parent = at("a", 0)
        place = saver.put(parent, checkpoint, metadata, {})
        if part != "a pending write":
            saver.put_writes(place, [("a", 2), ("b", [2])], "task-2", "~path")
        if part == "pending writes":
            saver.put_writes(place, [("own", 1)], "of-persist")
        if part == "a pending write":
            saver.put_writes(place, [("a", "other"), ("b", [2])], "task-2", "~path")
        there = everything(saver)
    done = home.run("import", database.kind, database.place, "--json")
    assert done.code == 5
    assert done.summary["exit_code"] == 5
    assert (done.summary["differing"], done.summary["copied"]) == (1, 3)
    (error,) = done.errors
    assert (error["kind"], error["code"], error["exit_code"]) == ("conflict", "checkpoint_differs", 5)
    assert error["context"]["checkpoint_id"] == "00000002"
    named = "pending writes" if part == "a pending write" else part
    assert error["message"].endswith(f" and differs in {named}; it was left as it is")
    with home.saver() as saver:
        key = ("a", "", "00000002")
        assert readable(everything(saver))[key] == readable(there)[key]


def test_an_unreadable_checkpoint_is_reported_and_the_others_are_copied(home: Home, tmp_path: Path) -> None:
    source = Database("sqlite", str(tmp_path / "a"))
    with source.saver() as saver:
        put_line(saver, "a", 5)
    source.execute("UPDATE checkpoints SET type = 'pickle' WHERE checkpoint_id = ?", "00000001")
    source.execute("UPDATE writes SET value = x'c1' WHERE checkpoint_id = ?", "00000003")
    done = home.run("import", "sqlite", source.place, "--json")
    assert (done.code, done.summary["failed"], done.summary["copied"]) == (1, 2, 3)
    assert [error["context"]["checkpoint_id"] for error in done.errors] == ["00000001", "00000003"]
    assert {error["code"] for error in done.errors} == {"unreadable_checkpoint"}
    assert "'pickle'" in done.errors[0]["causes"][0]
    with home.saver() as saver:
        assert {key[2] for key in everything(saver)} == {"00000000", "00000002", "00000004"}


def test_writes_that_cannot_be_stored_as_they_are_fail_before_anything_is_stored(home: Home, tmp_path: Path) -> None:
    source = Database("sqlite", str(tmp_path / "a"))
    with source.saver() as saver:
        put_line(saver, "a", 2)
    source.execute("DELETE FROM writes WHERE checkpoint_id = ? AND idx = 0", "00000001")
    done = home.run("import", "sqlite", source.place)
    assert done.code == 1
    assert "number 0 is missing" in done.err and "hint: " in done.err
    with home.saver() as saver:
        assert {key[2] for key in everything(saver)} == {"00000000"}


def test_no_message_shows_the_password(server: postgres_server.Server, home: Home) -> None:
    secret = "wrong-but-secret"
    wrong = home.run("import", "postgres", server.dsn(password=secret))
    assert wrong.code == 7
    assert "password authentication failed" in wrong.err
    unreachable = home.run("import", "postgres", f"postgresql://me:{secret}@127.0.0.1:1/db")
    assert unreachable.code == 7
    malformed = home.run("import", "postgres", f"host=127.0.0.1 user=me {secret}")
    assert malformed.code == 2
    elsewhere = home.run("import", "postgres", server.dsn("nowhere"), "--json")
    assert (elsewhere.code, elsewhere.errors[0]["kind"]) == (7, "unavailable")
    for done in (wrong, unreachable, malformed, elsewhere):
        assert secret not in done.out + done.err
        assert postgres_server.PASSWORD not in done.out + done.err


def test_what_is_no_source_is_refused(server: postgres_server.Server, home: Home, tmp_path: Path) -> None:
    missing = home.run("import", "sqlite", str(tmp_path / "missing"), "--json")
    assert (missing.code, missing.errors[0]["code"]) == (3, "source_not_found")
    assert not (tmp_path / "missing").exists()
    (tmp_path / "text").write_text("no database, but long enough to be taken for the header of one" * 10)
    assert home.run("import", "sqlite", str(tmp_path / "text")).code == 1
    sqlite3.connect(tmp_path / "empty").close()
    empty = home.run("import", "sqlite", str(tmp_path / "empty"))
    assert empty.code == 1
    assert "SqliteSaver" in empty.err
    assert home.run("import", "postgres", server.dsn(), "--json").errors[0]["code"] == "not_langgraph"
    assert home.run("import", "mysql", "x").code == 2
    assert not home.root.exists()


def test_a_damaged_store_is_an_integrity_error(home: Home, tmp_path: Path) -> None:
    with home.saver() as saver:
        put_line(saver, "a", 2, text=os.urandom(4000).hex())
    damaged = max((path for path in home.root.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    done = home.run("export", "sqlite", str(tmp_path / "a"), "--json")
    assert (done.code, done.summary["failed"] > 0) == (4, True)
    assert done.errors[0]["kind"] == "integrity"
