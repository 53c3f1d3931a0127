"""How threads and checkpoints are named in the store.

A thread is a session: its id is the thread id. A checkpoint is a snapshot: its name is the checkpoint id, and outside of the
root namespace ``<namespace>/<checkpoint id>``. Both are escaped as little as keeps them apart and within what the store
allows: ``%`` and two hexadecimal digits stand for a byte, so that different ids never get the same name.
"""

from __future__ import annotations

import hashlib
import re

from persist_agents import InvalidInputError

#: The most bytes of UTF-8 that a session id or a name may have.
MAX_ID_BYTES = 200

#: The same without what marks later versions and early writes of a checkpoint.
_MAX_BASE_BYTES = MAX_ID_BYTES - 20

# Control characters (Unicode category Cc), which the store refuses, and the escape itself.
_IN_SESSION = re.compile("[%\x00-\x1f\x7f-\x9f]")
_IN_NAME = re.compile("[%/\x00-\x1f\x7f-\x9f]|^~")
_ESCAPED = re.compile("(?:%[0-9A-F]{2})+")
_VERSION = re.compile(r"^(.*)%v([1-9][0-9]*)$", re.DOTALL)

#: What the name of a snapshot ends with that only holds writes which came before their checkpoint.
_WRITES = "%w"

#: Stands for the empty text: an escape always has digits.
_EMPTY = "%"


def session_of_thread(thread_id: object) -> str:
    """The id of a thread's session.

    Raises:
        InvalidInputError: If the thread id is longer than the store allows, or is not Unicode.
    """
    session = _escape(_IN_SESSION, str(thread_id))
    if len(session.encode()) > MAX_ID_BYTES:
        raise InvalidInputError(
            f"the thread id {str(thread_id)[:40]!r}… is too long: found {len(session.encode())} bytes of UTF-8, at most"
            f" {MAX_ID_BYTES} are allowed",
            code="invalid_thread_id",
        )
    return session


def thread_of_session(session_id: str) -> str:
    """The thread id of a session; the inverse of `session_of_thread`."""
    return _unescape(session_id)


def snapshot_name(checkpoint_ns: str, checkpoint_id: str) -> str:
    """The name of a checkpoint's snapshot; the digest of what would be too long."""
    name = _escape(_IN_NAME, checkpoint_id)
    if checkpoint_ns:
        name = f"{_escape(_IN_NAME, checkpoint_ns)}/{name}"
    if len(name.encode()) <= _MAX_BASE_BYTES:
        return name
    digest = hashlib.sha256(checkpoint_ns.encode()).hexdigest()
    name = f"~{digest}/{_escape(_IN_NAME, checkpoint_id)}"
    if checkpoint_ns and len(name.encode()) <= _MAX_BASE_BYTES:
        return name
    digest = hashlib.sha256(f"{checkpoint_ns}\0{checkpoint_id}".encode()).hexdigest()
    return f"~~{digest}"


def later_name(name: str, version: int) -> str:
    """The name of a snapshot that replaces a checkpoint's, counted from 1."""
    return f"{name}%v{version}"


def writes_name(name: str) -> str:
    """The name of a snapshot that holds writes of a checkpoint which is not there yet."""
    return name + _WRITES


def is_writes_name(name: str) -> bool:
    """Whether a name is one of `writes_name`."""
    return name.endswith(_WRITES)


def version_of_name(name: str) -> int:
    """Which version of its checkpoint a snapshot is; 0 is the first."""
    found = _VERSION.match(name)
    return int(found[2]) if found else 0


def checkpoint_of_name(name: str) -> str | None:
    """The checkpoint id in a snapshot's name; None where the name has only a digest of it."""
    if is_writes_name(name):
        name = name[: -len(_WRITES)]
    elif found := _VERSION.match(name):
        name = found[1]
    if name.startswith("~~"):
        return None
    return _unescape(name.rpartition("/")[2])


def attachment_name(task_id: str, suffix: str) -> str:
    """The name of the attachment with a task's writes."""
    task = _escape(_IN_NAME, task_id)
    if len(task.encode()) > _MAX_BASE_BYTES:
        task = "~~" + hashlib.sha256(task_id.encode()).hexdigest()
    return f"{task}.{suffix}"


def _escape(special: re.Pattern[str], text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"the id {text[:40]!r} is not valid Unicode: {error.reason}", code="invalid_id") from error
    return special.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text) or _EMPTY


def _unescape(text: str) -> str:
    if text == _EMPTY:
        return ""
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[0].replace("%", "")).decode(), text)
