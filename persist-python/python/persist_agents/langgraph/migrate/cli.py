"""The command ``persist-langgraph``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from persist_agents import PersistError

from .checkpoints import Checkpoints
from .copying import Summary, copy
from .errors import document

_INTERRUPTED = 130
_TERMINAL_SECONDS = 0.2
_LOG_SECONDS = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code, which means what it means for ``persist``."""
    options = _parser().parse_args(arguments)
    report = _Report(options.json, options.quiet)
    try:
        with ExitStack() as stack:
            database = stack.enter_context(_database(options))
            store = stack.enter_context(_store(options))
            source, target = (database, store) if options.command == "import" else (store, database)
            report.begin(source, target)
            summary = copy(
                source, target, threads=options.thread, on_progress=report.progress, on_problem=report.problem
            )
    except PersistError as error:
        report.problem(error)
        return error.exit_code
    except KeyboardInterrupt:
        report.interrupted()
        return _INTERRUPTED
    report.end(source, target, summary)
    return summary.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="persist-langgraph",
        description="Copies LangGraph's checkpoints from its own savers into Persist, and back. Every copy is read back and"
        " compared. What is there and equal is passed over, so a run that was interrupted is repeated; what differs is"
        " reported and never overwritten.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command, text in (
        ("import", "copy from LangGraph's saver into Persist"),
        ("export", "copy from Persist into LangGraph's saver"),
    ):
        kinds = commands.add_parser(command, help=text, description=text).add_subparsers(dest="kind", required=True)
        sqlite = kinds.add_parser("sqlite", help="a file of SqliteSaver or AsyncSqliteSaver")
        sqlite.add_argument("place", metavar="PATH", help="the file")
        postgres = kinds.add_parser("postgres", help="a database of PostgresSaver or AsyncPostgresSaver")
        postgres.add_argument(
            "place",
            metavar="DSN",
            help="libpq's connection string or URI; other users of the machine see it, so leave the password to PGPASSWORD or"
            " the password file",
        )
        for kind in (sqlite, postgres):
            kind.add_argument("--thread", action="append", metavar="ID", help="only this thread; may be repeated")
            kind.add_argument("--config", metavar="FILE", help="Persist's config file; otherwise found as persist does")
            kind.add_argument("--store", metavar="NAME", help="the store, by its name in the config")
            kind.add_argument("--agent", metavar="ID", help="the agent that PersistSaver has been given")
            kind.add_argument(
                "--plugin-dir", action="append", default=[], metavar="DIR", help="a directory to search for plugins"
            )
            kind.add_argument("--json", action="store_true", help="the summary and errors as JSON")
            kind.add_argument("--quiet", "-q", action="store_true", help="nothing but the summary and errors")
    return parser


def _database(options: argparse.Namespace) -> Checkpoints:
    writable = options.command == "export"
    if options.kind == "sqlite":
        from .sqlite import SqliteCheckpoints

        return SqliteCheckpoints(options.place, writable=writable)
    from .postgres import PostgresCheckpoints

    return PostgresCheckpoints(options.place, writable=writable)


def _store(options: argparse.Namespace) -> Checkpoints:
    from .persist import PersistCheckpoints

    return PersistCheckpoints.open(options.config, options.store, agent=options.agent, plugin_path=options.plugin_dir)


class _Report:
    """What people and programs are told: the summary on standard output, all else on standard error."""

    def __init__(self, as_json: bool, quiet: bool) -> None:
        self._json = as_json
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._total: int | None = None
        self._shown = time.monotonic()
        self._summary = Summary()

    def begin(self, source: Checkpoints, target: Checkpoints) -> None:
        """Says what is about to happen."""
        self._total = source.count()
        self._say(f"copying {self._all()} from {source.name} to {target.name}")

    def progress(self, summary: Summary) -> None:
        """Says how far it is, from time to time."""
        self._summary = summary
        now = time.monotonic()
        if now - self._shown < (_TERMINAL_SECONDS if self._terminal else _LOG_SECONDS):
            return
        self._shown = now
        text = f"{summary.checkpoints} of {self._all()}, {summary.threads} threads done"
        if not self._terminal:
            self._say(text)
        elif not self._quiet:
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)

    def problem(self, problem: PersistError) -> None:
        """Reports an error as ``persist`` does."""
        error = document(problem)
        if self._json:
            print(json.dumps({"error": error}), file=sys.stderr)
            return
        lines = [f"error: {error['message']}"]
        lines += [f"  cause: {cause}" for cause in error["causes"]]
        lines += [f"  {name}: {value}" for name, value in error["context"].items()]
        if error["hint"]:
            lines.append(f"  hint: {error['hint']}")
        self._clear()
        print("\n".join(lines), file=sys.stderr)

    def interrupted(self) -> None:
        """Reports that the user ended it."""
        self._clear()
        text = f"interrupted after {self._summary.checkpoints} checkpoints; run the same command again to go on"
        if self._json:
            error: dict[str, Any] = {
                "kind": "interrupted",
                "code": "interrupted",
                "message": text,
                "causes": [],
                "context": {},
            }
            print(json.dumps({"error": {**error, "hint": None, "exit_code": _INTERRUPTED}}), file=sys.stderr)
        else:
            print(f"error: {text}", file=sys.stderr)

    def end(self, source: Checkpoints, target: Checkpoints, summary: Summary) -> None:
        """Prints the summary."""
        self._clear()
        if self._json:
            counts = {"checkpoints": summary.checkpoints, **asdict(summary)}
            print(json.dumps({"source": source.name, "target": target.name, **counts}))
            return
        print(
            f"{summary.checkpoints} checkpoints in {summary.threads} threads: {summary.copied} copied, {summary.completed}"
            f" completed, {summary.already_there} there already, {summary.differing} differing, {summary.failed} failed,"
            f" {summary.vanished} vanished; {summary.writes} pending writes stored"
        )
        if summary.orphaned_writes:
            print(f"{summary.orphaned_writes} pending writes in the source belong to no checkpoint and were left out")

    def _all(self) -> str:
        return "all checkpoints" if self._total is None else f"{self._total} checkpoints"

    def _say(self, text: str) -> None:
        if not self._quiet and not self._json:
            print(text, file=sys.stderr)

    def _clear(self) -> None:
        if self._terminal and not self._quiet:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
