#!/usr/bin/env python3
"""Restore one snapshot from a local Persist store with nothing but the Python standard library.

    restore.py STORE_DIR AGENT SESSION [INDEX] > state

Writes the state to standard output: the newest snapshot that is not deleted, or the one at INDEX. Every
digest on the way is checked; the exit code is 0 only if all of them were right. docs/format.md is the
specification; the comments name its sections. Reads format version 1, as the releases 0.1.0 and 0.2.0 write
it.

Snapshots that are stored with the codec "gzip" or none need nothing else. The others need a package:
"zstd" backports.zstd, unless Python is 3.14 or later; "lz4" lz4; "brotli" brotli, 1.2 or later.
"""

import hashlib
import importlib
import json
import os
import sys
import zlib

PROLOGUE = 42
TRAILER = 35
MAX_HEADER = 16 * 1024 * 1024
FEATURES = ("delta", "marks", "generations", "labels")


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
        if feature[0] not in FEATURES:
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


class Manifest:
    """Section 8: the decisions about a session, as its newest manifest has them."""

    def __init__(self, session, agent, name):
        self.number, self.boundary, self.deleted, self.generations = 0, 0, [], []
        numbers = entries(os.path.join(session, "m"))
        if not numbers:
            return
        self.number = numbers[-1]
        fields, body = open_object(read_object(session, "m", "%010d" % self.number), b"\x89PSM")
        manifest = decode_cbor(fields[2])
        if manifest[1:4] != [self.number, agent, name] or body:
            raise Refused("the manifest %d does not belong there" % self.number)
        self.boundary, self.deleted = manifest[4], manifest[5]
        self.generations = manifest[7] or [] if len(manifest) > 7 else []

    def is_live(self, index):
        return index >= self.boundary and not holds(self.deleted, index)

    def directory(self, index):
        """Where the snapshot lies, as path segments below its session."""
        for (number, attempt), indices in self.generations:
            if holds(indices, index):
                return ("g", "%010d-%s" % (number, attempt.hex()))
        return ("d",)


def holds(ranges, index):
    return any(start <= index < start + length for start, length in ranges)


def read_object(session, *segments):
    with open(os.path.join(session, *segments), "rb") as file:
        return file.read()


class Snapshot:
    """Sections 4 to 7: an object whose digests are right, and what its header says."""

    def __init__(self, data, agent, name, index):
        fields, self.body = open_object(data, b"\x89PSO")
        self.index, self.digest = index, data[-32:]
        identity, storage = decode_cbor(fields[2]), decode_cbor(fields[3])
        if identity[:3] != [agent, name, index]:
            raise Refused("it is snapshot %d of %s / %s" % (identity[2], identity[0], identity[1]))
        self.kind = storage[0]
        if self.kind in (1, 2) and not self.body:
            return
        if self.kind != 0:
            raise Refused("it is an object of kind %d" % self.kind)
        self.content_hash, self.content_length = identity[4], identity[5]
        self.codecs = [transform[0] for transform in storage[3]]
        if len(self.codecs) > 1 or any(codec not in DECODERS for codec in self.codecs):
            raise Refused("it is stored with %s, which only Persist decodes" % ", ".join(self.codecs))
        self.frames = storage[4]
        delta = storage[5] if len(storage) > 5 else None
        self.ancestors = []
        if delta:
            distances, self.ancestors_digest, self.steps_length, self.prefix_length = delta[:4]
            for distance in distances:
                self.ancestors.append((self.ancestors or [index])[-1] - distance)
            falling = all(distance > 0 for distance in distances)
            if not (distances and falling and self.ancestors[-1] >= (storage[2] or 0)):
                raise Refused("its ancestors are not earlier snapshots of its segment")

    def content(self, prefix):
        """What the frames hold: a state, or a delta's steps and literals."""
        parts, at = [], 0
        for frame in self.frames:
            stored = self.body[at : at + frame[0]]
            at += frame[0]
            raw = decompress(self.codecs[0], stored, frame[1], prefix) if self.codecs else stored
            if len(raw) != frame[1] or (len(frame) > 2 and frame[2] and sha256(raw)[:16] != frame[2]):
                raise Refused("a frame is damaged")
            parts.append(raw)
        if at != len(self.body):
            raise Refused("its body does not consist of its frames")
        return b"".join(parts)

    def check(self, state):
        if len(state) != self.content_length or sha256(state) != self.content_hash:
            raise Refused("the content of snapshot %d is damaged" % self.index)


def decompress(codec, stored, limit, prefix):
    """Sections 6 and 6.1: one frame, never longer than its header says."""
    try:
        raw = DECODERS[codec](stored, limit, prefix)
    except Refused:
        raise
    except Exception as error:  # Each package has errors of its own.
        raise Refused("a frame is damaged: %s" % error) from error
    if raw is None or len(raw) > limit:
        raise Refused("a frame is not one stream of the promised length")
    return raw


def whole(decoder, stored, limit):
    """What a decoder in the manner of zlib makes of one stream; None if the stream goes on, or something follows it."""
    raw = decoder.decompress(stored, limit + 1)
    return raw if decoder.eof and not decoder.unused_data else None


def decode_gzip(stored, limit, prefix):
    if prefix:
        return whole(zlib.decompressobj(-zlib.MAX_WBITS, zdict=prefix[-32768:]), stored, limit)
    return whole(zlib.decompressobj(16 + zlib.MAX_WBITS), stored, limit)


