"""Migrating between stores for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from persist_agents import AsyncStore, ConflictError, MigrationRow, NotFoundError, UsageError

from .stores import MANY, SESSIONS, SNAPSHOTS, contents, fill, fill_with_many, local, on_disk


def run(main: Callable[[AsyncStore, AsyncStore], Awaitable[None]], directory: Path) -> None:
    """Runs a test with the stores in two directories, in an event loop of its own."""

    async def with_stores() -> None:
        source, target = (AsyncStore(storage=local(directory / name)) for name in ("source", "target"))
        async with source, target:
            # A test that would wait for ever fails instead.
            await asyncio.wait_for(main(source, target), 120)

    asyncio.run(with_stores())


def test_a_whole_store_is_migrated_once(tmp_path: Path) -> None:
    async def main(source: AsyncStore, target: AsyncStore) -> None:
        planned = await source.migrate(target, dry_run=True)
        assert (planned.summary["planned_sessions"], planned.summary["copied"]) == (4, 0)
        rows: list[MigrationRow] = []
        report = await source.migrate(target, on_session=rows.append)
        assert [(row.agent_id, row.session_id) for row in rows] == SESSIONS
        assert (report.summary["copied"], report.failed) == (SNAPSHOTS, [])
        again = await source.migrate(target, verify=True)
        assert (again.summary["present_sessions"], again.summary["verified"]) == (4, SNAPSHOTS)

    with on_disk(tmp_path / "source") as source, on_disk(tmp_path / "target") as target:
        fill(source)
        run(main, tmp_path)
        assert contents(target) == contents(source)


def test_the_loop_goes_on_meanwhile_and_several_migrate_at_once(tmp_path: Path) -> None:
    async def main(source: AsyncStore, target: AsyncStore) -> None:
        async with AsyncStore(storage=local(tmp_path / "other")) as other:
            first, second, saved = await asyncio.gather(
                source.migrate(target), source.migrate(other), source.save("zzz", "meanwhile", 1)
            )
            assert first.failed == second.failed == []
            assert saved.snapshot_index == 0
            for one in (target, other):
                await source.migrate(one)
                assert await one.restore("zzz", "meanwhile") == 1

    with on_disk(tmp_path / "source") as source:
        fill(source)
    run(main, tmp_path)


def test_a_session_that_went_its_own_way_is_named(tmp_path: Path) -> None:
    async def main(source: AsyncStore, target: AsyncStore) -> None:
        await target.save("a", "s", "the target's own")
        report = await source.migrate(target)
        (failed,) = report.failed
        assert (failed.agent_id, failed.session_id) == ("a", "s")
        assert isinstance(failed.error, ConflictError)
        assert report.summary["copied_sessions"] == 3

    with on_disk(tmp_path / "source") as source:
        fill(source)
    run(main, tmp_path)


def test_cancelling_ends_it_and_the_next_call_goes_on(tmp_path: Path) -> None:
    async def main(source: AsyncStore, target: AsyncStore) -> None:
        told: list[MigrationRow] = []

        def cancel(row: MigrationRow) -> None:
            told.append(row)
            task.cancel()

        task = asyncio.create_task(source.migrate(target, on_session=cancel))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 0 < len(told) < MANY
        moved = len([one async for one in target.sessions()])
        assert len(told) <= moved < MANY
        report = await source.migrate(target, verify=True)
        assert (report.summary["verified"], report.failed) == (2 * MANY, [])

    with on_disk(tmp_path / "source") as source:
        fill_with_many(source)
    run(main, tmp_path)


def test_errors_reach_whoever_awaits(tmp_path: Path) -> None:
    async def main(source: AsyncStore, target: AsyncStore) -> None:
        with pytest.raises(NotFoundError):
            await source.migrate(target)
        await source.save("a", "s", 1)
        with pytest.raises(UsageError):
            await source.migrate(source)

        def fail(row: MigrationRow) -> None:
            raise LookupError(row.session_id)

        with pytest.raises(LookupError, match="s"):
            await source.migrate(target, on_session=fail)
        await target.close()
        with pytest.raises(UsageError):
            await source.migrate(target)

    run(main, tmp_path)
