"""What operators see of a program in Python: metrics, requests, traces and the audit trail."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from persist_agents import AsyncStore, Store, metrics_text, request


def saves() -> float:
    """How many saves into unnamed stores in memory were counted."""
    labels = '{adapter="memory",operation="save",outcome="ok",store="store"}'
    found = [line for line in metrics_text().splitlines() if line.startswith(f"persist_operations_total{labels} ")]
    return float(found[0].split()[-1]) if found else 0.0


def test_operations_are_counted_and_nobody_is_named(memory: Store) -> None:
    before = saves()
    memory.save("planner-with-a-name", "trip-with-a-name", {"x": 1})
    memory.save("planner-with-a-name", "trip-with-a-name", {"x": 2})
    assert saves() == before + 2
    assert "with-a-name" not in metrics_text()


def ids(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The operations that ended, each with the request's id."""
    found: list[tuple[str, str]] = []
    for record in caplog.records:
        extra: Any = record
        if record.name == "persist_agents.operation" and " took " in record.getMessage():
            found.append((extra.persist_fields["operation"], extra.persist_fields.get("request_id")))
    return found


def test_operations_carry_the_id_of_the_request_around_them(
    memory: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "persist_agents"):
        with request("outer"):
            memory.save("a", "s", 1)
            with request("inner"):
                memory.restore("a", "s")
            with request(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
                assert [row.snapshot_index for row in memory.list("a", "s")] == [0]
        memory.show("a", "s")
    found = dict(ids(caplog))
    assert (found["save"], found["restore"], found["list"]) == ("outer", "inner", "outer")
    assert found["show"] not in ("outer", "inner", None)


def test_tasks_have_requests_of_their_own(caplog: pytest.LogCaptureFixture) -> None:
    async def one(store: AsyncStore, name: str) -> None:
        with request(name):
            for step in range(5):
                await store.save("a", name, step)
                await asyncio.sleep(0)

    async def both() -> None:
        async with AsyncStore(storage={"adapter": "memory"}) as store:
            await asyncio.gather(one(store, "first"), one(store, "second"))

    with caplog.at_level(logging.DEBUG, "persist_agents"):
        asyncio.run(both())
        # Another thread may still be handling the last records.
        for _ in range(100):
            if len(ids(caplog)) >= 10:
                break
            time.sleep(0.1)
    found = ids(caplog)
    assert found.count(("save", "first")) == 5
    assert found.count(("save", "second")) == 5


def test_the_audit_trail_of_a_config_records_requests(tmp_path: Path) -> None:
    config = tmp_path / "persist.json"
    store = {"storage": {"adapter": "local", "root": str(tmp_path / "store")}}
    trail = tmp_path / "audit.jsonl"
    config.write_text(json.dumps({"stores": {"main": store}, "default": "main", "audit": {"file": str(trail)}}))
    with Store.open(config) as opened, request("req-17"):
        opened.save("a", "s", {"x": 1})
    records = [json.loads(line) for line in trail.read_text().splitlines()]
    assert [(record["operation"], record["request_id"], record["outcome"]) for record in records] == [
        ("save", "req-17", "ok")
    ]


PROGRAM = """
import sys
from persist_agents import Store, request
with Store(storage={"adapter": "memory"}) as store, request("req-18", traceparent=sys.argv[1]):
    store.save("a", "s", {"x": 1})
"""


def test_spans_are_sent_as_part_of_the_callers_trace() -> None:
    if "PERSIST_TEST_OTLP" not in os.environ:
        pytest.skip("no collector: `cargo xtask test` starts one")
    trace = uuid.uuid4().hex
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": os.environ["PERSIST_TEST_OTLP"]}
    command = [sys.executable, "-c", PROGRAM, f"00-{trace}-b7ad6b7169203331-01"]
    subprocess.run(command, env=environment, check=True, timeout=60)
    spans = Path(os.environ["PERSIST_TEST_OTLP_LOG"]).read_text().split("Span #")
    ours = [span for span in spans if trace in span]
    # They were sent before the program ended.
    assert any("b7ad6b7169203331" in span and "save" in span and "Str(req-18)" in span for span in ours)
    assert any("save_if_absent" in span for span in ours)


def test_a_wrong_endpoint_is_an_error_of_opening_and_says_what_to_do() -> None:
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.invalid:4318"}
    command = [sys.executable, "-c", PROGRAM, f"00-{uuid.uuid4().hex}-b7ad6b7169203331-01"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "InvalidInputError" in done.stderr
    assert "the endpoint of OTEL_EXPORTER_OTLP_ENDPOINT asks for TLS" in done.stderr
    assert "hint: send them to a collector on this machine" in done.stderr
