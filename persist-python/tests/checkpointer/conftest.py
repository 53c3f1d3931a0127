"""Stores to run the checkpointer on: a directory, and a bucket of a real S3 server."""

from __future__ import annotations

import os
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from persist_agents import Store
from persist_agents.langgraph import PersistSaver

#: What `cargo xtask test` sets when a SeaweedFS server runs.
S3 = ("PERSIST_TEST_S3_ENDPOINT", "PERSIST_TEST_S3_FILER", "PERSIST_TEST_S3_ACCESS_KEY", "PERSIST_TEST_S3_SECRET_KEY")

#: Makes another store over the same objects, as another process would.
OpenStore = Callable[[], Store]


def local(directory: Path) -> OpenStore:
    """Stores in a directory."""
    return lambda: Store(storage={"adapter": "local", "root": directory})


def bucket() -> OpenStore:
    """Stores in a bucket of their own; skips the test where there is no server."""
    missing = [name for name in S3 if not os.environ.get(name)]
    if missing:
        pytest.skip(f"no S3 server: {missing[0]} is not set")
    endpoint, filer, access_key, secret_key = (os.environ[name] for name in S3)
    name = f"langgraph-{uuid.uuid4().hex}"
    request = urllib.request.Request(f"{filer}/buckets/{name}/", method="POST")
    with urllib.request.urlopen(request) as response:
        assert response.status == 201
    storage: dict[str, Any] = {
        "adapter": "s3",
        "bucket": name,
        "endpoint": endpoint,
        "region": "us-east-1",
    }
    os.environ.update(AWS_ACCESS_KEY_ID=access_key, AWS_SECRET_ACCESS_KEY=secret_key)
    return lambda: Store(storage=storage)


@pytest.fixture
def open_store(tmp_path: Path) -> OpenStore:
    """Stores over the same directory."""
    return local(tmp_path / "store")


@pytest.fixture
def saver(open_store: OpenStore) -> Iterator[PersistSaver]:
    """A saver in a directory."""
    with PersistSaver(open_store()) as opened:
        yield opened


@pytest.fixture(params=["local", "s3"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    """Stores over the same directory, and over the same bucket."""
    return local(tmp_path / "store") if request.param == "local" else bucket()
