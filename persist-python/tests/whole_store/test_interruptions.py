"""Migrations that end early, and are continued."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from persist_agents import MigrationRow, Store

from .stores import MANY, contents, fill_with_many, on_disk

TIMEOUT = 120

OTHER_PROCESS = """
import signal, sys, threading
from persist_agents import Store

# Whoever started the tests may have had the signal ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

def on_session(row):
    if row.session_id == "0003":
        print("begun", flush=True)
        if sys.argv[3] == "wait":
            threading.Event().wait()

def on_disk(root):
    return Store(storage={"adapter": "local", "root": root, "fsync": False})

with on_disk(sys.argv[1]) as source, on_disk(sys.argv[2]) as target:
    try:
        source.migrate(target, on_session=on_session)
    except KeyboardInterrupt as error:
        # The store goes on working, and nothing is copied any more but what the next call copies.
        report = source.migrate(target, verify=True)
        print("interrupted", report.summary["verified"], len(report.failed))
"""


def test_a_migration_that_was_killed_is_continued(tmp_path: Path) -> None:
    with on_disk(tmp_path / "source") as source:
        fill_with_many(source)
        command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path / "source"), str(tmp_path / "target"), "wait"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout
            assert running.stdout.readline() == "begun\n"
            running.kill()
            assert running.wait(TIMEOUT) == -signal.SIGKILL
        with on_disk(tmp_path / "target") as target:
            partly = sum(1 for _ in target.list())
            assert 0 < partly < 2 * MANY
            rows: list[MigrationRow] = []
            report = source.migrate(target, on_session=rows.append)
            assert report.failed == []
            assert report.summary["copied"] == 2 * MANY - partly
            assert report.summary["present_sessions"] >= 4
            assert [row.session_id for row in rows] == [f"{number:04}" for number in range(MANY)]
            checked = source.migrate(target, verify=True).summary
            assert (checked["present_sessions"], checked["verified"]) == (MANY, 2 * MANY)
            assert contents(target) == contents(source)


def test_ctrl_c_ends_a_migration_and_the_next_call_goes_on(tmp_path: Path) -> None:
    with on_disk(tmp_path / "source") as source:
        fill_with_many(source)
    command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path / "source"), str(tmp_path / "target"), "go on"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert running.stdout.readline() == "begun\n"
        running.send_signal(signal.SIGINT)
        told, errors = running.communicate(timeout=TIMEOUT)
    assert (told, running.returncode) == (f"interrupted {2 * MANY} 0\n", 0), errors


def test_what_is_closed_ends_and_tells_no_sums(memory: Store) -> None:
    fill_with_many(memory)
    with Store(storage={"adapter": "memory"}) as target:
        rows = memory._native.migrate(target._native, False, False)
        told = rows.next().wait()
        rows.close()
        while batch := rows.next().wait():
            told += batch
        assert 0 < len(told) < MANY
        assert not [one for one in told if isinstance(one, Exception) or "summary" in one]


def test_what_the_callback_raises_ends_it(memory: Store) -> None:
    fill_with_many(memory)
    told: list[MigrationRow] = []

    def stop(row: MigrationRow) -> None:
        told.append(row)
        if len(told) == 3:
            raise LookupError("enough")

    with Store(storage={"adapter": "memory"}) as target:
        with pytest.raises(LookupError, match="enough"):
            memory.migrate(target, on_session=stop)
        assert len(told) == 3
        assert 3 <= sum(1 for _ in target.sessions()) < MANY
        assert memory.migrate(target, verify=True).summary["verified"] == 2 * MANY
