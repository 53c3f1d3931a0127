"""What several tests share: stores on each kind of storage."""

from __future__ import annotations

import os
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from persist_agents import Store

Storage = Mapping[str, Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests that take long run only when they are asked for."""
    parser.addoption("--slow", action="store_true", help="run the tests that take long as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long, visibly."""
    if config.getoption("--slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="takes long; run with --slow"))


def s3_storage() -> Storage:
    """A new bucket of the S3 server that the run's environment names."""
    if "PERSIST_TEST_S3_ENDPOINT" not in os.environ:
        pytest.skip("no S3 server: `cargo xtask test` starts one")
    bucket = f"python-{uuid.uuid4().hex}"
    filer = os.environ["PERSIST_TEST_S3_FILER"]
    request = urllib.request.Request(f"{filer}/buckets/{bucket}/", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201
    return {"adapter": "s3", "bucket": bucket, "endpoint": os.environ["PERSIST_TEST_S3_ENDPOINT"]}


@pytest.fixture(scope="session", autouse=True)
def s3_credentials() -> Iterator[None]:
    """The AWS SDK's variables, set from those of the test server."""
    with pytest.MonkeyPatch.context() as patch:
        for target, source in (
            ("AWS_ACCESS_KEY_ID", "PERSIST_TEST_S3_ACCESS_KEY"),
            ("AWS_SECRET_ACCESS_KEY", "PERSIST_TEST_S3_SECRET_KEY"),
        ):
            if source in os.environ:
                patch.setenv(target, os.environ[source])
        yield


@pytest.fixture
def local_storage(tmp_path: Path) -> Storage:
    """Storage on the disk that nobody else uses."""
    return {"adapter": "local", "root": str(tmp_path / "store"), "fsync": False}


@pytest.fixture(params=["memory", "local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Empty storage of each kind."""
    kinds: dict[str, Callable[[], Storage]] = {
        "memory": lambda: {"adapter": "memory"},
        "local": lambda: {"adapter": "local", "root": str(tmp_path / "store"), "fsync": False},
        "s3": s3_storage,
    }
    return kinds[request.param]()


@pytest.fixture
def store(storage: Storage) -> Iterator[Store]:
    """An empty store on each kind of storage."""
    with Store(storage=storage) as opened:
        yield opened


@pytest.fixture
def memory() -> Iterator[Store]:
    """An empty store in memory, for what does not depend on the storage."""
    with Store(storage={"adapter": "memory"}) as opened:
        yield opened
