"""The exceptions: one class for each kind of error, by what a caller can do about it.

>>> from persist_agents import NotFoundError, Store
>>> with Store(storage={"adapter": "memory"}) as store:
...     try:
...         store.restore("planner", "nothing-yet")
...     except NotFoundError as error:
...         (error.kind, error.code, error.exit_code)
('not_found', 'store_not_found', 3)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from persist_agents._persist import ERROR_KINDS


class PersistError(Exception):
    """Anything that Persist reports.

    `str()` gives the message, the causes and the hint. The class tells what to do; the attributes tell the rest:

    - `code`: a stable name of the case, such as `snapshot_not_found`; the `persist` command prints the same.
    - `message`: what was attempted and what went wrong.
    - `context`: the facts by name, such as `key` or `write_id`.
    - `hint`: the next step for a person, or `None`.
    - `causes`: the messages of what led to it, the nearest first. They are also chained as `__cause__`.
    """

    kind: ClassVar[str] = "other"

    def __init__(
        self,
        message: str,
        *,
        code: str = "other",
        context: Mapping[str, str] | None = None,
        hint: str | None = None,
        causes: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.context: dict[str, str] = dict(context or {})
        self.hint = hint
        self.causes: tuple[str, ...] = tuple(causes)

    @property
    def exit_code(self) -> int:
        """What the `persist` command exits with for an error of this kind."""
        return ERROR_KINDS[self.kind]

    def __str__(self) -> str:
        text = ": ".join((self.message, *self.causes))
        return text if self.hint is None else f"{text} (hint: {self.hint})"

    def __reduce__(self) -> tuple[object, ...]:
        return (from_native, (self.kind, self.code, self.message, self.context, self.hint, self.causes))


class InvalidInputError(PersistError, ValueError):
    """The input cannot be accepted: a state that is not JSON, an option with a bad value."""

    kind = "invalid_input"


class UsageError(PersistError):
    """The request itself makes no sense, such as one to a store that is closed."""

    kind = "usage"


class NotFoundError(PersistError, LookupError):
    """The snapshot, session, agent or store does not exist."""

    kind = "not_found"


class IntegrityError(PersistError):
    """Stored bytes are not what was stored."""

    kind = "integrity"


class ConflictError(PersistError):
    """Somebody else was there first; certainly nothing changed, but for what `copy` had copied by then."""

    kind = "conflict"


class PluginError(PersistError):
    """A plugin is missing, refused or incompatible."""

    kind = "plugin"


class UnavailableError(PersistError):
    """The backend cannot be reached or cannot serve now; trying again later may help."""

    kind = "unavailable"


class OutcomeUnknownError(PersistError):
    """Whether the save happened is not known. Saving again with the same `write_id` never stores twice."""

    kind = "outcome_unknown"

    @property
    def write_id(self) -> str | None:
        """The id of the attempt, to be passed to `save` again."""
        return self.context.get("write_id")


class IncompatibleError(PersistError):
    """The store or object needs another release of Persist."""

    kind = "incompatible"


class OtherError(PersistError):
    """Anything else, such as a full disk or missing permission."""

    kind = "other"


class Cause(Exception):
    """What led to an error, as the part of Persist that found it says it."""


CLASSES: dict[str, type[PersistError]] = {
    one.kind: one
    for one in (
        InvalidInputError,
        UsageError,
        NotFoundError,
        IntegrityError,
        ConflictError,
        PluginError,
        UnavailableError,
        OutcomeUnknownError,
        IncompatibleError,
        OtherError,
    )
}
"""The class for each kind of error."""


def from_native(
    kind: str,
    code: str,
    message: str,
    context: Mapping[str, str],
    hint: str | None,
    causes: Sequence[str],
) -> PersistError:
    """Make the exception for an error of the library."""
    error = CLASSES[kind](message, code=code, context=context, hint=hint, causes=causes)
    outer: BaseException = error
    for text in causes:
        cause = Cause(text)
        outer.__cause__ = cause
        outer = cause
    return error
