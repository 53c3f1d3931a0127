"""Copies that were killed or interrupted, and are continued."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from pathlib import Path

from persist_agents import Store

from .history import everything, readable
from .places import Database, Home, put_line


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
