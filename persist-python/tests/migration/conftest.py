"""Databases of LangGraph to move from and to, and a config with a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import postgres_server
from .places import Database, Home, new_database


@pytest.fixture(scope="session")
def server() -> Iterator[postgres_server.Server]:
    programs = postgres_server.binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server below /usr/lib/postgresql; apt-get install postgresql")
    with postgres_server.server(programs) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    return new_database(request, str(request.param), tmp_path, "source")


@pytest.fixture(params=["sqlite", "postgres"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    return new_database(request, str(request.param), tmp_path, "other")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)
