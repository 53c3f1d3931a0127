"""What a migration does and tells."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from persist_agents import (
    ConflictError,
    IntegrityError,
    InvalidInputError,
    MigrationReport,
    MigrationRow,
    NotFoundError,
    Store,
    UsageError,
)
from persist_agents._types import Migrated, MigrationSummary

from .stores import SESSIONS, SNAPSHOTS, contents, fill, on_disk

REPOSITORY = Path(__file__).parents[3]


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def migrations(rows: list[MigrationRow]) -> list[str]:
    """What was done about each session; all of them must have been migrated."""
    found: list[str] = []
    for row in rows:
        assert row.error is None and row.result is not None, row
        found.append(row.result["migration"])
    return found


def test_a_whole_store_is_migrated(store: Store, memory: Store) -> None:
    fill(store)
    before = contents(store)
    rows: list[MigrationRow] = []
    report = store.migrate(memory, on_session=rows.append)
    assert [(row.agent_id, row.session_id) for row in rows] == SESSIONS
    assert migrations(rows) == ["copied"] * 4
    assert report.failed == []
    summary = report.summary
    assert (summary["sessions"], summary["copied_sessions"], summary["failed_sessions"]) == (4, 4, 0)
    assert summary["copied"] == summary["verified"] == SNAPSHOTS
    lengths = [snapshot.content_length for snapshot in store.list()]
    assert summary["state_bytes"] == sum(lengths)
    assert summary["copied_bytes"] == sum(snapshot.stored_bytes for snapshot in memory.list())
    assert len(before) == SNAPSHOTS
    assert contents(store) == before
    assert contents(memory) == before
    # What was deleted stays so, and its index is used up.
    with pytest.raises(NotFoundError):
        memory.show("a", "s", 2)
    assert memory.save("b", "gone", "next").snapshot_index == store.save("b", "gone", "next").snapshot_index > 2
    assert memory.restore("a", "s", name="step 4") == {"step": 4}
    with pytest.raises(ConflictError):
        memory.save("a", "s", 1, name="step 4")


def test_again_there_is_nothing_to_do(memory: Store, tmp_path: Path) -> None:
    fill(memory)
    with on_disk(tmp_path) as target:
        memory.migrate(target)
        before = files(tmp_path)
        rows: list[MigrationRow] = []
        report = memory.migrate(target, on_session=rows.append)
    assert migrations(rows) == ["present"] * 4
    assert (report.summary["present_sessions"], report.summary["copied"], report.summary["verified"]) == (4, 0, 0)
    assert [row.result["verified"] for row in rows if row.result] == [None] * 4
    assert files(tmp_path) == before


def test_what_changed_since_is_brought_over(memory: Store, tmp_path: Path) -> None:
    fill(memory)
    with on_disk(tmp_path) as target:
        memory.migrate(target)
        memory.save("a", "s", "newer")
        memory.delete("a", "s", [0])
        memory.label("a", "s", 3, {"state": "better"})
        memory.attach("a", "s", 1, "notes", b"third")
        memory.save("c", "new", 1)
        report = memory.migrate(target, verify=True)
        assert (report.summary["copied"], report.summary["deleted"], report.failed) == (2, 1, [])
        assert (report.summary["copied_sessions"], report.summary["present_sessions"]) == (2, 3)
        assert contents(target) == contents(memory)


def test_a_dry_run_tells_and_writes_nothing(memory: Store, tmp_path: Path) -> None:
    fill(memory)
    with on_disk(tmp_path) as target:
        rows: list[MigrationRow] = []
        report = memory.migrate(target, dry_run=True, on_session=rows.append)
        assert migrations(rows) == ["planned"] * 4
        missing = [row.result["missing"] for row in rows if row.result]
        assert missing[0] == 1
        assert None not in missing
        assert (report.summary["planned_sessions"], report.summary["copied"]) == (4, 0)
        assert files(tmp_path) == {}
        memory.migrate(target)
        memory.save("a", "s", "newer")
        before = files(tmp_path)
        planned = memory.migrate(target, dry_run=True)
        assert (planned.summary["planned_sessions"], planned.summary["missing"]) == (1, 1)
        assert planned.summary["present_sessions"] == 3
        assert files(tmp_path) == before


def test_verifying_restores_every_copy_and_names_what_is_damaged(memory: Store, tmp_path: Path) -> None:
    fill(memory)
    with on_disk(tmp_path) as target:
        memory.migrate(target)
        assert memory.migrate(target, verify=True).summary["verified"] == SNAPSHOTS
    damaged = tmp_path / "agents/a/s/d/0000000003"
    content = bytearray(damaged.read_bytes())
    content[-20] ^= 1
    damaged.write_bytes(content)
    with on_disk(tmp_path) as target:
        report = memory.migrate(target, verify=True)
    (failed,) = report.failed
    assert (failed.agent_id, failed.session_id, failed.result) == ("a", "s", None)
    assert isinstance(failed.error, IntegrityError)
    assert "a/s@3" in str(failed.error)
    assert report.summary["present_sessions"] == 3


def test_verifying_finds_what_only_the_target_has(memory: Store, tmp_path: Path) -> None:
    fill(memory)
    with on_disk(tmp_path) as target:
        memory.migrate(target)
        target.attach("a", "s", 4, "own", b"attached in the target")
        assert memory.migrate(target).failed == []
        (failed,) = memory.migrate(target, verify=True).failed
        assert failed.error is not None
        assert (failed.error.kind, failed.error.code) == ("integrity", "copy_differs")
        assert 'different attachment "own"' in str(failed.error)


@pytest.mark.parametrize("verify", [False, True])
def test_a_session_that_went_its_own_way_is_named_and_the_others_are_moved(
    memory: Store, tmp_path: Path, verify: bool
) -> None:
    fill(memory)
    with on_disk(tmp_path) as target:
        target.save("a", "s", "the target's own")
        rows: list[MigrationRow] = []
        report = memory.migrate(target, verify=verify, on_session=rows.append)
        (failed,) = report.failed
        assert rows[1] is failed
        assert (failed.agent_id, failed.session_id, failed.result) == ("a", "s", None)
        assert isinstance(failed.error, ConflictError)
        assert (failed.error.code, failed.error.exit_code) == ("copy_diverged", 5)
        assert failed.error.context["snapshot"] == "a/s@0"
        assert migrations([rows[0], *rows[2:]]) == ["copied"] * 3
        assert (report.summary["failed_sessions"], report.summary["copied_sessions"]) == (1, 3)
        assert target.restore("a", "s") == "the target's own"
        own = {key: value for key, value in contents(memory).items() if not key.startswith("a/s@")}
        assert {key: value for key, value in contents(target).items() if not key.startswith("a/s@")} == own


def test_an_attachment_of_the_targets_own_is_a_conflict_and_stays(memory: Store) -> None:
    fill(memory)
    with Store(storage={"adapter": "memory"}) as target:
        memory.migrate(target)
        target.attach("a", "s", 1, "notes", b"the target's own")
        memory.save("a", "s", "newer")
        (failed,) = memory.migrate(target).failed
        assert isinstance(failed.error, ConflictError)
        assert failed.error.code == "copy_diverged"
        with pytest.raises(ConflictError) as caught:
            memory.copy(target, "a", "s")
        assert caught.value.code == "copy_diverged"
        with pytest.raises(ConflictError):
            memory.copy_attachments(target, "a", "s", 1)
        assert target.read_attachment("a", "s", 1, "notes") == b"the target's own"
        # Its snapshots are copied by then.
        assert target.restore("a", "s") == "newer"


def test_what_is_no_session_is_a_row_without_ids(tmp_path: Path, memory: Store) -> None:
    with on_disk(tmp_path) as source:
        fill(source)
        stray = tmp_path / "agents/a/%/d/0000000000"
        stray.parent.mkdir(parents=True)
        stray.write_bytes(b"x")
        report = source.migrate(memory)
        (failed,) = report.failed
        assert (failed.agent_id, failed.session_id) == (None, None)
        assert isinstance(failed.error, IntegrityError)
        assert (report.summary["sessions"], report.summary["copied_sessions"]) == (5, 4)


def test_calls_that_make_no_sense(memory: Store, tmp_path: Path) -> None:
    with on_disk(tmp_path / "target") as target:
        with pytest.raises(NotFoundError) as missing:
            memory.migrate(target)
        assert missing.value.code == "store_not_found"
        memory.save("a", "s", 1)
        with pytest.raises(UsageError) as itself:
            memory.migrate(memory)
        assert itself.value.code == "migrate_into_itself"
        with pytest.raises(InvalidInputError) as both:
            memory.migrate(target, verify=True, dry_run=True)
        assert both.value.code == "verify_in_dry_run"
        for call in (
            lambda: memory.migrate(wrong),
            lambda: memory.copy(wrong, "a", "s"),
            lambda: memory.copy_attachments(wrong, "a", "s", 0),
        ):
            wrong: Any = "target"
            with pytest.raises(TypeError, match="the target is str; expected a store"):
                call()
        number: Any = "yes"
        with pytest.raises(TypeError):
            memory.migrate(target, verify=number)
        target.close()
        with pytest.raises(UsageError) as closed:
            memory.migrate(target)
        assert closed.value.code == "store_closed"
    assert not (tmp_path / "target").exists()


def test_a_target_that_keeps_nothing_is_refused(memory: Store, tmp_path: Path) -> None:
    memory.save("a", "s", 1)
    config = tmp_path / "persist.toml"
    config.write_text('[stores.volatile]\nstorage = { adapter = "memory" }\n')
    with Store.open(config) as target, pytest.raises(InvalidInputError) as caught:
        memory.migrate(target)
    assert caught.value.code == "storage_not_durable"


def test_what_the_storage_refuses_is_told_of_each_session(memory: Store, tmp_path: Path) -> None:
    fill(memory)
    with on_disk(tmp_path) as target:
        target.save("a", "other", 1)
        (tmp_path / "agents" / "b").write_text("in the way")
        report = memory.migrate(target)
        assert [(failed.agent_id, failed.session_id) for failed in report.failed] == SESSIONS[2:]
        for failed in report.failed:
            assert failed.error is not None
            assert failed.error.causes
        assert report.summary["copied_sessions"] == 2
        (tmp_path / "agents" / "b").unlink()
        assert memory.migrate(target, verify=True).failed == []


def test_the_documentation_has_the_same_keys() -> None:
    text = (REPOSITORY / "docs" / "cli.md").read_text()
    (section,) = re.findall(r"^### `persist migrate .*?(?=^### )", text, re.MULTILINE | re.DOTALL)
    table = section[section.index("| key of `result` |") :]
    rows = re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE)
    assert [key for row in rows for key in re.findall(r"`(\w+)`", row)] == [*Migrated.__annotations__]
    told = section[section.index("`summary` has") :]
    assert {*re.findall(r"`(\w+)`", told)} == {"summary", *MigrationSummary.__annotations__}


def test_the_command_tells_the_same(tmp_path: Path) -> None:
    if "PERSIST_E2E_BIN" not in os.environ:
        pytest.skip("no command: `cargo xtask test` builds it")
    names = ("source", "python", "command")
    config = tmp_path / "persist.toml"
    config.write_text(
        "".join(f'[stores.{name}]\nstorage = {{ adapter = "local", root = "{tmp_path}/{name}" }}\n' for name in names)
    )
    rows: list[MigrationRow] = []
    with Store.open(config, "source") as source, Store.open(config, "python") as target:
        fill(source)
        with Store.open(config, "command") as other:
            for each in (target, other):
                each.save("b", "gone", "the target's own")
        report = source.migrate(target, on_session=rows.append)
    command = [os.environ["PERSIST_E2E_BIN"], "--config", str(config), "migrate", "--json"]
    ended = subprocess.run(
        [*command, "--from", "source", "--to", "command"], capture_output=True, text=True, timeout=60, check=False
    )
    *told, last = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [(one["agent_id"], one["session_id"], one["result"]) for one in told] == [
        (row.agent_id, row.session_id, row.result) for row in rows
    ]
    assert [one["error"] and one["error"]["code"] for one in told] == [row.error and row.error.code for row in rows]
    assert last["summary"] == report.summary
    assert [failed.error and failed.error.exit_code for failed in report.failed] == [ended.returncode] == [5]
    assert isinstance(report, MigrationReport)
