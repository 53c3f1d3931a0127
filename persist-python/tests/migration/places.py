"""LangGraph's own databases, checkpoints in them, and the command beside a store."""

from __future__ import annotations

import io
import json
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
from langgraph.checkpoint.sqlite import SqliteSaver
from persist_agents import Store
from persist_agents.langgraph import PersistSaver
from persist_agents.langgraph.migrate.cli import main

from . import postgres_server


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


def new_database(request: pytest.FixtureRequest, kind: str, directory: Path, name: str) -> Database:
    """Makes the place of a database: a file that is not there yet, or an empty database of the test server."""
    if kind == "sqlite":
        return Database(kind, str(directory / f"{name} ü%?.sqlite"))
    server: postgres_server.Server = request.getfixturevalue("server")
    number = len(_names)
    _names.append(name)
    with psycopg.connect(server.dsn(), autocommit=True) as client:
        client.execute(f"CREATE DATABASE {name}_{number}".encode())
    return Database(kind, server.dsn(f"{name}_{number}"))


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


def plain_checkpoint(number: int, **values: Any) -> Any:
    """Returns a checkpoint with an id that is its number."""
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
    """Returns where the checkpoint with a number lies."""
    return {"configurable": {"thread_id": thread, "checkpoint_ns": "", "checkpoint_id": f"{number:08}"}}


@contextmanager
def _sqlite(path: str) -> Iterator[BaseCheckpointSaver[Any]]:
    with SqliteSaver.from_conn_string(path) as saver:
        yield saver


@contextmanager
def _postgres(dsn: str) -> Iterator[BaseCheckpointSaver[Any]]:
    with PostgresSaver.from_conn_string(dsn) as saver:
        saver.setup()
        yield saver


_names: list[str] = []
