"""MessagePack as JSON: byte for byte there and back, or as it is."""

from __future__ import annotations

import json
import math
import random
import struct
from typing import Any

import ormsgpack
import pytest
from persist_agents._persist import decode_typed, encode_typed, json_members

CASES = 1000


def there_and_back(kind: str, data: bytes) -> Any:
    """Checks that a value comes back as the same bytes, and returns its JSON."""
    text = encode_typed(kind, data)
    assert decode_typed(text) == (kind, data)
    return json.loads(text)


def pack(value: object) -> bytes:
    """A message as LangGraph's serializer writes it."""
    return ormsgpack.packb(value, option=ormsgpack.OPT_NON_STR_KEYS)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {"$typed": ["msgpack", "wA=="]}),
        (True, True),
        ([0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1], None),
        ([-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**63)], None),
        ([0.0, -0.0, 1.0, 0.1, 1e16, 1e-7, 5e-324, 1.7976931348623157e308], None),
        ("", ""),
        ('"\\\n\r\t\b\f\0\x1f\x7f\u2028é\U0001f600/', '"\\\n\r\t\b\f\0\x1f\x7f\u2028é\U0001f600/'),
        ({"a": {"b": [None, [], {}]}}, {"a": {"b": [None, [], {}]}}),
        ({"z": 1, "a": 2}, {"z": 1, "a": 2}),
        (b"\x00\xff", {"$bytes": "AP8="}),
        ({1: "x", "1": b""}, {"$map": [[1, "x"], ["1", {"$bytes": ""}]]}),
        (math.inf, {"$float": "inf"}),
        (-math.inf, {"$float": "-inf"}),
        ({"$bytes": "AP8="}, {"$map": [["$bytes", "AP8="]]}),
        ({"$typed": ["x", "y"], "b": 1}, {"$map": [["$typed", ["x", "y"]], ["b", 1]]}),
        ({"a": 1, "$ext": 2}, {"a": 1, "$ext": 2}),
        (ormsgpack.Ext(5, pack(["module", "Class", {"a": 1}])), {"$ext": [5, ["module", "Class", {"a": 1}]]}),
        (ormsgpack.Ext(5, pack(None)), {"$ext": [5, None]}),
        (ormsgpack.Ext(-128 & 0x7F, b"\xc1"), {"$ext": [0, None, "wQ=="]}),
        (ormsgpack.Ext(7, b""), {"$ext": [7, None, ""]}),
        (ormsgpack.Ext(1, pack(ormsgpack.Ext(2, pack([b"x"])))), {"$ext": [1, {"$ext": [2, [{"$bytes": "eA=="}]]}]}),
    ],
)
def test_values_are_readable_and_come_back(value: object, expected: object) -> None:
    found = there_and_back("msgpack", pack(value))
    assert found == (value if expected is None else expected)
    # Equality does not tell -0.0 from 0.0, nor 1 from 1.0.
    assert repr(found) == repr(value if expected is None else expected)


@pytest.mark.parametrize("length", [0, 1, 2, 4, 8, 15, 16, 17, 31, 32, 255, 256, 65535, 65536])
def test_every_form_of_a_length_comes_back(length: int) -> None:
    for value in ("x" * length, b"x" * length, [1] * length, {str(key): 1 for key in range(length)}):
        there_and_back("msgpack", pack(value))
    there_and_back("msgpack", pack(ormsgpack.Ext(3, b"\xc1" * length)))
    there_and_back("msgpack", pack(ormsgpack.Ext(3, pack("x" * length))))


def test_a_nan_comes_back_with_its_bits() -> None:
    for bits in (0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000000, 0x7FF0000000000001):
        found = there_and_back("msgpack", b"\xcb" + struct.pack(">Q", bits))
        assert found == {"$float": "nan" if bits == 0x7FF8000000000000 else f"{bits:016x}"}


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xc1",
        b"\xc0\xc0",
        b"\xca\x3f\x80\x00\x00",  # a 32-bit float
        b"\xcc\x01",  # integers in longer forms than needed
        b"\xcd\x00\xff",
        b"\xd0\x01",
        b"\xd1\xff\xff",
        b"\xd9\x01a",  # a string in a longer form
        b"\xdc\x00\x01\xc0",
        b"\xde\x00\x01\xa1a\xc0",
        b"\xc7\x01\x05a",
        b"\xa2\xff\xfe",  # not UTF-8
        b"\xdd\xff\xff\xff\xff",  # longer than the message
        b"\x81\xa1a",
        b"\x91" * 200 + b"\xc0",  # deeper than readers of JSON like
    ],
)
def test_what_would_not_come_back_is_kept_as_it_is(message: bytes) -> None:
    found = there_and_back("msgpack", message)
    assert list(found) == ["$typed"]


