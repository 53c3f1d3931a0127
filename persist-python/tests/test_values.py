"""Values come back exactly, or are refused."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import struct
import sys
from collections import OrderedDict, defaultdict
from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from persist_agents import InvalidInputError, NotFoundError, Store
from persist_agents._persist import decode_json, encode_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=30
)


def identical(one: Any, other: Any) -> bool:
    """Whether two values are the same in type, order and every bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("<d", one) == struct.pack("<d", other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(identical(one[key], other[key]) for key in one)
    return bool(one == other)


@given(VALUES)
@settings(max_examples=500)
def test_json_like_values_survive(value: Any) -> None:
    text = encode_json(value)
    assert identical(decode_json(text), value)
    assert identical(json.loads(text), value)
    assert text == json.dumps(decode_json(text), ensure_ascii=False, separators=(",", ":")).encode() or has_float(value)


def has_float(value: Any) -> bool:
    """Whether a float is in it: of those, several shortest texts are equally good."""
    if isinstance(value, dict):
        return any(map(has_float, value.values()))
    return isinstance(value, float) or (isinstance(value, list) and any(map(has_float, value)))


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_what_others_wrote_is_read_as_the_json_module_reads_it(value: Any, indent: int | None, escape: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=escape).encode()
    assert identical(decode_json(text), json.loads(text))


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=1000)
def test_floats_survive_bit_for_bit(number: float) -> None:
    assert identical(decode_json(encode_json(number)), number)


@given(st.binary())
def test_no_bytes_crash_the_reader(text: bytes) -> None:
    try:
        value = decode_json(text)
    except InvalidInputError:
        return
    assert identical(value, json.loads(text))


def test_values_survive_the_store(store: Store) -> None:
    states: list[Any] = [
        {"int": 2**64, "more": -(10**300), "zero": -0.0, "tiny": 5e-324, "large": 1.7976931348623157e308},
        [[], {}, "", None, True, False, 0, 1.0, 1e16, 1e-7, 123456789012345680.0],
        {"": {"\x00\x1f\x7f\u2028 \U0001f980": "\"\\/\b\f\n\r\t"}, "b": 1, "a": 2},
        "a state may be text alone",
        None,
        True,
        7,
        0.1,
        [],
        {},
    ]
    for state in states:
        store.save("a", "s", state)
        assert identical(store.restore("a", "s"), state), state


def test_bytes_are_kept_as_they_are(store: Store) -> None:
    for content in (b"", b"\x00\xff", b"{not json", b"x" * 100_000):
        for state in (content, bytearray(content), memoryview(content), memoryview(content)[::-1]):
            saved = store.save("a", "s", state)
            assert saved.media_type == "application/octet-stream"
            assert store.restore("a", "s") == bytes(state)
            assert type(store.restore("a", "s")) is bytes
    text = b'{ "spaces" :  [1.10, 1.10] }'
    assert store.save("a", "s", text, media_type="application/json").content_length == len(text)
    assert store.restore("a", "s") == {"spaces": [1.1, 1.1]}
    assert store.restore_bytes("a", "s") == text
    with pytest.raises(InvalidInputError):
        store.save("a", "s", b"{not json", media_type="application/json")


def test_a_buffer_may_change_after_the_call(memory: Store) -> None:
    buffer = bytearray(b"before")
    memory.save("a", "s", buffer)
    buffer[:] = b"after!"
    assert memory.restore("a", "s") == b"before"
    buffer.extend(b"and it is not locked")


def test_text_media_types(memory: Store) -> None:
    memory.save("a", "s", "plain ü", media_type="text/plain")
    assert memory.restore("a", "s") == "plain ü"
    assert memory.restore_bytes("a", "s") == "plain ü".encode()
    memory.save("a", "s", {"x": 1}, media_type="application/problem+json")
    assert memory.restore("a", "s") == {"x": 1}
    memory.save("a", "s", "ü".encode("latin-1"), media_type="text/plain; charset=latin-1")
    assert memory.restore("a", "s") == b"\xfc"
    memory.save("a", "s", b"\xfc", media_type="text/plain")
    with pytest.raises(InvalidInputError):
        memory.restore("a", "s")
    assert memory.restore_bytes("a", "s") == b"\xfc"
    for state in ({"x": 1}, 5, None):
        with pytest.raises(InvalidInputError):
            memory.save("a", "s", state, media_type="text/plain")
    with pytest.raises(InvalidInputError):
        memory.save("a", "s", "text", media_type="image/png")


