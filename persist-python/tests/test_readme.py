"""The README's section for Python, followed to the letter in a new virtual environment."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"

# The one thing that is not done again: the wheel has been built, in the profile that the tests are built in.
PRELUDE = 'cargo() { test "$*" = "xtask wheel"; }\n'


def section() -> str:
    found = re.search(r"^## From Python\n(.*?)^## ", README.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_readme_leads_to_a_saved_state(tmp_path: Path) -> None:
    if "PERSIST_TEST_WHEEL" not in os.environ:
        pytest.skip("no wheel: `cargo xtask test` builds one")
    wheel = Path(os.environ["PERSIST_TEST_WHEEL"])
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "wheels").symlink_to(wheel.parent)
    (commands,) = re.findall(r"^```sh\n(.*?)^```", section(), re.MULTILINE | re.DOTALL)
    (program,) = re.findall(r"^```python\n(.*?)^```", section(), re.MULTILINE | re.DOTALL)
    (tmp_path / "agent.py").write_text(program)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    script = PRELUDE + commands + ".venv/bin/python agent.py\n"
    ended = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    rows = [line.split() for line in lines[-4:-1]]
    assert [row[:2] for row in rows] == [["0", "flight"], ["1", "hotel"], ["2", "train"]]
    assert lines[-1] == "{'goal': 'book a trip', 'done': ['flight', 'hotel']}"
    assert (tmp_path / "snapshots" / "agents" / "planner").is_dir()


def test_the_command_reads_what_python_wrote(tmp_path: Path) -> None:
    if "PERSIST_E2E_BIN" not in os.environ:
        pytest.skip("no command: `cargo xtask test` builds it")
    from persist_agents import Store

    config = tmp_path / "persist.toml"
    config.write_text(f'[stores.main]\nstorage = {{ adapter = "local", root = "{tmp_path}/store" }}\n')
    with Store.open(config) as store:
        store.save("a", "s", {"x": [1, 2.5, "ü"]})
    command = [os.environ["PERSIST_E2E_BIN"], "--config", str(config)]
    shown = subprocess.run([*command, "restore", "a/s"], capture_output=True, timeout=60, check=True)
    assert shown.stdout == '{"x":[1,2.5,"ü"]}'.encode()
    subprocess.run([*command, "save", "a/s"], input=b'{"from": "the command"}', timeout=60, check=True)
    with Store.open(config) as store:
        assert store.restore("a", "s", 1) == {"from": "the command"}
