"""What a migration tells, as both stores collect it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from persist_agents._errors import OtherError
from persist_agents._types import MigrationReport, MigrationRow


class Collector:
    """Takes the lines of a migration as they come: one for each session, and the sums at the end."""

    def __init__(self, on_session: Callable[[MigrationRow], object] | None) -> None:
        self._on_session = on_session
        self._failed: list[MigrationRow] = []

    def take(self, lines: list[dict[str, Any] | Exception]) -> MigrationReport | None:
        """Tell of the sessions among these lines, and give back the report if the last line is there.

        Raises what the migration as a whole failed with, and what `on_session` raises.
        """
        if not lines:
            message = "the migration ended without telling what it came to; the same call continues it"
            raise OtherError(message, code="migration_ended")
        for line in lines:
            if isinstance(line, Exception):
                raise line
            if "summary" in line:
                return MigrationReport(summary=line["summary"], failed=self._failed)
            row = MigrationRow(**line)
            if row.error is not None:
                self._failed.append(row)
            if self._on_session is not None:
                self._on_session(row)
        return None
