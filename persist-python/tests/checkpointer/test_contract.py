"""What a checkpointer must do beyond what LangGraph's suite asks."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME
from persist_agents import IntegrityError, InvalidInputError, Store
from persist_agents.langgraph import AsyncPersistSaver, PersistSaver

from .conftest import OpenStore
from .helpers import at, checkpoint, conf, got, id_of, ids, put


def writes(saver: PersistSaver, config: Any) -> list[tuple[str, str, Any]]:
    """The pending writes of a checkpoint."""
    return got(saver, config).pending_writes or []


def test_the_latest_is_the_one_with_the_highest_id_whatever_came_last(saver: PersistSaver) -> None:
    for checkpoint_id in ("3", "1", "2"):
        put(saver, at("t"), checkpoint_id, a=checkpoint_id)
    assert got(saver, at("t")).checkpoint["channel_values"] == {"a": "3"}
    assert ids(saver, at("t")) == ["3", "2", "1"]


def test_one_id_in_two_namespaces_is_two_checkpoints(saver: PersistSaver) -> None:
    put(saver, at("t"), "1", a="root")
    put(saver, at("t", checkpoint_ns="a|b"), "1", a="child")
    put(saver, at("t", checkpoint_ns="a"), "b/1", a="other")
    put(saver, at("t", checkpoint_ns="a/b"), "1", a="another")
    assert got(saver, at("t", "1")).checkpoint["channel_values"] == {"a": "root"}
    assert got(saver, at("t", "1", "a|b")).checkpoint["channel_values"] == {"a": "child"}
    assert got(saver, at("t", "b/1", "a")).checkpoint["channel_values"] == {"a": "other"}
    assert got(saver, at("t", "1", "a/b")).checkpoint["channel_values"] == {"a": "another"}
    assert len(ids(saver, {"configurable": {"thread_id": "t"}})) == 4


def test_values_come_back_as_they_were(saver: PersistSaver) -> None:
    messages = [HumanMessage("hi", id="1"), AIMessage("é\n\0", id="2", tool_calls=[])]
    values: dict[str, Any] = {
        "messages": messages,
        "bytes": b"\x00\xff",
        "floats": [0.1, -0.0, float("inf"), 1e300],
        "keys": {1: "a", (2, 3): "b", None: "c"},
        "set": {1, 2},
        "none": None,
        "big": 2**63,
    }
    put(saver, at("t"), **values)
    assert got(saver, at("t")).checkpoint["channel_values"] == values


def test_a_value_that_cannot_be_deserialized_raises(open_store: OpenStore) -> None:
    class Broken(JsonPlusSerializer):
        def loads_typed(self, data: tuple[str, bytes]) -> Any:
            raise RuntimeError("cannot be read")

    with PersistSaver(open_store()) as saver:
        put(saver, at("t"), a=1)
        saver.serde = Broken()
        with pytest.raises(RuntimeError, match="cannot be read"):
            saver.get_tuple(at("t"))
        with pytest.raises(RuntimeError, match="cannot be read"):
            list(saver.list(at("t")))


def test_a_damaged_state_raises(tmp_path: Path) -> None:
    root = tmp_path / "store"
    with PersistSaver(root) as saver:
        put(saver, at("t"), a=1)
    (record,) = root.glob("agents/langgraph/t/d/*")
    record.write_bytes(record.read_bytes()[:-40] + b"x" * 40)
    with PersistSaver(root) as saver, pytest.raises(IntegrityError):
        saver.get_tuple(at("t"))


def test_a_state_of_somebody_else_under_a_checkpoints_labels_raises(open_store: OpenStore) -> None:
    store = open_store()
    store.save("langgraph", "t", {"other": 1}, name="1", labels={"checkpoint_ns": ""})
    with PersistSaver(store) as saver, pytest.raises(IntegrityError, match="not that of a LangGraph checkpoint"):
        saver.get_tuple(at("t"))


def test_snapshots_of_others_in_the_session_are_passed_over(open_store: OpenStore) -> None:
    store = open_store()
    with PersistSaver(store) as saver:
        store.save("langgraph", "t", {"by": "hand"}, name="zzz")
        assert saver.get_tuple(at("t")) is None
        put(saver, at("t"), "1", a=1)
        assert ids(saver, at("t")) == ["1"]


def test_encrypted_values_are_kept_as_they_are(tmp_path: Path) -> None:
    class Xor:
        def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
            return "xor", bytes(byte ^ 0x55 for byte in plaintext)

        def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
            assert ciphername == "xor"
            return bytes(byte ^ 0x55 for byte in ciphertext)

    serde = EncryptedSerializer(Xor(), JsonPlusSerializer())
    store = Store(storage={"adapter": "local", "root": tmp_path / "store"}, compression=None)
    with PersistSaver(store, serde=serde) as saver:
        config = put(saver, at("t"), secret="plaintext-of-the-state")
        saver.put_writes(config, [("secret", "plaintext-of-a-write")], "task")
        assert got(saver, at("t")).checkpoint["channel_values"] == {"secret": "plaintext-of-the-state"}
        assert writes(saver, at("t")) == [("task", "secret", "plaintext-of-a-write")]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert b"plaintext" not in stored


def test_the_allowlist_of_a_clone_is_honoured_and_the_store_shared(open_store: OpenStore) -> None:
    serde = JsonPlusSerializer(allowed_msgpack_modules=None)
    with PersistSaver(open_store(), serde=serde) as saver:
        clone = saver.with_allowlist([("some.module", "Class")])
        assert clone is not saver
        assert isinstance(clone, PersistSaver)
        assert clone.serde is not saver.serde
        put(saver, at("t"), "1", a=1)
        assert ids(clone, at("t")) == ["1"]


def test_the_metadata_of_the_config_is_kept(saver: PersistSaver) -> None:
    config = at("t")
    conf(config)["user"] = "ann"
    config["metadata"] = {"run_id": "r", "thread_id": "not kept"}
    put(saver, config, metadata={"source": "input", "step": -1, "parents": {"": "x"}})
    assert got(saver, at("t")).metadata == {
        "source": "input",
        "step": -1,
        "parents": {"": "x"},
        "user": "ann",
        "run_id": "r",
    }


def test_ordinary_writes_stay_and_special_ones_are_replaced(saver: PersistSaver) -> None:
    config = put(saver, at("t"))
    saver.put_writes(config, [("a", 1), ("b", 2)], "task", "path")
    saver.put_writes(config, [("a", "other"), ("b", 2), ("c", 3)], "task", "path")
    assert writes(saver, config) == [("task", "a", 1), ("task", "b", 2), ("task", "c", 3)]
    saver.put_writes(config, [(INTERRUPT, "first")], "task", "path")
    saver.put_writes(config, [(INTERRUPT, "second"), (RESUME, [1])], "task", "path")
    saver.put_writes(config, [(RESUME, [1, 2])], "task", "path")
    assert [write for write in writes(saver, config) if write[1] in (INTERRUPT, RESUME)] == [
        ("task", RESUME, [1, 2]),
        ("task", INTERRUPT, "second"),
    ]
    # Among ordinary ones, a special one stays like them.
    saver.put_writes(config, [("d", 4), (ERROR, "first")], "mixed")
    saver.put_writes(config, [("d", 5), (ERROR, "second")], "mixed")
    assert [write for write in writes(saver, config) if write[0] == "mixed"] == [
        ("mixed", ERROR, "first"),
        ("mixed", "d", 4),
    ]


def test_writes_come_in_the_order_of_paths_tasks_and_positions(saver: PersistSaver) -> None:
    config = put(saver, at("t"))
    saver.put_writes(config, [("x", 1), ("y", 2)], "b", "~2")
    saver.put_writes(config, [("x", 3)], "a", "~2")
    saver.put_writes(config, [("x", 4)], "c", "~1")
    saver.put_writes(config, [("x", 5)], "d")
    assert [write[2] for write in writes(saver, config)] == [5, 4, 3, 1, 2]


def test_writes_may_come_before_their_checkpoint_and_without_it(open_store: OpenStore) -> None:
    with PersistSaver(open_store()) as saver, PersistSaver(open_store()) as other:
        saver.put_writes(at("t", "7"), [("a", 1)], "early")
        saver.put_writes(at("t", "7"), [(INTERRUPT, "old")], "early")
        assert saver.get_tuple(at("t")) is None
        assert saver.get_tuple(at("t", "7")) is None
        assert ids(saver, at("t")) == []
        put(other, at("t"), "7", value=1)
        other.put_writes(at("t", "7"), [("b", 2)], "late")
        other.put_writes(at("t", "7"), [(INTERRUPT, "new")], "early")
        other.put_writes(at("t", "7"), [("a", "other")], "early")
        expected = [("early", INTERRUPT, "new"), ("early", "a", 1), ("late", "b", 2)]
        assert writes(saver, at("t")) == expected
        assert writes(other, at("t")) == expected


def test_writes_wait_for_a_checkpoint_that_is_on_its_way(open_store: OpenStore) -> None:
    class Slow(JsonPlusSerializer):
        def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
            if isinstance(obj, dict) and "channel_values" in obj:
                time.sleep(0.3)
            return super().dumps_typed(obj)

    store = open_store()
    with PersistSaver(store, serde=Slow()) as saver:
        saving = threading.Thread(target=lambda: put(saver, at("t"), "1", a=1))
        saving.start()
        time.sleep(0.05)
        saver.put_writes(at("t", "1"), [("a", 2)], "task")
        saving.join()
        assert [snapshot.name for snapshot in store.list("langgraph", "t")] == ["1"]
        assert writes(saver, at("t")) == [("task", "a", 2)]


def test_the_same_checkpoint_again_changes_nothing(open_store: OpenStore) -> None:
    store = open_store()
    with PersistSaver(store) as saver:
        made = checkpoint("1", a=1)
        for _ in range(2):
            saver.put(at("t"), made, {"source": "loop", "step": 1}, {})
        assert len(list(store.list("langgraph", "t"))) == 1


def test_another_checkpoint_with_the_same_id_replaces_it_and_keeps_its_writes(open_store: OpenStore) -> None:
    store = open_store()
    with PersistSaver(store) as saver, PersistSaver(open_store()) as other:
        parent = put(saver, at("t"), "1", a=1)
        child = put(saver, parent, "2", a=2)
        saver.put_writes(parent, [("a", "pending")], "task")
        for value in (10, 11):
            put(saver, at("t"), "1", a=value)
            for reader in (saver, other):
                assert got(reader, parent).checkpoint["channel_values"] == {"a": value}
                assert writes(reader, parent) == [("task", "a", "pending")]
                assert ids(reader, at("t")) == ["2", "1"]
        assert got(saver, child).parent_config == parent
        assert [snapshot.name for snapshot in store.list("langgraph", "t")] == ["2", "1%v2"]


def test_two_processes_that_save_the_same_checkpoint_do_no_harm(open_store: OpenStore) -> None:
    with PersistSaver(open_store()) as one, PersistSaver(open_store()) as two:
        made = checkpoint("1", a=1)
        for saver in (one, two):
            saver.put(at("t"), made, {"source": "loop", "step": 1}, {})
        one.put_writes(at("t", "1"), [("a", 1)], "task-1")
        two.put_writes(at("t", "1"), [("a", 2)], "task-2")
        for saver in (one, two):
            assert ids(saver, at("t")) == ["1"]
            assert [write[2] for write in writes(saver, at("t"))] == [1, 2]


def test_what_another_process_did_is_seen_at_once(any_store: OpenStore) -> None:
    with PersistSaver(any_store()) as one, PersistSaver(any_store()) as two:
        config = at("t")
        for step in range(6):
            saver, reader = (one, two) if step % 2 else (two, one)
            config = put(saver, config, f"{step}", step=step)
            assert got(reader, at("t")).checkpoint["channel_values"] == {"step": step}
            saver.put_writes(config, [("step", step)], "task")
            assert writes(reader, at("t")) == [("task", "step", step)]
        assert got(one, config).parent_config == at("t", "4")
        one.prune(["t"])
        assert ids(two, at("t")) == ["5"]
        two.delete_thread("t")
        assert one.get_tuple(at("t")) is None
        put(one, at("t"), "0", step="anew")
        assert got(two, at("t")).checkpoint["channel_values"] == {"step": "anew"}


def test_a_parent_that_was_deleted_by_others_keeps_nobody_from_saving(open_store: OpenStore) -> None:
    with PersistSaver(open_store()) as one, PersistSaver(open_store()) as two:
        parent = put(one, at("t"), "1", a=1)
        two.delete_thread("t")
        child = put(one, parent, "2", a=2)
        assert got(two, child).parent_config == parent
        assert ids(one, at("t")) == ["2"]


def test_listing_filters_and_limits(saver: PersistSaver) -> None:
    for step in range(6):
        metadata: Any = {"source": "loop" if step % 2 else "input", "step": step, "tags": ["a", step]}
        put(saver, at("t"), str(step), metadata=metadata)
    put(saver, at("u"), "9", metadata={"source": "input", "step": 9})
    assert ids(saver, at("t"), filter={"source": "input"}) == ["4", "2", "0"]
    assert ids(saver, at("t"), filter={"tags": ["a", 3]}) == ["3"]
    assert ids(saver, at("t"), filter={"step": 2, "source": "loop"}) == []
    assert ids(saver, at("t"), filter={"absent": None}, limit=1) == ["5"]
    assert ids(saver, at("t"), before=at("t", "3"), limit=2) == ["2", "1"]
    assert ids(saver, at("t"), limit=0) == []
    assert ids(saver, at("t", "3")) == ["3"]
    assert ids(saver, None, filter={"source": "input"}) == ["9", "4", "2", "0"]
    assert ids(saver, at("nobody")) == []


def test_deleting_a_run_reaches_every_thread_and_namespace(saver: PersistSaver) -> None:
    for thread in ("t", "u"):
        for checkpoint_ns in ("", "child"):
            for run in ("a", "b"):
                metadata: Any = {"source": "loop", "step": 1, "run_id": run}
                put(saver, at(thread, checkpoint_ns=checkpoint_ns), run, metadata=metadata)
    saver.delete_for_runs(["a", "nobody"])
    assert ids(saver, None) == ["b"] * 4


def test_what_was_deleted_is_erased(tmp_path: Path) -> None:
    root = tmp_path / "store"
    with PersistSaver(Store(storage={"adapter": "local", "root": root}, compression=None)) as saver:
        config = at("t")
        for step in range(5):
            config = put(saver, config, str(step), log=[f"secret-{number}" for number in range(step)])
            saver.put_writes(config, [("log", f"written-{step}")], "task")
        put(saver, config, "5", log="kept")

        def stored() -> bytes:
            return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())

        assert b"secret-1" in stored()
        saver.prune(["t"])
        assert got(saver, at("t")).checkpoint["channel_values"] == {"log": "kept"}
        assert b"secret-" not in stored()
        assert b"written-" not in stored()
        saver.delete_thread("t")
        assert b"kept" not in stored()
        saver.prune(["t"], strategy="delete")
        with pytest.raises(InvalidInputError, match="unknown strategy"):
            saver.prune(["t"], strategy="keep-latest")


def test_a_copy_has_everything_and_can_be_repeated(any_store: OpenStore) -> None:
    with PersistSaver(any_store()) as saver, PersistSaver(any_store()) as other:
        config = at("t")
        for step in range(4):
            config = put(saver, config, str(step), log=list(range(step)))
            saver.put_writes(config, [("log", step), (INTERRUPT, step)], f"task-{step}")
        put(saver, at("t", checkpoint_ns="child"), "0", a=1)
        saver.put_writes(at("t", "early"), [("a", 1)], "task")
        put(saver, at("u"), "1", a="replaced")
        put(saver, at("u"), "9", a="kept")
        for copier in (saver, other):
            copier.copy_thread("t", "u")
            assert ids(copier, at("u")) == ["9", "3", "2", "1", "0"]
            for found in copier.list({"configurable": {"thread_id": "t"}}):
                thread: Any = {"configurable": {**conf(found.config), "thread_id": "u"}}
                copied = got(copier, thread)
                assert copied[1:3] == found[1:3]
                assert copied.pending_writes == found.pending_writes
        saver.delete_thread("t")
        assert got(other, at("u", "3")).checkpoint["channel_values"] == {"log": [0, 1, 2]}
        saver.copy_thread("u", "u")
        saver.copy_thread("nobody", "v")
        assert saver.get_tuple(at("v")) is None


def test_a_session_that_was_forked_by_hand_is_a_thread(open_store: OpenStore) -> None:
    store = open_store()
    with PersistSaver(store) as saver:
        parent = put(saver, at("t"), "1", a=1)
        put(saver, parent, "2", a=2)
        store.fork("langgraph", "t", 0, "langgraph", "u")
        found = got(saver, at("u"))
        assert (id_of(found.config), found.checkpoint["channel_values"]) == ("1", {"a": 1})
        child = put(saver, found.config, "3", a=3)
        saver.put_writes(found.config, [("a", 4)], "task")
        assert ids(saver, at("u")) == ["3", "1"]
        assert got(saver, child).parent_config == found.config
        assert store.show("langgraph", "u").parent_index == 0


@pytest.mark.parametrize(
    "thread",
    ["a/b", "..", "%", "50%25", "", "é\U0001f600", "line\nbreak\x00", "UPPER", "x" * 200, "\x85"],
)
def test_any_thread_id_is_its_own_thread(open_store: OpenStore, thread: str) -> None:
    store = open_store()
    with PersistSaver(store) as saver:
        others = ["b", "%25", "%%", " ", "upper", "x" * 199, "line%0Abreak%00"]
        for other in others:
            put(saver, at(other), "0", of=other)
        put(saver, at(thread), "1", of=thread)
        assert got(saver, at(thread)).checkpoint["channel_values"] == {"of": thread}
        listed = {conf(found.config)["thread_id"] for found in saver.list(None)}
        assert listed == {thread, *others}


def test_a_number_is_a_thread_id_like_its_text(saver: PersistSaver) -> None:
    config = put(saver, {"configurable": {"thread_id": 7, "checkpoint_ns": ""}}, "1", a=1)
    assert conf(config)["thread_id"] == 7
    assert ids(saver, at("7")) == ["1"]


@pytest.mark.parametrize("thread", ["x" * 201, "%" * 70, "\ud800"])
def test_a_thread_id_that_the_store_cannot_have_is_refused(saver: PersistSaver, thread: str) -> None:
    with pytest.raises(InvalidInputError):
        put(saver, at(thread), a=1)
    with pytest.raises(InvalidInputError):
        saver.get_tuple({"configurable": {}})


def test_long_and_strange_names_are_kept_apart(saver: PersistSaver) -> None:
    namespaces = ["|".join(f"node:{number}" for number in range(60)), "n" * 170, "n" * 171, "a%2Fb", "~", "\t"]
    names = ["1" * 300, "1" * 301, "a/b", "~~" + "0" * 64, "1%w", "1%v1", "\n"]
    for number, checkpoint_ns in enumerate(["", *namespaces]):
        for name in names:
            config = put(saver, at("t", checkpoint_ns=checkpoint_ns), name, of=[number, name])
            saver.put_writes(config, [("of", name)], "task" * 60)
    for number, checkpoint_ns in enumerate(["", *namespaces]):
        assert ids(saver, at("t", checkpoint_ns=checkpoint_ns)) == sorted(names, reverse=True)
        for name in names:
            found = got(saver, at("t", name, checkpoint_ns))
            assert found.checkpoint["channel_values"] == {"of": [number, name]}
            assert found.pending_writes == [("task" * 60, "of", name)]


def test_versions_grow_in_the_kind_that_the_thread_has(saver: PersistSaver) -> None:
    assert [saver.get_next_version(None, None), saver.get_next_version(1, None)] == [1, 2]
    text = saver.get_next_version("00000000000000000000000000000009.0.5", None)
    assert text.startswith("00000000000000000000000000000010.0.")


def test_a_directory_is_enough_and_agents_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with PersistSaver("store") as saver, PersistSaver(tmp_path / "store", agent="other") as other:
        put(saver, at("t"), "1", a=1)
        assert other.get_tuple(at("t")) is None
        assert ids(other, None) == []
    with PersistSaver("store") as saver:
        assert ids(saver, None) == ["1"]


def test_a_store_that_does_not_exist_yet_is_empty(saver: PersistSaver) -> None:
    assert saver.get_tuple(at("t")) is None
    assert ids(saver, at("t")) == ids(saver, None) == []
    saver.delete_thread("t")
    saver.delete_for_runs(["r"])
    saver.prune(["t"])
    saver.copy_thread("t", "u")


def test_both_kinds_of_methods_see_the_same(open_store: OpenStore) -> None:
    async def main() -> None:
        async with AsyncPersistSaver(open_store()) as saver:
            config = await saver.aput(at("t"), checkpoint("1", a=1), {"source": "loop", "step": 1}, {})
            # A synchronous call inside the running loop works.
            child = put(saver, config, "2", a=2)
            saver.put_writes(child, [("a", 1)], "task-1")
            saver.put_writes(at("t", "nobody"), [("a", 1)], "task-1")
            await saver.aput_writes(child, [("a", 2)], "task-2")
            found = await saver.aget_tuple(at("t"))
            assert found == saver.get_tuple(at("t"))
            assert found is not None
            assert [write[2] for write in found.pending_writes or []] == [1, 2]
            assert [id_of(one.config) async for one in saver.alist(at("t"))] == ids(saver, at("t")) == ["2", "1"]

    asyncio.run(asyncio.wait_for(main(), 60))


def test_an_empty_checkpoint_is_one(saver: PersistSaver) -> None:
    made = empty_checkpoint()
    config = saver.put(at("t"), made, {}, {})
    assert got(saver, config).checkpoint == made
    assert got(saver, config).metadata == {}
