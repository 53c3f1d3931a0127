"""Moving LangGraph's checkpoints into Persist and back out."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command
from persist_agents import Store
from persist_agents.langgraph import PersistSaver
from persist_agents.langgraph.migrate import OpaqueSerializer, PersistCheckpoints, SqliteCheckpoints, copy
from persist_agents.langgraph.migrate.cli import main

from . import postgres_server
from .history import config, everything, graph, readable, write_history


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The summary in JSON."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The errors in JSON."""
        return [json.loads(line)["error"] for line in self.err.splitlines()]


@pytest.fixture(scope="session")
def server() -> Iterator[postgres_server.Server]:
    programs = postgres_server.binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server below /usr/lib/postgresql; apt-get install postgresql")
    with postgres_server.server(programs) as running:
        yield running


@dataclass(frozen=True)
class Database:
    """One of LangGraph's own databases."""

    kind: str
    place: str

    def saver(self) -> AbstractContextManager[BaseCheckpointSaver[Any]]:
        """Opens it as LangGraph does."""
        return _sqlite(self.place) if self.kind == "sqlite" else _postgres(self.place)

    def execute(self, query: str, *parameters: Any) -> list[Any]:
        """Changes it behind LangGraph's back, or looks into it."""
        if self.kind == "sqlite":
            with sqlite3.connect(self.place) as connection:
                found: list[Any] = connection.execute(query, parameters).fetchall()
            connection.close()
            return found
        with psycopg.connect(self.place, autocommit=True) as client:
            cursor = client.execute(query.replace("?", "%s").encode(), parameters)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def _sqlite(path: str) -> Iterator[BaseCheckpointSaver[Any]]:
    with SqliteSaver.from_conn_string(path) as saver:
        yield saver


@contextmanager
def _postgres(dsn: str) -> Iterator[BaseCheckpointSaver[Any]]:
    with PostgresSaver.from_conn_string(dsn) as saver:
        saver.setup()
        yield saver


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    return _new(request, str(request.param), tmp_path, "source")