def decode_zstd(stored, limit, prefix):
    zstd = module("zstd", "backports.zstd", "compression.zstd", "backports.zstd")
    if prefix:
        # Without its magic number, as stored, only the C library reads it.
        before = zstd.ZstdDict(prefix, is_raw=True).as_prefix
        return whole(zstd.ZstdDecompressor(zstd_dict=before), b"\x28\xb5\x2f\xfd" + stored, limit)
    return whole(zstd.ZstdDecompressor(), stored, limit)


def decode_lz4(stored, limit, prefix):
    if prefix:
        length = int.from_bytes(stored[:4], "little")
        if length > limit:
            return None
        block = module("lz4", "lz4", "lz4.block")
        return block.decompress(stored[4:], uncompressed_size=length, dict=prefix[-65536:])
    return whole(module("lz4", "lz4", "lz4.frame").LZ4FrameDecompressor(), stored, limit)


def decode_brotli(stored, limit, prefix):
    if prefix:
        raise Refused("the codec brotli uses no prefix")
    decoder = module("brotli", "brotli", "brotli").Decompressor()
    # The plugin ends its streams with the CRC-32 of the content.
    raw = decoder.process(stored[:-4], output_buffer_limit=limit + 1)
    whole_stream = decoder.is_finished() and zlib.crc32(raw).to_bytes(4, "little") == stored[-4:]
    return raw if whole_stream else None


def module(codec, package, *names):
    """The first of the modules that is there."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise Refused("it is stored with %s: install the Python package %s" % (codec, package))


DECODERS = {"gzip": decode_gzip, "zstd": decode_zstd, "lz4": decode_lz4, "brotli": decode_brotli}


def decode_steps(steps):
    """Section 6.1: inserts as (None, length) and copies as (offset, length)."""
    numbers, number, shift = [], 0, 0
    for byte in steps:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            if (byte == 0 and shift > 7) or number >= 1 << 64:
                raise Refused("a number in its steps is not in its shortest form")
            numbers.append(number)
            number, shift = 0, 0
    if shift:
        raise Refused("its steps end inside a number")
    result, end, numbers = [], 0, iter(numbers)
    for number in numbers:
        offset, length = None, number >> 1
        if number & 1:
            distance = next(numbers, None)
            if distance is None:
                raise Refused("its steps end inside a copy")
            offset = end + ((distance >> 1) ^ -(distance & 1))
            end = offset + length
        result.append((offset, length))
    return result


def build(base, steps, literals):
    """Section 6.1: the state that steps make from that of the nearest ancestor and from literals."""
    parts, at = [], 0
    for offset, length in decode_steps(steps):
        source, start = (literals, at) if offset is None else (base, offset)
        if length == 0 or start < 0 or start + length > len(source):
            raise Refused("a step lies outside of what it copies from")
        parts.append(source[start : start + length])
        at += length if offset is None else 0
    if at != len(literals):
        raise Refused("its steps do not use all literals")
    return b"".join(parts)


def read_state(snapshot, session, directory, agent, name):
    """Section 6: the state of a snapshot, from the full one that it builds on upwards."""
    chain = [snapshot]
    for index in snapshot.ancestors:
        data = read_object(session, *directory, "%010d" % index)
        chain.append(Snapshot(data, agent, name, index))
    state, joined = b"", b""
    for at in reversed(range(len(chain))):
        layer, below = chain[at], chain[at + 1 :]
        if layer.kind != 0 or layer.ancestors != [ancestor.index for ancestor in below]:
            raise Refused("snapshot %d does not build on the others" % layer.index)
        if not below:
            state = literals = layer.content(b"")
        else:
            if sha256(b"".join(ancestor.digest for ancestor in below))[:16] != layer.ancestors_digest:
                raise Refused("its ancestors are not those that it was stored against")
            length = layer.prefix_length
            if length > len(joined):
                raise Refused("its prefix is longer than its ancestors' literals")
            content = layer.content(joined[len(joined) - length :])
            steps, literals = content[: layer.steps_length], content[layer.steps_length :]
            if len(steps) != layer.steps_length:
                raise Refused("its steps are cut off")
            state = build(state, steps, literals)
        layer.check(state)
        joined += literals
    return state


def restore_at(session, agent, name, index):
    """Section 9: the state of a snapshot; None where there is none at that index."""
    path = os.path.join(session, "d", "%010d" % index)
    while True:
        found = None
        if os.path.isfile(path):
            found = read_object(path)
        # The manifest is read after the object: a deletion that was acknowledged before is then seen.
        manifest = Manifest(session, agent, name)
        if not manifest.is_live(index):
            return None
        try:
            directory = manifest.directory(index)
            if directory != ("d",):
                found = read_object(session, *directory, "%010d" % index)
            if found is None:
                return None
            snapshot = Snapshot(found, agent, name, index)
            if snapshot.kind == 0:
                return read_state(snapshot, session, directory, agent, name)
            if snapshot.kind == 1:
                return None
            raise Refused("it was rewritten or erased, and no manifest says so")
        except (Refused, OSError):
            # It may have been rewritten between the two requests; then a newer manifest says where it went.
            if Manifest(session, agent, name).number == manifest.number:
                raise


def restore(store, agent, name, index):
    check_marker(os.path.join(store, "persist-store.json"))
    session = os.path.join(store, "agents", encode_id(agent), encode_id(name))
    present = entries(os.path.join(session, "d"))
    for index in present[::-1] if index is None else [index]:
        state = restore_at(session, agent, name, index)
        if state is not None:
            return state
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
