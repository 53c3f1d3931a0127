"""What LangGraph wrote is there for the `persist` command: it lists, shows, compares, prunes and forks it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import persist_agents
import pytest
from langchain_core.messages import HumanMessage
from persist_agents.langgraph import PersistSaver

from .helpers import at, got, ids, put

COMMAND = os.environ.get("PERSIST_E2E_BIN", "")


@pytest.mark.skipif(not COMMAND, reason="PERSIST_E2E_BIN does not name the persist command")
def test_the_command_reads_and_changes_what_a_graph_wrote(tmp_path: Path) -> None:
    config_file = tmp_path / "persist.toml"
    config_file.write_text(f'[stores.main]\nstorage = {{ adapter = "local", root = "{tmp_path}/store" }}\n')
    plugins = Path(persist_agents.__file__).parent / "plugins"

    def persist(*arguments: str, code: int = 0) -> Any:
        command = [COMMAND, "--config", str(config_file), "--plugin-dir", str(plugins), "--json", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    with PersistSaver(tmp_path / "store") as saver:
        first = put(saver, at("trip-7"), "1", messages=[HumanMessage("book a flight", id="a")], budget=100)
        saver.put_writes(first, [("budget", 90)], "task-1", "~agent")
        second = put(saver, first, "2", messages=[HumanMessage("book a flight", id="a")], budget=90)
        put(saver, at("trip-7", checkpoint_ns="hotel|room:1"), "3", nights=2)

        rows = persist("list", "langgraph/trip-7")
        assert [(row["name"], row["parent_index"]) for row in rows] == [("1", None), ("2", 0), ("hotel|room:1/3", 1)]
        assert rows[2]["labels"] == {"checkpoint_ns": "hotel|room:1", "source": "loop", "step": "1"}
        assert persist("show", "--name", "2", "langgraph/trip-7")[0]["snapshot_index"] == 1
        text = json.dumps(persist("diff", "langgraph/trip-7@0", "langgraph/trip-7@1"))
        assert "budget" in text
        assert "book a flight" not in text
        (attached,) = persist("attachment", "list", "langgraph/trip-7@0")
        assert attached["name"] == "task-1.0"
        restored = subprocess.run(
            [COMMAND, "--config", config_file, "--plugin-dir", plugins, "restore", "langgraph/trip-7@1"],
            check=True,
            capture_output=True,
        )
        state = json.loads(restored.stdout)
        assert state["parent_checkpoint_id"] == "1"
        assert state["checkpoint"]["channel_values"]["budget"] == 90
        (message,) = state["checkpoint"]["channel_values"]["messages"]
        assert message["$ext"][1][2]["content"] == "book a flight"

        persist("fork", "langgraph/trip-7@1", "langgraph/trip-8")
        assert got(saver, at("trip-8")).checkpoint == got(saver, second).checkpoint
        persist("prune", "langgraph/trip-7", "--keep-last", "2", "--yes")
        assert ids(saver, {"configurable": {"thread_id": "trip-7"}}) == ["3", "2"]
        assert got(saver, second).parent_config == first
