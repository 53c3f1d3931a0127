"""What moves in and out again, and what of it is asked for."""

from __future__ import annotations

from pathlib import Path

from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.types import Command
from persist_agents import Store
from persist_agents.langgraph.migrate import OpaqueSerializer, PersistCheckpoints, SqliteCheckpoints, copy

from .history import config, everything, graph, readable, write_history
from .places import Database, Home, at, plain_checkpoint, put_line


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


def test_an_empty_source_is_copied(database: Database, home: Home) -> None:
    with database.saver() as saver:
        assert list(saver.list(None)) == []
    done = home.run("import", database.kind, database.place)
    assert done.code == 0
    assert "0 checkpoints in 0 threads" in done.out
    nothing = home.run("export", database.kind, database.place, "--json")
    assert (nothing.code, nothing.errors[0]["kind"]) == (3, "not_found")
