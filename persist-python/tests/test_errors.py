"""The exceptions, and that they are the library's kinds of errors and the command's exit codes."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import persist_agents
import pytest
from persist_agents import NotFoundError, PersistError, Store
from persist_agents._errors import CLASSES
from persist_agents._persist import ERROR_KINDS

REPOSITORY = Path(__file__).parents[2]


def test_every_kind_has_a_class_and_the_commands_exit_code() -> None:
    # `ERROR_KINDS` comes from the library; that the command exits with its numbers is a test of the command.
    assert {kind: one.kind for kind, one in CLASSES.items()} == {kind: kind for kind in ERROR_KINDS}
    for kind, one in CLASSES.items():
        error = one("something")
        assert error.exit_code == ERROR_KINDS[kind]
        assert issubclass(one, PersistError)
        assert getattr(persist_agents, one.__name__) is one
        assert one.__name__ in persist_agents.__all__
        assert one.__name__ == "".join(word.capitalize() for word in kind.split("_")) + "Error"


def test_the_documentation_has_the_same_table() -> None:
    text = (REPOSITORY / "docs" / "python.md").read_text()
    rows = re.findall(r"^\| `(\w+Error)`[^|]*\| `(\w+)` \| (\d) \|", text, re.MULTILINE)
    assert {(name, kind, int(code)) for name, kind, code in rows} == {
        (one.__name__, kind, ERROR_KINDS[kind]) for kind, one in CLASSES.items()
    }


def test_an_error_tells_all_that_is_known(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(PersistError) as caught:
        Store(storage={"adapter": "local", "root": str(blocked / "store")}).save("a", "s", 1)
    error = caught.value
    assert error.causes
    assert str(error).startswith(f"{error.message}: {error.causes[0]}")
    chain: list[str] = []
    cause = error.__cause__
    while cause is not None:
        chain.append(str(cause))
        cause = cause.__cause__
    assert tuple(chain) == error.causes


def test_an_error_survives_its_way_between_processes(memory: Store) -> None:
    with pytest.raises(NotFoundError) as caught:
        memory.restore("a", "nobody")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy), copy.code, copy.context, copy.hint, copy.causes) == (
        NotFoundError,
        str(caught.value),
        caught.value.code,
        caught.value.context,
        caught.value.hint,
        caught.value.causes,
    )
