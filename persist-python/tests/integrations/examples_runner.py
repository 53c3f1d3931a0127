"""Runs scripts as their users do, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(name: str, *arguments: Path) -> str:
    """Returns what an example prints."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def missing_extra(module: str, package: str) -> str:
    """Returns the error of importing a module where a package of its extra is missing."""
    script = f"import sys; sys.modules[{package!r}] = None; import {module}"
    done = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]
