"""Errors, in the form in which the ``persist`` command prints its own."""

from __future__ import annotations

from typing import Any

from persist_agents import PersistError


def document(error: PersistError) -> dict[str, Any]:
    """Returns an error as the JSON object that the ``persist`` command prints."""
    causes: list[str] = []
    cause = error.__cause__
    while cause is not None:
        causes.append(_text(cause))
        cause = cause.__cause__
    return {
        "kind": error.kind,
        "code": error.code,
        "message": error.message,
        "causes": causes,
        "context": dict(error.context),
        "hint": error.hint,
        "exit_code": error.exit_code,
    }


def _text(error: BaseException) -> str:
    if isinstance(error, PersistError):
        return error.message
    return str(error).strip() or type(error).__name__