def test_other_serializations_are_kept_as_they_are() -> None:
    assert there_and_back("null", b"") is None
    assert there_and_back("null", b"x") == {"$typed": ["null", "eA=="]}
    assert there_and_back("bytes", b"") == {"$typed": ["bytes", ""]}
    assert there_and_back('msg"pack+aes', bytes(range(256)))["$typed"][0] == 'msg"pack+aes'


def arbitrary(source: random.Random, depth: int) -> object:
    """Any object that can be packed."""
    leaves: list[object] = [
        None,
        source.random() < 0.5,
        source.getrandbits(source.randrange(1, 65)),
        -source.getrandbits(source.randrange(1, 64)),
        struct.unpack("<d", source.randbytes(8))[0],
        "".join(chr(source.choice([source.randrange(0x80), source.randrange(0xD800), 0x1F600])) for _ in range(source.randrange(40))),
        source.randbytes(source.randrange(40)),
        source.choice(["$float", "$bytes", "$map", "$ext", "$typed"]),
    ]
    if depth == 0 or source.random() < 0.3:
        return source.choice(leaves)
    inner = [arbitrary(source, depth - 1) for _ in range(source.randrange(6))]
    match source.randrange(4):
        case 0:
            return inner
        case 1:
            return {str(source.choice(leaves)): value for value in inner}
        case 2:
            return {source.getrandbits(20): value for value in inner}
        case _:
            return ormsgpack.Ext(source.randrange(128), pack(inner))


def test_any_object_comes_back_and_is_readable() -> None:
    source = random.Random(1)
    for _ in range(CASES):
        value = [arbitrary(source, 4)]
        found = there_and_back("msgpack", pack(value))
        assert isinstance(found, list), value


def test_any_bytes_come_back() -> None:
    source = random.Random(2)
    for _ in range(CASES):
        there_and_back("msgpack", source.randbytes(source.randrange(1, 40)))
        # Messages that are nearly right.
        message = bytearray(pack([arbitrary(source, 2)]))
        message[source.randrange(len(message))] = source.randrange(256)
        there_and_back("msgpack", bytes(message))


def test_text_that_others_wrote_is_read_alike() -> None:
    text = b' { "a" : [ 1 , -2.5e0 , "\\u00e9\\ud83d\\ude00\\/" ] ,\n "b" : { } } '
    assert decode_typed(text) == ("msgpack", pack({"a": [1, -2.5, "é\U0001f600/"], "b": {}}))


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[1,]", b"nul", b'"', b'"\\u12"', b"1e999", b"18446744073709551616", b'{"$ext":[300,1]}',
     b'{"$bytes":"*"}', b'{"$float":"x"}', b'{"a":1}x', b'{"a":{"$typed":["x","eA=="]}}', b"\xff", b"[" * 500],
)
def test_text_that_stands_for_nothing_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="at byte"):
        decode_typed(text)


def test_members_are_given_as_they_stand() -> None:
    text = b'{"a": {"x": "}\\"]"} , "b":[1, [2]], "\\u0063" : null}'
    assert json_members(text) == {"a": b'{"x": "}\\"]"}', "b": b"[1, [2]]", "c": b"null"}
    assert json_members(b" {} ") == {}
    for other in (b"[]", b"1", b'{"a"}', b'{"a":}', b""):
        with pytest.raises(ValueError, match="at byte"):
            json_members(other)


@pytest.mark.parametrize("length", [*range(1, 4), *range(62, 67), 127, 128, 129, 200])
def test_what_json_escapes_is_found_wherever_it_stands(length: int) -> None:
    for special in '"\\\n\x00\x1f':
        for at in {0, 1, length // 2, length - 1}:
            text = "x" * at + special + "\x7fé" * (length - at)
            assert json.loads(encode_typed("msgpack", pack(text))) == text
