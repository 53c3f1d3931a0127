"""A real PostgreSQL server for tests, private to them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "correct-horse-battery"


@dataclass(frozen=True)
class Server:
    """A server that is running."""

    port: int

    def dsn(self, database: str = "postgres", password: str = PASSWORD) -> str:
        """Returns the connection string of a database."""
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/{database}"


def binaries() -> Path | None:
    """Returns the directory of the newest server programs, as Debian installs them; None if there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def server(programs: Path) -> Iterator[Server]:
    """Runs a server on a free port, whose data is in a temporary directory."""
    # The server refuses to run as root, and its socket's path must be short.
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    directory = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        (directory / "password").write_text(PASSWORD)
        if user:
            for path in (directory, directory / "password"):
                shutil.chown(path, "postgres")
        data = directory / "data"
        _run(
            *user, programs / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", "-N", "--locale=C.UTF-8",
            f"--pwfile={directory / 'password'}",
        )  # fmt: skip
        port = _free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {directory}"
        _run(*user, programs / "pg_ctl", "-D", data, "-w", "-l", directory / "log", "-o", options, "start")
        try:
            yield Server(port)
        finally:
            _run(*user, programs / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        command,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stdout}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
