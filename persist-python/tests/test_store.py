"""Every verb of the store, on every kind of storage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from persist_agents import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    OtherError,
    Save,
    Snapshot,
    Store,
    UsageError,
)

STATE = {"step": 1, "plan": ["book", "pack"], "done": False}


def test_a_state_comes_back_with_all_that_was_recorded(store: Store) -> None:
    before = datetime.now(timezone.utc)
    saved = store.save(
        "planner", "trip-7", STATE, description="first", labels={"kind": "x"}, name="start", expect_parent="empty"
    )
    text = b'{"step":1,"plan":["book","pack"],"done":false}'
    assert store.restore("planner", "trip-7") == STATE
    assert store.restore_bytes("planner", "trip-7", 0) == text
    assert (saved.agent_id, saved.session_id, saved.snapshot_index) == ("planner", "trip-7", 0)
    assert saved.content_hash == sha256(text).hexdigest()
    assert (saved.content_length, saved.media_type, saved.codec) == (len(text), "application/json", "gzip")
    assert (saved.description, saved.labels, saved.name) == ("first", {"kind": "x"}, "start")
    assert (saved.parent_index, saved.forked_from) == (None, None)
    assert saved.timestamp.tzinfo is timezone.utc
    assert timedelta(seconds=-1) < saved.timestamp - before < timedelta(hours=1)
    assert store.show("planner", "trip-7") == saved
    assert store.show("planner", "trip-7", name="start") == saved
    assert store.read("planner", "trip-7", name="start") == (saved, text)
    assert hash(store.show("planner", "trip-7")) == hash(saved)
    assert repr(saved) == f"<Snapshot planner/trip-7@0: {len(text)} bytes>"
    as_dict = saved.to_dict()
    assert as_dict["snapshot_index"] == 0
    assert datetime.fromisoformat(as_dict["timestamp"].replace("Z", "+00:00")) == saved.timestamp


def test_parents_names_and_expectations(store: Store) -> None:
    for step in range(3):
        store.save("a", "s", {"step": step}, name=f"n{step}")
    assert store.save("a", "s", {"step": "1b"}, parent=1).parent_index == 1
    with pytest.raises(ConflictError) as caught:
        store.save("a", "s", {}, expect_parent=1)
    assert caught.value.exit_code == 5
    with pytest.raises(ConflictError):
        store.save("a", "s", {}, expect_parent="empty")
    with pytest.raises(ConflictError):
        store.save("a", "s", {}, name="n0")
    with pytest.raises(InvalidInputError):
        store.restore("a", "s", 0, name="n0")
    assert store.restore("a", "s", name="n2") == {"step": 2}


def test_saving_again_with_a_write_id_stores_once(store: Store) -> None:
    write_id = "0123456789abcdef0123456789abcdef"
    first = store.save("a", "s", {"x": 1}, write_id=write_id)
    assert store.save("a", "s", {"x": 1}, write_id=write_id) == first
    assert first.write_id == write_id
    assert len(list(store.list())) == 1


def test_what_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.restore("a", "s")
    store.save("a", "s", 1)
    for call in (
        lambda: store.restore("a", "s", 1),
        lambda: store.show("a", "s", name="nobody"),
        lambda: store.read("a", "other"),
        lambda: store.read_attachment("a", "s", 0, "nothing"),
        lambda: store.attach("a", "s", 7, "x", b""),
        lambda: store.delete("a", "s", [3]),
    ):
        with pytest.raises(NotFoundError) as caught:
            call()
        assert isinstance(caught.value, LookupError)


def test_listings(store: Store) -> None:
    for session, count in (("one", 3), ("two", 70), ("three", 1)):
        for step in range(count):
            store.save("a", session, step)
    store.save("b", "one", 0)
    found = [(one.agent_id, one.session_id, one.snapshot_index) for one in store.list()]
    assert len(found) == 75
    assert found == sorted(found)
    assert [one.snapshot_index for one in store.list("a", "two")] == list(range(70))
    assert [one.snapshot_index for one in store.list("a", "two", start=68)] == [68, 69]
    assert list(store.list("a", "two", start=70)) == []
    assert list(store.list("nobody")) == []
    assert list(store.sessions()) == [("a", "one"), ("a", "three"), ("a", "two"), ("b", "one")]
    assert list(store.sessions("b")) == [("b", "one")]
    with pytest.raises(InvalidInputError):
        store.list(session="one")
    with pytest.raises(InvalidInputError):
        store.list("a", start=1)


def test_a_listing_can_be_left_early(store: Store) -> None:
    for step in range(200):
        store.save("a", "s", step)
    listing = store.list()
    assert next(listing).snapshot_index == 0
    del listing
    assert store.restore("a", "s") == 199


def test_deletion_pruning_and_collection(store: Store) -> None:
    for step in range(10):
        store.save("a", "s", {"step": step, "text": "word " * 100}, labels={"keep": "yes"} if step == 4 else None)
    assert store.delete("a", "s", [0, 1]) == {"deleted": [0, 1], "already_deleted": []}
    assert store.delete("a", "s", [1, 2]) == {"deleted": [2], "already_deleted": [1]}
    planned = store.prune("a", "s", keep_last=2, keep_labels=["keep=yes"], dry_run=True)
    assert planned["delete"] == [3, 5, 6, 7]
    assert planned["result"] is None
    assert [(kept["snapshot_index"], kept["reasons"]) for kept in planned["keep"]] == [
        (4, ["label keep=yes"]),
        (8, ["last"]),
        (9, ["newest", "last"]),
    ]
    assert len(list(store.list())) == 7
    assert store.prune("a", "s", keep_last=2, keep_labels=["keep=yes"])["result"] == {
        "deleted": [3, 5, 6, 7],
        "already_deleted": [],
    }
    assert [one.snapshot_index for one in store.list("a", "s")] == [4, 8, 9]
    before = store.stats("a", "s")
    assert (before["snapshots"], before["unreadable"]) == (3, 0)
    collected = store.collect("a", "s", compact=True)
    assert (collected["left"], collected["unreadable"]) == (0, 0)
    assert store.stats("a", "s")["deleted_snapshots"] == 0
    assert [store.restore("a", "s", index)["step"] for index in (4, 8, 9)] == [4, 8, 9]
    assert store.delete("a", "s")["deleted"] == [4, 8, 9]
    with pytest.raises(UsageError):
        store.prune("a", "s")
    for bad in ({"keep_within": "3 days"}, {"keep_labels": ["=x"]}, {"keep_last": 1, "timezone": "Nowhere"}):
        wrong: dict[str, Any] = bad
        with pytest.raises(InvalidInputError):
            store.prune("a", "s", **wrong)


def test_labels_and_forks(store: Store) -> None:
    store.save("a", "s", {"x": 1}, labels={"one": "1", "two": "2"})
    assert store.label("a", "s", 0, {"one": None, "three": "3"}).labels == {"two": "2", "three": "3"}
    assert store.show("a", "s").labels == {"two": "2", "three": "3"}
    forked = store.fork("a", "s", None, "a", "other")
    assert (forked.forked_from, forked.labels) == ("a/s@0", {"two": "2", "three": "3"})
    assert store.restore("a", "other") == {"x": 1}
    with pytest.raises(ConflictError):
        store.fork("a", "s", 0, "a", "other")


def test_attachments(store: Store) -> None:
    store.save("a", "s", 1)
    first = store.attach("a", "s", 0, "notes", b"one", media_type="text/plain")
    assert (first.name, first.version, first.content_length, first.media_type) == ("notes", 0, 3, "text/plain")
    assert store.attach("a", "s", 0, "notes", bytearray(b"one"), media_type="text/plain") == first
    assert store.attach("a", "s", None, "notes", memoryview(b"two")).version == 1
    assert store.read_attachment("a", "s", 0, "notes") == b"two"
    assert store.attach("a", "s", 0, "notes", b"three", mode="keep").version == 1
    with pytest.raises(ConflictError):
        store.attach("a", "s", 0, "notes", b"three", mode="once")
    store.attach("a", "s", 0, "empty", b"")
    assert [one.name for one in store.attachments("a", "s")] == ["empty", "notes"]
    assert store.attachments("a", "s")[1].to_dict()["version"] == 1
    with Store(storage={"adapter": "memory"}) as other:
        other.save("a", "s", 1)
        assert store.copy_attachments(other, "a", "s", 0) == 2
        assert other.read_attachment("a", "s", 0, "notes") == b"two"
    not_bytes: Any = "text"
    with pytest.raises(TypeError):
        store.attach("a", "s", 0, "notes", not_bytes)
    no_mode: Any = "never"
    with pytest.raises(InvalidInputError):
        store.attach("a", "s", 0, "notes", b"", mode=no_mode)


def test_differences(store: Store) -> None:
    store.save("a", "s", {"x": 1, "l": [1, 2]})
    store.save("a", "s", {"x": 2, "l": [1, 2]})
    store.save("a", "s", b"\x00\x01\x02")
    store.save("a", "t", {"x": 1, "l": [1, 2]})
    found = store.diff("a", "s", 0, 1)
    assert found["comparison"] == "json"
    assert found["patch"] == [{"op": "replace", "path": "/x", "value": 2}]
    assert (found["equal"], found["old"].snapshot_index, found["new"].snapshot_index) == (False, 0, 1)
    assert store.diff("a", "s", 0, new_session=("a", "t"))["equal"]
    raw = store.diff("a", "s", 0)
    assert raw["comparison"] == "raw"
    assert (raw["first_difference"], raw["equal"], raw["reason"]) == (0, False, None)


def test_many_saves_at_once(store: Store) -> None:
    saves = [Save("a", f"s{number % 5}", {"number": number}) for number in range(50)]
    results = store.save_many(saves, concurrency=4)
    assert all(isinstance(result, Snapshot) for result in results)
    assert [store.restore("a", f"s{number % 5}", number // 5) for number in range(50)] == [
        {"number": number} for number in range(50)
    ]
    failing = [Save("a", "s0", 1, expect_parent=99), Save("a", "s0", 2), Save("b", "s0", 3)]
    first, second, third = store.save_many(failing)
    assert isinstance(first, ConflictError)
    assert isinstance(second, OtherError)
    assert isinstance(third, Snapshot)
    with pytest.raises(InvalidInputError):
        store.save_many([Save("a", "new", 1), Save("a", "new", {1})])
    assert list(store.list("a", "new")) == []


def test_verification_finds_damage_and_goes_on(local_storage: Mapping[str, Any]) -> None:
    with Store(storage=local_storage, compression=None) as store:
        for step in range(3):
            store.save("a", "s", b"%d" % step * 1000)
        assert all(row.error is None for row in store.verify(data=True))
        damaged = Path(local_storage["root"]) / "agents/a/s/d/0000000001"
        content = bytearray(damaged.read_bytes())
        content[-100] ^= 1
        damaged.write_bytes(content)
    with Store(storage=local_storage) as store:
        rows = list(store.verify("a", "s"))
        assert [row.snapshot_index for row in rows] == [0, 1, 2]
        assert rows[0].error is None
        assert rows[1].error is not None
        assert (rows[1].error.kind, rows[1].error.exit_code) == ("integrity", 4)
        damaged.write_bytes(b"PERSIST nothing of the kind")
        listing = store.list("a", "s")
        assert next(listing).snapshot_index == 0
        with pytest.raises(Exception, match="a/s@1"):
            next(listing)
        assert next(listing).snapshot_index == 2
        with pytest.raises(StopIteration):
            next(listing)


def test_archives(store: Store, tmp_path: Path) -> None:
    for step in range(5):
        store.save("a", "s", {"step": step})
    store.save("b", "s", 1)
    archive = tmp_path / "archive.tar"
    exported = store.export(archive)
    assert (exported["sessions"], exported["snapshots"]) == (2, 6)
    with pytest.raises(ConflictError):
        store.export(archive)
    assert store.export(archive, "a", overwrite=True)["sessions"] == 1
    with Store(storage={"adapter": "memory"}) as other:
        (imported,) = other.import_(archive)
        assert (imported["agent_id"], imported["session_id"], imported["copied"]) == ("a", "s", 5)
        assert [one.content_hash for one in other.list()] == [one.content_hash for one in store.list("a")]
        assert other.import_(archive)[0]["copied"] == 0
        assert store.copy(other, "b", "s")["copied"] == 1
        other.save("b", "s", 2)
        store.save("b", "s", 3)
        with pytest.raises(ConflictError):
            store.copy(other, "b", "s")
    with pytest.raises(NotFoundError):
        store.import_(tmp_path / "nothing.tar")
    with pytest.raises(NotFoundError):
        store.export(tmp_path / "empty.tar", "nobody")
    assert not (tmp_path / "empty.tar").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_closed_store_says_so(storage: Mapping[str, Any]) -> None:
    with Store(storage=storage) as store:
        store.save("a", "s", 1)
    for call in (lambda: store.restore("a", "s"), lambda: store.list(), lambda: store.save("a", "s", 2)):
        with pytest.raises(UsageError) as caught:
            call()
        assert caught.value.code == "store_closed"
    store.close()


def test_ids_that_cannot_be_used(memory: Store) -> None:
    for agent, session in (("", "s"), ("a", ""), ("a\n", "s"), ("a", "x" * 201)):
        with pytest.raises(InvalidInputError) as caught:
            memory.save(agent, session, 1)
        assert caught.value.code == "invalid_id"
    for index in (-1, 2**70, 10**10):
        with pytest.raises((InvalidInputError, OverflowError)):
            memory.restore("a", "s", index)
    assert memory.save("a/b", "ü @%", 1).session_id == "ü @%"