@pytest.fixture(params=["sqlite", "postgres"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    return _new(request, str(request.param), tmp_path, "other")


def _new(request: pytest.FixtureRequest, kind: str, directory: Path, name: str) -> Database:
    if kind == "sqlite":
        return Database(kind, str(directory / f"{name} ü%?.sqlite"))
    server: postgres_server.Server = request.getfixturevalue("server")
    number = len(_names)
    _names.append(name)
    with psycopg.connect(server.dsn(), autocommit=True) as client:
        client.execute(f"CREATE DATABASE {name}_{number}".encode())
    return Database(kind, server.dsn(f"{name}_{number}"))


_names: list[str] = []


class Home:
    """A config with a store in a directory, and the command."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "store"
        self.config = directory / "persist.toml"
        self.config.write_text(f'[stores.default]\nstorage = {{ adapter = "local", root = "{self.root}" }}\n')

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "persist_agents.langgraph.migrate", *arguments, "--config", str(self.config)]

    def run(self, *arguments: str) -> Done:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = main([*arguments, "--config", str(self.config)])
            except SystemExit as exit:
                code = int(exit.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    def run_alone(self, *arguments: str) -> Done:
        """Runs it in a process of its own, which knows none of the classes here."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    def saver(self, agent: str = "langgraph") -> PersistSaver:
        return PersistSaver(Store.open(self.config), agent=agent)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def plain_checkpoint(number: int, **values: Any) -> Any:
    checkpoint = empty_checkpoint()
    checkpoint["id"] = f"{number:08}"
    checkpoint["ts"] = "2026-11-23T21:34:00+00:00"
    checkpoint["channel_values"] = {"n": number, **values}
    checkpoint["channel_versions"] = {name: f"{number:032}.0" for name in checkpoint["channel_values"]}
    return checkpoint


def put_line(saver: BaseCheckpointSaver[Any], thread: str, count: int, **values: Any) -> None:
    """Stores checkpoints that follow each other, with writes."""
    place: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    for number in range(count):
        place = saver.put(
            place, plain_checkpoint(number, **values), {"source": "loop", "step": number}, {"n": f"{number:032}.0"}
        )
        saver.put_writes(place, [("a", number), ("b", [number])], f"task-{number}", "~path")


def at(thread: str, number: int) -> Any:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": "", "checkpoint_id": f"{number:08}"}}


def test_all_that_a_graph_stored_moves_in_and_goes_on(database: Database, home: Home) -> None:
    with database.saver() as saver:
        write_history(saver)
        before = everything(saver)
        expected = saver.get_tuple(config("waiting/%41 🚆"))
    rows = database.execute("SELECT count(*) FROM checkpoints")[0][0]
    assert rows == len(before) >= 25
    assert {namespace for _, namespace, _ in before} > {""}
    done = home.run_alone("import", database.kind, database.place, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.summary["copied"] == done.summary["checkpoints"] == rows
    assert done.summary["threads"] == 3
    assert done.summary["writes"] == sum(len(one.pending_writes or []) for one in before.values()) > 50
    with home.saver() as saver:
        assert readable(everything(saver)) == readable(before)
        assert expected is not None
        assert saver.get_tuple(config("waiting/%41 🚆")) == expected
        app = graph(saver)
        result = app.invoke(Command(resume="no"), config("waiting/%41 🚆"))
        assert result["seen"][-1] == "answer: no"
        assert result["legs"][0].price == 0.1 and result["note"].tags == {"night"}


def test_what_moved_in_moves_out_again(database: Database, other: Database, home: Home) -> None:
    with database.saver() as saver:
        write_history(saver)
        before = everything(saver)
    assert home.run("import", database.kind, database.place).code == 0
    done = home.run("export", other.kind, other.place, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.summary["copied"] == len(before)
    with other.saver() as saver:
        assert readable(everything(saver)) == readable(before)
    writes = "SELECT thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type FROM {} ORDER BY 1, 2, 3, 4, 6"
    tables = {"sqlite": "writes", "postgres": "checkpoint_writes"}
    assert other.execute(writes.format(tables[other.kind])) == database.execute(writes.format(tables[database.kind]))
    again = home.run("export", other.kind, other.place, "--json")
    assert again.summary["already_there"] == len(before)


def test_bytes_of_the_same_saver_are_the_same(home: Home, tmp_path: Path) -> None:
    source, target = Database("sqlite", str(tmp_path / "a")), Database("sqlite", str(tmp_path / "b"))
    with source.saver() as saver:
        write_history(saver)
    assert home.run("import", "sqlite", source.place).code == 0
    assert home.run("export", "sqlite", target.place).code == 0
    for table in ("checkpoints", "writes"):
        query = f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 6"
        assert target.execute(query) == source.execute(query)


def test_an_import_that_was_killed_is_resumed(database: Database, home: Home) -> None:
    count = 60
    with database.saver() as saver:
        put_line(saver, "a", count)
        put_line(saver, "b", count)
        before = everything(saver)
    kills = 0
    for wanted in (10, 70):
        running = subprocess.Popen(home.command("import", database.kind, database.place), stderr=subprocess.DEVNULL)
        while running.poll() is None:
            if (home.root / "persist-store.json").exists() and saved(home) >= wanted:
                running.send_signal(signal.SIGKILL)
                running.wait()
        kills += running.returncode == -signal.SIGKILL
    assert kills == 2
    partly = saved(home)
    assert 70 <= partly < 2 * count
    done = home.run("import", database.kind, database.place, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.summary["already_there"] + done.summary["completed"] == partly
    assert done.summary["completed"] <= 1
    assert done.summary["copied"] == 2 * count - partly
    with home.saver() as saver:
        assert readable(everything(saver)) == readable(before)
    assert home.run("import", database.kind, database.place, "--json").summary["already_there"] == 2 * count


def test_an_interrupted_import_says_how_to_go_on(home: Home, tmp_path: Path) -> None:
    source = Database("sqlite", str(tmp_path / "a"))
    with source.saver() as saver:
        put_line(saver, "a", 100)
    messages = tmp_path / "messages"
    with messages.open("w") as stderr:
        running = subprocess.Popen(
            home.command("import", "sqlite", source.place),
            stderr=stderr,
            # Whoever started the tests may have had the signal ignored, which children inherit.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    while running.poll() is None:
        if (home.root / "persist-store.json").exists() and saved(home) >= 5:
            running.send_signal(signal.SIGINT)
            running.wait()
    assert running.returncode == 130
    assert messages.read_text().endswith("; run the same command again to go on\n")
    assert home.run("import", "sqlite", source.place).code == 0


def saved(home: Home) -> int:
    """Counts the checkpoints that are in the store."""
    with Store.open(home.config) as store:
        return sum(1 for _ in store.list("langgraph"))


def test_an_export_that_was_killed_is_resumed(database: Database, home: Home) -> None:
    count = 100
    with home.saver() as saver:
        put_line(saver, "a", count)
        before = everything(saver)
    with database.saver():
        pass
    running = subprocess.Popen(home.command("export", database.kind, database.place), stderr=subprocess.DEVNULL)
    while running.poll() is None:
        try:
            present = database.execute("SELECT count(*) FROM checkpoints")[0][0]
        except sqlite3.OperationalError:
            continue
        if present >= 20:
            running.send_signal(signal.SIGKILL)
            running.wait()
    assert running.returncode == -signal.SIGKILL
    done = home.run("export", database.kind, database.place, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.summary["already_there"] + done.summary["completed"] >= 20
    assert done.summary["copied"] > 0
    with database.saver() as saver:
        assert readable(everything(saver)) == readable(before)


def test_what_came_since_is_added(database: Database, home: Home) -> None:
    with database.saver() as saver:
        put_line(saver, "a", 3)
        assert home.run("import", database.kind, database.place).code == 0
        saver.put_writes(at("a", 2), [("c", 1)], "task-new", "~z")
        saver.put_writes(at("a", 2), [("__resume__", ["yes"])], "task-2", "~path")
        saver.put(at("a", 2), plain_checkpoint(3), {"source": "loop", "step": 3}, {"n": f"{3:032}.0"})
        before = everything(saver)
    done = home.run("import", database.kind, database.place, "--json").summary
    assert (done["copied"], done["completed"], done["already_there"], done["writes"]) == (1, 1, 2, 2)
    with home.saver() as saver:
        assert readable(everything(saver)) == readable(before)


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
    source, target = Database("sqlite", str(tmp_path / "a")), _new(request, "postgres", tmp_path, "target")
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
    target = _new(request, "postgres", tmp_path, "target")
    with home.saver() as saver:
        for thread, value in (("float", 1e16), ("zero", "a\0b"), ("good", 1e15)):
            put_line(saver, thread, 1, value=value)
    done = home.run("export", "postgres", target.place, "--json")
    assert (done.code, done.summary["copied"], done.summary["failed"]) == (4, 1, 2)
    assert {error["context"]["thread_id"]: error["kind"] for error in done.errors} == {
        "float": "integrity",
        "zero": "invalid_input",
    }


def test_encrypted_values_are_copied_with_their_key(tmp_path: Path) -> None:
    serde = EncryptedSerializer.from_pycryptodome_aes(OpaqueSerializer(), key=b"0123456789abcdef")
    source = Database("sqlite", str(tmp_path / "a"))
    with source.saver() as saver:
        saver.serde = EncryptedSerializer.from_pycryptodome_aes(key=b"0123456789abcdef")
        put_line(saver, "a", 3, secret="tell nobody")
        before = readable(everything(saver))
    home = Home(tmp_path)
    assert home.run("import", "sqlite", source.place, "--json").summary["failed"] == 3
    with home.saver() as saver, SqliteCheckpoints(source.place, serde=serde) as checkpoints:
        summary = copy(checkpoints, PersistCheckpoints(saver, serde=serde))
        assert (summary.copied, summary.exit_code) == (3, 0)
        saver.serde = EncryptedSerializer.from_pycryptodome_aes(key=b"0123456789abcdef")
        assert readable(everything(saver)) == before
    with Store.open(home.config) as store:
        assert b"tell nobody" not in store.restore_bytes("langgraph", "a")


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
    source = _new(request, "postgres", tmp_path, "source")
    with source.saver() as saver:
        put_line(saver, "a", 3)
    source.execute("CREATE ROLE reader LOGIN PASSWORD 'read-only'")
    source.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    dsn = source.place.replace(f"postgres:{postgres_server.PASSWORD}", "reader:read-only")
    done = home.run("import", "postgres", dsn, "--json")
    assert (done.code, done.summary["copied"]) == (0, 3)


def test_threads_can_be_chosen_and_agents_kept_apart(home: Home, tmp_path: Path) -> None:
    source = Database("sqlite", str(tmp_path / "a"))
    with source.saver() as saver:
        for thread in ("a", "b", "c"):
            put_line(saver, thread, 2)
    done = home.run("import", "sqlite", source.place, "--thread", "a", "--thread", "c", "--agent", "planner", "--json")
    assert (done.code, done.summary["threads"], done.summary["copied"]) == (0, 2, 4)
    absent = home.run("import", "sqlite", source.place, "--thread", "d", "--json")
    assert (absent.code, absent.errors[0]["code"]) == (3, "thread_not_found")
    with home.saver("planner") as saver:
        assert {key[0] for key in everything(saver)} == {"a", "c"}
    with home.saver() as saver:
        assert everything(saver) == {}


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


def test_an_empty_source_is_copied(database: Database, home: Home) -> None:
    with database.saver() as saver:
        assert list(saver.list(None)) == []
    done = home.run("import", database.kind, database.place)
    assert done.code == 0
    assert "0 checkpoints in 0 threads" in done.out
    nothing = home.run("export", database.kind, database.place, "--json")
    assert (nothing.code, nothing.errors[0]["kind"]) == (3, "not_found")