class Colour(enum.IntEnum):
    RED = 1


class Word(str):
    pass


class Number(int):
    pass


@dataclasses.dataclass
class Point:
    x: int


REFUSED: list[tuple[Any, str]] = [
    ({"a": [0, {"when": datetime.datetime(2026, 1, 1)}]}, "$.a[1].when is of type datetime.datetime"),
    ({"d": datetime.date(2026, 1, 1)}, "$.d is of type datetime.date"),
    ({"n": math.nan}, "$.n is NaN"),
    ([math.inf], "$[0] is inf"),
    ([-math.inf], "$[0] is -inf"),
    ({1: 2}, "$ has a key of type int"),
    ({"a": {None: 2}}, "$.a has a key of type NoneType"),
    ({"a": {(1, 2): 2}}, "$.a has a key of type tuple"),
    ({Word("k"): 2}, "$ has a key of type"),
    ({"a": 1, True: 2}, "$ has a key of type bool"),
    ({"a": (1, 2)}, "$.a is of type tuple"),
    ({"b": b"bytes"}, "$.b is of type bytes"),
    ({"s": {1, 2}}, "$.s is of type set"),
    ({"s": frozenset()}, "$.s is of type frozenset"),
    ([decimal.Decimal("1.5")], "$[0] is of type decimal.Decimal"),
    ([Colour.RED], "$[0] is of type"),
    ([Word("w")], "$[0] is of type"),
    ([Number(1)], "$[0] is of type"),
    ([Point(1)], "$[0] is of type"),
    ([OrderedDict()], "$[0] is of type collections.OrderedDict"),
    ([defaultdict(list)], "$[0] is of type collections.defaultdict"),
    ([PurePath("x")], "$[0] is of type pathlib"),
    ([1j], "$[0] is of type complex"),
    ({"a b": {"c": object()}}, '$["a b"].c is of type object'),
    (["\ud800"], "$[0] is text with half a surrogate pair"),
    ({"k": {"\udfff": 1}}, "is text with half a surrogate pair"),
    ([range(3)], "$[0] is of type range"),
]


@pytest.mark.parametrize(("state", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_would_not_come_back_is_refused(memory: Store, state: Any, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        memory.save("a", "s", state)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(NotFoundError):
        memory.restore("a", "s")


def test_integers_beyond_pythons_limit_are_refused_both_ways(memory: Store) -> None:
    digits = sys.get_int_max_str_digits()
    assert identical(decode_json(encode_json(10 ** (digits - 1))), 10 ** (digits - 1))
    with pytest.raises(InvalidInputError, match=r"\$\[0\] cannot be written"):
        memory.save("a", "s", [10**digits])
    memory.save("a", "s", b"1" * (digits + 1), media_type="application/json")
    with pytest.raises(InvalidInputError, match="restore_bytes"):
        memory.restore("a", "s")


@pytest.mark.parametrize(
    "text", [b'{"a":1,"a":2}', b"1e400", b"-1e400", b'"\\ud800"', b'{"\\udfff":1}', b"[1e999]"]
)
def test_json_that_python_cannot_say_is_refused(memory: Store, text: bytes) -> None:
    memory.save("a", "s", text, media_type="application/json")
    with pytest.raises(InvalidInputError) as caught:
        memory.restore("a", "s")
    assert caught.value.code == "state_not_expressible"
    assert memory.restore_bytes("a", "s") == text


def test_depth_takes_no_stack(memory: Store) -> None:
    depth = 50_000
    deep: list[Any] = []
    for _ in range(depth - 1):
        deep = [deep]
    memory.save("a", "s", deep)
    assert memory.restore_bytes("a", "s") == b"[" * depth + b"]" * depth
    restored = memory.restore("a", "s")
    for _ in range(depth - 1):
        (restored,) = restored
    assert restored == []
    nested: dict[str, Any] = {}
    for _ in range(depth):
        nested = {"k": nested}
    memory.save("a", "s", nested)
    assert memory.restore_bytes("a", "s").count(b"k") == depth


def test_what_contains_itself_is_refused(memory: Store) -> None:
    one: list[Any] = []
    one.append({"self": one})
    with pytest.raises(InvalidInputError, match="contains itself"):
        memory.save("a", "s", one)
