"""An agent that is killed between any two steps and resumed in a new process ends as if nothing had happened."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_a_killed_agent_ends_as_if_it_had_not_been() -> None:
    script = Path(__file__).with_name("crashing_agent.py")
    done = subprocess.run([sys.executable, str(script)], check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["log"] == [
        "task",
        "left after 1",
        "right after 1",
        "went back",
        *report["log"][4:],
    ]
    assert report["log"][-1].startswith("finish after")
    assert report["calls"] > 20
    assert report["killed"] == report["calls"]
    assert report["differing"] == [], done.stderr
