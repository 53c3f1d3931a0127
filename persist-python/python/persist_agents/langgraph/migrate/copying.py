"""The copying itself: every checkpoint once, in order, read back and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from persist_agents import ConflictError, IntegrityError, InvalidInputError, NotFoundError, PersistError

from .checkpoints import Checkpoints
from .record import Place, Record, calls, differing_parts, facts, missing_writes

# Errors that concern one checkpoint; after any other there is no point in trying the next.
_OF_ONE_CHECKPOINT = ("invalid_input", "integrity", "conflict", "incompatible")


@dataclass
class Summary:
    """What a migration did. Every checkpoint of the source is counted in exactly one of the middle six."""

    threads: int = 0
    """Threads that were gone through."""
    copied: int = 0
    """Checkpoints that were not there, and were stored, read back and found equal."""
    completed: int = 0
    """Checkpoints that were there without all of their pending writes, which were added and found equal."""
    already_there: int = 0
    """Checkpoints that were there and are equal."""
    differing: int = 0
    """Checkpoints that are there and differ; they were left as they are."""
    failed: int = 0
    """Checkpoints that could not be read, stored or read back as they are."""
    vanished: int = 0
    """Checkpoints that were deleted from the source meanwhile."""
    writes: int = 0
    """Pending writes that were stored."""
    orphaned_writes: int = 0
    """Pending writes in the source that belong to no checkpoint, which are not copied: no saver returns them."""
    exit_code: int = 0
    """0; 4 if a copy was not what was stored; 5 if something differs; 1 for another failure."""

    @property
    def checkpoints(self) -> int:
        """How many checkpoints were gone through."""
        return self.copied + self.completed + self.already_there + self.differing + self.failed + self.vanished


def copy(
    source: Checkpoints,
    target: Checkpoints,
    *,
    threads: Iterable[str] | None = None,
    on_progress: Callable[[Summary], None] = lambda _summary: None,
    on_problem: Callable[[PersistError], None] = lambda _problem: None,
) -> Summary:
    """Copies checkpoints with their metadata, parents and pending writes, and proves each copy.

    It may be repeated, and so resumed after it was killed: what is there and equal is passed over, missing pending writes are
    added, and what differs is reported and never overwritten. Memory holds one checkpoint, and the ids of one thread.

    Args:
        source: Where the checkpoints are.
        target: Where they go.
        threads: The ids of the threads to copy; None for all.
        on_progress: Called after each checkpoint.
        on_problem: Called for each checkpoint that differs or fails; the next ones are copied all the same.

    Raises:
        NotFoundError: A thread of ``threads`` is not in the source.
        PersistError: The source or the target cannot be used any more.
    """
    summary = Summary()
    codes: set[int] = set()
    for thread_id in source.threads() if threads is None else threads:
        places = source.places(thread_id)
        if threads is not None and not places:
            raise NotFoundError(f"there is no thread {thread_id} in {source.name}", code="thread_not_found")
        for place in _parents_first(places):
            try:
                _copy_one(source, target, place, summary)
            except PersistError as error:
                if error.kind not in _OF_ONE_CHECKPOINT:
                    raise
                if error.kind == "conflict":
                    summary.differing += 1
                else:
                    summary.failed += 1
                error.context.update(facts(place) | error.context)
                codes.add(error.exit_code)
                on_problem(error)
            on_progress(summary)
        summary.threads += 1
    if threads is None:
        summary.orphaned_writes = source.orphaned_writes()
    summary.exit_code = next((code for code in (4, 5, 1) if code in codes), 0)
    return summary


def _copy_one(source: Checkpoints, target: Checkpoints, place: Place, summary: Summary) -> None:
    record = _read(source, place, "read")
    if record is None:
        summary.vanished += 1
        return
    stored = {name: value for name, value in record.metadata.items() if name not in target.metadata_left_out}
    record = replace(record, metadata=stored)
    present = _read(target, place, "compare")
    if present is None:
        # Found before anything is stored: a checkpoint without its writes would be half a copy.
        calls(record.writes, place)
        target.put(record)
        missing = list(record.writes)
    else:
        differing = differing_parts(record, present)
        found = missing_writes(record, present)
        if found is None:
            differing.append("pending writes")
        if differing or found is None:
            raise _differs(place, target, differing)
        missing = found
    if present is not None and not missing:
        summary.already_there += 1
        return
    if missing:
        # All writes of a task go in one call, for a saver counts them; those that are there stay.
        tasks = {(write.task_id, write.task_path) for write in missing}
        target.put_writes(place, [write for write in record.writes if (write.task_id, write.task_path) in tasks])
    _prove(record, target)
    summary.writes += len(missing)
    if present is None:
        summary.copied += 1
    else:
        summary.completed += 1


def _read(checkpoints: Checkpoints, place: Place, verb: str) -> Record | None:
    try:
        return checkpoints.read(place)
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise InvalidInputError(
            f"cannot {verb} checkpoint {place.checkpoint_id} of thread {place.thread_id} in {checkpoints.name}",
            code="unreadable_checkpoint",
            context=facts(place),
            hint="docs/langgraph-migration.md says how to copy values of another serializer",
        ) from error


def _prove(record: Record, target: Checkpoints) -> None:
    found = _read(target, record.place, "read back")
    if found is None:
        differing = ["everything: it is not there"]
    else:
        differing = differing_parts(record, found)
        if missing_writes(record, found) != []:
            differing.append("pending writes")
    if differing:
        raise IntegrityError(
            f"the copy of checkpoint {record.place.checkpoint_id} of thread {record.place.thread_id} in {target.name} is not what"
            f" was stored; it differs in {', '.join(differing)}",
            code="copy_differs",
            context=facts(record.place),
            hint="do not use the copy of this thread; the source is as it was",
        )


def _differs(place: Place, target: Checkpoints, parts: list[str]) -> ConflictError:
    return ConflictError(
        f"checkpoint {place.checkpoint_id} of thread {place.thread_id} is in {target.name} already and differs in"
        f" {', '.join(parts)}; it was left as it is",
        code="checkpoint_differs",
        context=facts(place),
        hint="if an agent went on with the thread there, that is as it should be; otherwise copy into an empty place",
    )


def _parents_first(places: list[Place]) -> list[Place]:
    """Orders a thread by checkpoint ids, which grow with time, and each parent before its children in any case."""
    waiting = {(place.checkpoint_ns, place.checkpoint_id): place for place in places}
    result: list[Place] = []
    for place in sorted(places, key=lambda place: (place.checkpoint_id, place.checkpoint_ns)):
        line: list[Place] = []
        ahead = waiting.pop((place.checkpoint_ns, place.checkpoint_id), None)
        while ahead is not None:
            line.append(ahead)
            ahead = waiting.pop((ahead.checkpoint_ns, ahead.parent_id), None) if ahead.parent_id is not None else None
        result.extend(reversed(line))
    return result
