#!/usr/bin/env python3
"""Restore one snapshot from a local Persist store with nothing but the Python standard library.

    restore.py STORE_DIR AGENT SESSION [INDEX] > state

Writes the state to standard output: the newest snapshot that is not deleted, or the one at INDEX. Every
digest on the way is checked; the exit code is 0 only if all of them were right. docs/format.md is the
specification; the comments name its sections. Reads format version 1 with the codec "gzip" or none.
"""

import hashlib
import json
import os
import sys
import zlib

PROLOGUE = 42
TRAILER = 35
MAX_HEADER = 16 * 1024 * 1024


class Refused(Exception):
    """The store or the snapshot cannot be read; the text says why."""


def sha256(data):
    return hashlib.sha256(data).digest()


def encode_id(text):
    """Section 2: an id as one segment of a key."""
    raw = text.encode("utf-8")
    pieces = []
    for at, byte in enumerate(raw):
        char = chr(byte)
        if char == "." and at in (0, len(raw) - 1):
            pieces.append("!02e")
        elif char in "abcdefghijklmnopqrstuvwxyz0123456789-_.":
            pieces.append(char)
        elif "A" <= char <= "Z":
            pieces.append("!" + char.lower())
        else:
            pieces.append("!0%02x" % byte)
    stem = "".join(pieces).split(".")[0]
    numbered = len(stem) == 4 and stem[:3] in ("com", "lpt") and stem[3] in "0123456789"
    if stem in ("con", "prn", "aux", "nul") or numbered:
        pieces[0] = "!0%02x" % ord(pieces[0])
    if len("".join(pieces)) > 180:
        while len("".join(pieces)) > 160:
            pieces.pop()
        pieces.append("!1" + sha256(raw).hex())
    return "".join(pieces)


def decode_cbor(data):
    """Section 5.1: one CBOR item that fills `data`; only the types that headers use."""
    value, end = decode_item(data, 0)
    if end != len(data):
        raise Refused("bytes follow a CBOR item")
    return value


def decode_item(data, at):
    if at >= len(data):
        raise Refused("a CBOR item is cut off")
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        if info in (20, 21, 22):
            return {20: False, 21: True, 22: None}[info], at
        raise Refused("an unexpected CBOR value")
    if info < 24:
        number = info
    elif info < 28:
        size = 1 << (info - 24)
        if at + size > len(data):
            raise Refused("a CBOR item is cut off")
        number = int.from_bytes(data[at : at + size], "big")
        at += size
    else:
        raise Refused("an unexpected CBOR length")
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        if at + number > len(data):
            raise Refused("a CBOR string is cut off")
        raw = data[at : at + number]
        return (raw if major == 2 else raw.decode("utf-8")), at + number
    if major == 4:
        items = []
        for _ in range(number):
            item, at = decode_item(data, at)
            items.append(item)
        return items, at
    if major == 5:
        entries = {}
        for _ in range(number):
            key, at = decode_item(data, at)
            entries[key], at = decode_item(data, at)
        return entries, at
    raise Refused("an unexpected CBOR type")


def open_object(data, magic):
    """Sections 4, 5 and 7: the header's fields and the body of an object whose digests are right."""
    if len(data) < PROLOGUE + TRAILER or data[:4] != magic:
        raise Refused("it does not start like an object of its kind")
    version = int.from_bytes(data[4:6], "little")
    length = int.from_bytes(data[6:10], "little")
    header = data[PROLOGUE : PROLOGUE + length]
    if length > MAX_HEADER or PROLOGUE + length + TRAILER > len(data):
        raise Refused("it is shorter than its header says")
    if sha256(data[:10] + header) != data[10:42]:
        raise Refused("its header is damaged")
    if version != 1:
        raise Refused("it has format version %d" % version)
    covered, trailer = data[:-TRAILER], data[-TRAILER:]
    if trailer != b"\x01\x20\x00" + sha256(covered):
        raise Refused("it is damaged")
    fields = decode_cbor(header)
    for feature in fields[0]:
        raise Refused("it needs the feature %s of Persist %s" % (feature[0], feature[1]))
    return fields, covered[PROLOGUE + length :]


def check_marker(path):
    """Section 3: the store marker."""
    with open(path, "rb") as file:
        data = file.read()
    covered, line, digest = data.rpartition(b'\n  "sha256": "')
    if not line or digest != sha256(covered + b"\n").hex().encode() + b'"\n}\n':
        raise Refused("the store marker is damaged")
    marker = json.loads(data)
    if marker["persist_store"] != 1:
        raise Refused("the store has layout version %s" % marker["persist_store"])
    for feature in marker["required_features"]:
        raise Refused("the store needs the feature %s of Persist %s" % (feature["name"], feature["release"]))


def entries(directory):
    """The numbers of the objects in a directory, ascending."""
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return sorted(int(name) for name in names if len(name) == 10 and name.isascii() and name.isdigit())


def read_deleted(session, agent, name):
    """Section 8: what the newest manifest calls deleted, and the boundary."""
    numbers = entries(os.path.join(session, "m"))
    if not numbers:
        return [], 0
    with open(os.path.join(session, "m", "%010d" % numbers[-1]), "rb") as file:
        fields, body = open_object(file.read(), b"\x89PSM")
    manifest = decode_cbor(fields[2])
    if manifest[1:4] != [numbers[-1], agent, name] or body:
        raise Refused("the manifest %d does not belong there" % numbers[-1])
    return manifest[5], manifest[4]


def decompress(stored, limit):
    """Section 6: one frame, which is one gzip member, never longer than its header says."""
    decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
    raw = decoder.decompress(stored, limit + 1)
    if len(raw) > limit or not decoder.eof or decoder.unused_data:
        raise Refused("a frame is not one gzip member of the promised length")
    return raw


def read_snapshot(data, agent, name, index):
    """Sections 4 to 7: the state that a snapshot object holds."""
    fields, body = open_object(data, b"\x89PSO")
    identity, storage = decode_cbor(fields[2]), decode_cbor(fields[3])
    if identity[:3] != [agent, name, index]:
        raise Refused("it is snapshot %d of %s / %s" % (identity[2], identity[0], identity[1]))
    if storage[0] != 0:
        raise Refused("it is an object of kind %d" % storage[0])
    codecs = [transform[0] for transform in storage[3]]
    if codecs not in ([], ["gzip"]):
        raise Refused("it is stored with %s" % ", ".join(codecs))
    state, at = [], 0
    for frame in storage[4]:
        stored = body[at : at + frame[0]]
        at += frame[0]
        raw = decompress(stored, frame[1]) if codecs else stored
        if len(raw) != frame[1] or (len(frame) > 2 and frame[2] and sha256(raw)[:16] != frame[2]):
            raise Refused("a frame is damaged")
        state.append(raw)
    state = b"".join(state)
    if at != len(body) or len(state) != identity[5] or sha256(state) != identity[4]:
        raise Refused("its content is damaged")
    return state


def restore(store, agent, name, index):
    check_marker(os.path.join(store, "persist-store.json"))
    session = os.path.join(store, "agents", encode_id(agent), encode_id(name))
    present = entries(os.path.join(session, "d"))
    wanted = present[::-1] if index is None else [index]
    for index in wanted:
        try:
            with open(os.path.join(session, "d", "%010d" % index), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            break
        # The manifest is read after the object: a deletion that was acknowledged before is then seen.
        deleted, boundary = read_deleted(session, agent, name)
        if index < boundary or any(start <= index < start + length for start, length in deleted):
            continue
        return read_snapshot(data, agent, name, index)
    raise Refused("there is no such snapshot")


def main(arguments):
    if len(arguments) not in (3, 4):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        index = int(arguments[3]) if len(arguments) == 4 else None
        state = restore(arguments[0], arguments[1], arguments[2], index)
    except (Refused, OSError, LookupError, TypeError, ValueError, RecursionError, zlib.error) as error:
        print("restore.py: cannot restore: %s" % error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(state)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
