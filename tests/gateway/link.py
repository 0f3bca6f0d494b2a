# SPDX-License-Identifier: MIT
"""The link of tools/gateway/LINK.md in Python, written from that page alone.

Frames are made and taken apart here for the tests, and `python tests/gateway/link.py` writes the
test vectors of both ends, tests/vectors/link.tsv.
"""

import dataclasses
import hashlib
import hmac
import json
import pathlib
import struct
import sys
import zlib

MAGIC, VERSION = 0xF7, 1
FRAME_BYTES_MAX = 65507
KIND = {"traces": 1, "metrics": 2, "logs": 3, "resource": 4, "stats": 5, "answer": 6,
        "acknowledgement": 0x81, "time": 0x82, "control": 0x83, "challenge": 0x84}
KIND_NAME = {number: name for name, number in KIND.items()}
RECOVERED, ANONYMOUS, SELF_CONTAINED, WALL_CLOCK, RELIABLE = 1, 2, 4, 8, 16
HEADER = struct.Struct("<BBBBBBHQQIIQ")
WALL = struct.Struct("<qI")

STATS = {
    "spans_started": 1, "spans_not_recorded": 2, "spans_live": 3, "spans_queued": 4, "spans_sent": 5,
    "spans_dropped_no_context": 6, "spans_dropped_no_recording": 7, "spans_dropped_queue_full": 8,
    "spans_dropped_link": 9, "spans_dropped_shutdown": 10, "attributes_dropped": 11,
    "attributes_truncated": 12, "events_dropped": 13, "links_dropped": 14, "strings_repaired": 15,
    "calls_invalid_handle": 16, "calls_busy": 17, "calls_not_running": 18,
    "calls_invalid_argument": 19, "carriers_dropped": 20, "frames_sent": 21, "frames_lost": 22,
    "frames_busy": 23, "frames_received_refused": 24, "clock_backward": 25, "queue_bytes": 26,
    "queue_bytes_max": 27, "queue_capacity_bytes": 28, "contexts_max": 29, "recordings_max": 30,
    "carriers_max": 31, "previous_boot_id": 40, "previous_boot_sequence": 41, "control_number": 42,
}
STATS_NAME = {number: name for name, number in STATS.items()}


# ---- COBS (Cheshire and Baker 1999) ----

def cobs_encode(data):
    encoded = bytearray()
    block = bytearray()
    for byte in data:
        if byte:
            block.append(byte)
        if not byte or len(block) == 254:
            encoded += bytes([len(block) + 1]) + block
            block.clear()
            ended_by_zero = not byte
    if block or not data or ended_by_zero:
        encoded += bytes([len(block) + 1]) + block
    return bytes(encoded)


def cobs_decode(encoded):
    decoded = bytearray()
    at = 0
    while at < len(encoded):
        code = encoded[at]
        block = encoded[at + 1:at + code]
        if code == 0 or len(block) != code - 1 or 0 in block:
            raise ValueError("not COBS")
        decoded += block
        at += code
        if code != 255 and at < len(encoded):
            decoded.append(0)
    return bytes(decoded)


def on_stream(frame):
    """As it goes over a UART."""
    return b"\0" + cobs_encode(frame) + b"\0"


# ---- check ----

def tag(key, direction, body):
    derived = hmac.new(key, f"otel.h link v1 {direction}".encode(), hashlib.sha256).digest()
    return hmac.new(derived, body, hashlib.sha256).digest()[:16]


def crc(body):
    return struct.pack("<I", zlib.crc32(body))


# ---- frames ----

@dataclasses.dataclass
class Frame:
    kind: int = KIND["traces"]
    flags: int = 0
    key_id: int = 0
    attempt: int = 0
    base_distance: int = 0
    device_id: int = 0x1122334455667788
    boot_id: int = 1
    sequence: int = 1
    resource_hash: int = 0
    clock_ns: int = 0
    wall_offset_ns: int = 0
    wall_uncertainty_us: int = 0
    payload: bytes = b""

    def direction(self):
        return "down" if self.kind & 0x80 else "up"

    def body(self, magic=MAGIC, version=VERSION):
        header = HEADER.pack(magic, version, self.kind, self.flags, self.key_id, self.attempt,
                             self.base_distance, self.device_id, self.boot_id, self.sequence,
                             self.resource_hash, self.clock_ns)
        if self.flags & WALL_CLOCK:
            header += WALL.pack(self.wall_offset_ns, self.wall_uncertainty_us)
        return header + self.payload

    def encode(self, key=None):
        body = self.body()
        return body + (tag(key, self.direction(), body) if self.key_id else crc(body))

    def on_stream(self, key=None):
        return on_stream(self.encode(key))

    def fields(self):
        """For the vectors: every field, 64-bit ones in hexadecimal, and what the payload says."""
        values = {"kind": KIND_NAME[self.kind], "flags": self.flags, "key_id": self.key_id,
                  "attempt": self.attempt, "base_distance": self.base_distance,
                  "device_id": f"{self.device_id:016x}", "boot_id": f"{self.boot_id:016x}",
                  "sequence": self.sequence, "resource_hash": self.resource_hash,
                  "clock_ns": self.clock_ns}
        if self.flags & WALL_CLOCK:
            values |= {"wall_offset_ns": self.wall_offset_ns,
                       "wall_uncertainty_us": self.wall_uncertainty_us}
        return values | {"payload": self.payload.hex()} | payload_fields(self)


def resource_frame(resource, **fields):
    """`resource`: the bytes of an OTLP Resource."""
    return Frame(kind=KIND["resource"], payload=resource, resource_hash=zlib.crc32(resource), **fields)


def stats_frame(stats, **fields):
    return Frame(kind=KIND["stats"], payload=stats_payload(**stats), **fields)


# ---- payloads ----

def varint(value):
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def stats_payload(**stats):
    return b"".join(varint(STATS[name] << 3) + varint(value) for name, value in stats.items())


def read_varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("varint")
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            if value >> 64:
                raise ValueError("varint")
            return value, at


def read_stats(payload):
    stats, at = {}, 0
    while at < len(payload):
        key, at = read_varint(payload, at)
        number, wire_type = key >> 3, key & 7
        if number == 0 or (number in STATS_NAME and wire_type != 0) or wire_type not in (0, 1, 2, 5):
            raise ValueError("stats")
        if wire_type == 0:
            value, at = read_varint(payload, at)
            if number in STATS_NAME:
                stats[STATS_NAME[number]] = value
            continue
        size, at = {1: (8, at), 5: (4, at)}.get(wire_type) or read_varint(payload, at)
        at += size
        if at > len(payload):
            raise ValueError("stats")
    return stats


ACKNOWLEDGEMENT = struct.Struct("<IQQHHIIBBH")
TIME = struct.Struct("<QqqI")


def read_acknowledgement(payload):
    names = ("below", "durable", "refused", "window", "commit_interval_ms", "pause_ms", "echo_sequence",
             "echo_attempt", "wants", "zero")
    if len(payload) != ACKNOWLEDGEMENT.size:
        raise ValueError("acknowledgement")
    values = dict(zip(names, ACKNOWLEDGEMENT.unpack(payload)))
    if values.pop("zero") or values["wants"] > 3:
        raise ValueError("acknowledgement")
    return values


def read_time(payload):
    if len(payload) != TIME.size:
        raise ValueError("time")
    return dict(zip(("device_sent_ns", "gateway_received_unix_ns", "gateway_sent_unix_ns",
                     "uncertainty_us"), TIME.unpack(payload)))


def read_command(code, value):
    if code == 1 and len(value) == 8:
        threshold = int.from_bytes(value, "little")
        if threshold <= 1 << 56:
            return {"sampling": threshold}
    if code == 2 and value and value[0] <= 2:
        return {"tracer": value[1:].decode(), "state": value[0]}
    if code in (3, 4) and not value:
        return {"send_resource": True} if code == 3 else {"flush": True}
    raise ValueError("command")


def read_control(payload):
    if len(payload) < 8:
        raise ValueError("control")
    number, lifetime_s = struct.unpack_from("<II", payload)
    commands, at = [], 8
    while at < len(payload):
        if at + 2 > len(payload) or at + 2 + payload[at + 1] > len(payload):
            raise ValueError("control")
        end = at + 2 + payload[at + 1]
        commands.append(read_command(payload[at], payload[at + 2:end]))
        at = end
    return {"control_number": number, "lifetime_s": lifetime_s, "commands": commands}


def read_sixteen_bytes(payload):
    if len(payload) != 16:
        raise ValueError("challenge")
    return {"challenge": payload.hex()}


def read_otlp(kind, payload):
    """None, or ValueError. Without the official runtime only the vectors' own payloads are judged."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    from opentelemetry.proto.resource.v1 import resource_pb2

    message = {"traces": trace_service_pb2.ExportTraceServiceRequest,
               "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
               "logs": logs_service_pb2.ExportLogsServiceRequest,
               "resource": resource_pb2.Resource}[kind]()
    try:
        message.ParseFromString(payload)
    except DecodeError as error:
        raise ValueError(kind) from error
    if kind == "traces":
        for resource_spans in message.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    check_ids(span)
                    for link in span.links:
                        check_ids(link)
    return message


def check_ids(message):
    if len(message.trace_id) != 16 or len(message.span_id) != 8:
        raise ValueError("id")
    if not any(message.trace_id) or not any(message.span_id):
        raise ValueError("id")
    parent = getattr(message, "parent_span_id", b"")
    if parent and (len(parent) != 8 or not any(parent)):
        raise ValueError("id")


def payload_fields(frame):
    """What the payload says; ValueError when it is not what its kind says."""
    kind = KIND_NAME[frame.kind]
    if kind == "stats":
        return {"stats": read_stats(frame.payload)}
    if kind in ("answer", "challenge"):
        return read_sixteen_bytes(frame.payload)
    if kind == "acknowledgement":
        return read_acknowledgement(frame.payload)
    if kind == "time":
        return read_time(frame.payload)
    if kind == "control":
        return read_control(frame.payload)
    message = read_otlp(kind, frame.payload)
    if kind == "resource" and zlib.crc32(frame.payload) != frame.resource_hash:
        raise ValueError("resource_hash")
    if kind != "resource" and not frame.flags & SELF_CONTAINED:
        inner = getattr(message, {"traces": "resource_spans", "metrics": "resource_metrics",
                                  "logs": "resource_logs"}[kind])
        if any(one.HasField("resource") for one in inner):
            raise ValueError("resource inside")
    return {}


# ---- receiver ----

def check_is_right(data, key, direction):
    if data[4] == 0:
        return data[-4:] == crc(data[:-4])
    return hmac.compare_digest(data[-16:], tag(key, direction, data[:-16]))


def unpack(data, direction):
    """Verdict and frame of bytes whose check is right."""
    body = data[:-16] if data[4] else data[:-4]
    (_, _, kind, flags, key_id, attempt, base_distance, device_id, boot_id, sequence, resource_hash,
     clock_ns) = HEADER.unpack_from(body)
    if kind not in KIND_NAME:
        return "unknown_kind", None
    if ("down" if kind & 0x80 else "up") != direction:
        return "wrong_direction", None
    if flags & ~0x1F:
        return "unknown_flags", None
    frame = Frame(kind, flags, key_id, attempt, base_distance, device_id, boot_id, sequence,
                  resource_hash, clock_ns, payload=body[HEADER.size:])
    if flags & WALL_CLOCK:
        if len(frame.payload) < WALL.size:
            return "bad_header", None
        frame.wall_offset_ns, frame.wall_uncertainty_us = WALL.unpack_from(frame.payload)
        frame.payload = frame.payload[WALL.size:]
    if base_distance > 64 or boot_id == 0 or (device_id == 0 and not flags & ANONYMOUS):
        return "bad_header", None
    if base_distance >= sequence if direction == "up" else base_distance:
        return "bad_header", None
    return "ok", frame


def receive(data, direction, keys=None):
    """(verdict, frame or None) of one frame, in the order that LINK.md gives. `keys`: {(device_id,
    key_id): 32 bytes}. Replays are the receiver's memory, which this function has not."""
    keys = keys or {}
    if len(data) < 44 or (data[4] and len(data) < 56):
        return "too_short", None
    if len(data) > FRAME_BYTES_MAX:
        return "too_long", None
    if data[0] != MAGIC:
        return "wrong_magic", None
    if data[1] != VERSION:
        return "unknown_version", None
    key_id, device_id = data[4], int.from_bytes(data[8:16], "little")
    key = keys.get((device_id, key_id))
    if key_id and key is None:
        return "no_key", None
    if not key_id and any(device == device_id for device, _ in keys):
        return "key_demanded", None
    if not check_is_right(data, key, direction):
        return "wrong_check", None
    verdict, frame = unpack(data, direction)
    if frame is None:
        return verdict, None
    try:
        payload_fields(frame)
    except ValueError:
        return "bad_payload", None
    return "ok", frame


# ---- test vectors ----

KEY = bytes(range(32))
DEVICE, BOOT, CLOCK_NS = 0x8899AABBCCDDEEFF, 0x0000000700C0FFEE, 12_345_678_901
VECTORS = pathlib.Path(__file__).resolve().parents[1] / "vectors" / "link.tsv"
COLUMNS = ("name", "verdict", "direction", "key", "frame", "cobs", "fields")


def delimited(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def attribute(key, text):
    return delimited(1, key.encode()) + delimited(2, delimited(1, text.encode()))


RESOURCE = delimited(1, attribute("service.name", "thermostat"))
SPAN = (delimited(1, bytes(range(1, 17))) + delimited(2, bytes(range(0x21, 0x29))) +
        delimited(5, b"sensor.read") + varint(6 << 3) + varint(1) +
        varint(7 << 3 | 1) + struct.pack("<Q", 12_000_000_000) +
        varint(8 << 3 | 1) + struct.pack("<Q", 12_250_000_000))
TRACES = delimited(1, delimited(2, delimited(1, delimited(1, b"control")) + delimited(2, SPAN)))
TRACES_WITH_RESOURCE = delimited(1, delimited(1, RESOURCE) +
                                 delimited(2, delimited(1, delimited(1, b"control")) + delimited(2, SPAN)))
METRICS = delimited(1, delimited(2, delimited(2, delimited(1, b"temperature"))))
LOGS = delimited(1, delimited(2, delimited(2, varint(2 << 3) + varint(9))))


def up(kind, payload, **fields):
    return Frame(**{"kind": KIND[kind], "payload": payload, "device_id": DEVICE, "boot_id": BOOT,
                    "sequence": 7, "resource_hash": zlib.crc32(RESOURCE), "clock_ns": CLOCK_NS} | fields)


def down(kind, payload, **fields):
    return Frame(**{"kind": KIND[kind], "payload": payload, "device_id": DEVICE, "boot_id": BOOT,
                    "sequence": 0, "clock_ns": 1_700_000_000_000_000_000} | fields)


def control(number, lifetime_s, *commands):
    return struct.pack("<II", number, lifetime_s) + b"".join(
        bytes([code, len(value)]) + value for code, value in commands)


def good_frames():
    """(name, frame, key)"""
    acknowledgement = ACKNOWLEDGEMENT.pack(42, 0b1011, 1 << 31, 16, 50, 250, 46, 1, 3, 0)
    every_command = control(9, 3600, (1, struct.pack("<Q", 0xC0 << 48)), (2, b"\x01control"),
                            (2, b"\x00"), (3, b""), (4, b""))
    every_stat = stats_payload(**{name: 1000 + number for name, number in STATS.items()})
    yield "traces", up("traces", TRACES), None
    yield "traces, empty request", up("traces", b""), None
    yield "traces, first number", up("traces", TRACES, sequence=1), None
    yield "traces, last number", up("traces", TRACES, sequence=0xFFFFFFFF), None
    yield "traces, third attempt, base 64 below", up(
        "traces", TRACES, attempt=2, base_distance=64, sequence=100, flags=RELIABLE), None
    yield "traces, wall clock", up("traces", TRACES, flags=WALL_CLOCK,
                                   wall_offset_ns=1_700_000_000_123_456_789, wall_uncertainty_us=1500), None
    yield "traces, wall clock before 1970", up("traces", TRACES, flags=WALL_CLOCK, wall_offset_ns=-5,
                                               wall_uncertainty_us=0xFFFFFFFF), None
    yield "traces, anonymous", up("traces", TRACES, flags=ANONYMOUS, device_id=0), None
    yield "traces, recovered", up("traces", TRACES, flags=RECOVERED), None
    yield "traces, self-contained", up("traces", TRACES_WITH_RESOURCE, flags=SELF_CONTAINED,
                                       resource_hash=0), None
    yield "traces, every flag", up("traces", TRACES_WITH_RESOURCE, flags=0x1F, device_id=0,
                                   wall_offset_ns=1, wall_uncertainty_us=2), None
    yield "metrics", up("metrics", METRICS), None
    yield "logs", up("logs", LOGS), None
    yield "resource", up("resource", RESOURCE), None
    yield "stats", up("stats", stats_payload(spans_started=5, spans_sent=4, spans_dropped_queue_full=1)), None
    yield "stats, every field", up("stats", every_stat), None
    yield "stats, all zero", up("stats", b""), None
    yield "stats, unknown fields", up("stats", varint(1 << 3) + b"\x05" + varint(63 << 3) + b"\x01" +
                                      delimited(99, b"later") + varint(98 << 3 | 5) + b"1234" +
                                      varint(97 << 3 | 1) + b"12345678"), None
    yield "stats, largest values", up("stats", stats_payload(spans_started=2**64 - 1, previous_boot_id=2**64 - 1,
                                                             previous_boot_sequence=2**32 - 1)), None
    yield "answer with a tag", up("answer", bytes(range(16)), key_id=1), KEY
    yield "traces with a tag", up("traces", TRACES, key_id=1), KEY
    yield "traces with a tag, key 255, wall clock", up(
        "traces", TRACES, key_id=255, flags=WALL_CLOCK | RELIABLE, wall_offset_ns=1, wall_uncertainty_us=1), KEY
    yield "acknowledgement", down("acknowledgement", acknowledgement), None
    yield "acknowledgement with a tag", down("acknowledgement", acknowledgement, key_id=1), KEY
    yield "time", down("time", TIME.pack(CLOCK_NS, 1_700_000_000_000_000_000,
                                         1_700_000_000_000_050_000, 900)), None
    yield "time with a tag", down("time", TIME.pack(CLOCK_NS, -1, -2, 900), key_id=1), KEY
    yield "control, every command", down("control", every_command), None
    yield "control with a tag", down("control", every_command, key_id=1), KEY
    yield "control, no command", down("control", control(1, 0)), None
    yield "control, keep all and keep none", down("control", control(
        2, 0, (1, struct.pack("<Q", 0)), (1, struct.pack("<Q", 1 << 56)))), None
    yield "challenge", down("challenge", bytes(range(0xF0, 0x100))), None
    yield "traces, a payload of 254 and more bytes without a zero", up(
        "traces", delimited(1, delimited(2, delimited(2, SPAN + delimited(9, attribute("k", "v" * 600)))))), None


def with_crc(body):
    return body + crc(body)


def flipped(frame, at):
    return frame[:at] + bytes([frame[at] ^ 0x10]) + frame[at + 1:]


def refused_frames():
    """(name, verdict, direction, bytes, key). The one refusal that is not here is too_long: 65 508 bytes."""
    good = up("traces", TRACES)
    frame = good.encode()
    tagged = up("traces", TRACES, key_id=1).encode(KEY)
    yield "empty header", "too_short", "up", b"\xF7", None
    yield "a byte less than header and check", "too_short", "up", with_crc(good.body()[:39]), None
    yield "with a tag, but no room for it", "too_short", "up", tagged[:55], None
    yield "wrong magic", "wrong_magic", "up", with_crc(good.body(magic=0xF6)), None
    yield "wrong magic and wrong version", "wrong_magic", "up", with_crc(good.body(magic=0, version=9)), None
    yield "version 0", "unknown_version", "up", with_crc(good.body(version=0)), None
    yield "version 2", "unknown_version", "up", with_crc(good.body(version=2)), None
    yield "version 2, wrong check", "unknown_version", "up", flipped(with_crc(good.body(version=2)), -1), None
    yield "a tag, but no key", "no_key", "up", tagged, None
    yield "another key number than known", "no_key", "up", up("traces", TRACES, key_id=2).encode(KEY), KEY
    yield "a CRC where a key is demanded", "key_demanded", "up", frame, KEY
    yield "CRC, last byte", "wrong_check", "up", flipped(frame, -1), None
    yield "CRC, a byte of the payload", "wrong_check", "up", flipped(frame, 60), None
    yield "CRC in the other byte order", "wrong_check", "up", frame[:-4] + frame[:-5:-1], None
    yield "unknown kind, wrong check", "wrong_check", "up", flipped(frame, 2), None
    yield "tag, last byte", "wrong_check", "up", flipped(tagged, -1), KEY
    yield "tag, a byte of the header", "wrong_check", "up", flipped(tagged, 30), KEY
    yield "tag of the other direction", "wrong_check", "up", tagged[:-16] + tag(KEY, "down", tagged[:-16]), KEY
    yield "kind 0", "unknown_kind", "up", with_crc(dataclasses.replace(good, kind=0).body()), None
    yield "kind 7", "unknown_kind", "up", with_crc(dataclasses.replace(good, kind=7).body()), None
    yield "kind 0x80", "unknown_kind", "down", with_crc(dataclasses.replace(good, kind=0x80).body()), None
    yield "kind 0x85", "unknown_kind", "up", with_crc(dataclasses.replace(good, kind=0x85).body()), None
    yield "an acknowledgement that goes up", "wrong_direction", "up", down(
        "acknowledgement", bytes(36)).encode(), None
    yield "traces that go down", "wrong_direction", "down", frame, None
    for bit in (0x20, 0x40, 0x80):
        yield f"flag {bit:#x}", "unknown_flags", "up", up("traces", TRACES, flags=bit).encode(), None
    yield "wall clock without its fields", "bad_header", "up", with_crc(
        up("traces", b"", flags=WALL_CLOCK).body()[:40]), None
    yield "wall clock, a byte less than its fields", "bad_header", "up", with_crc(
        up("traces", b"", flags=WALL_CLOCK).body()[:51]), None
    yield "base 65 below", "bad_header", "up", up("traces", TRACES, base_distance=65, sequence=100).encode(), None
    yield "base 0", "bad_header", "up", up("traces", TRACES, base_distance=7).encode(), None
    yield "base below 0", "bad_header", "up", up("traces", TRACES, base_distance=8).encode(), None
    yield "number 0", "bad_header", "up", up("traces", TRACES, sequence=0).encode(), None
    yield "boot 0", "bad_header", "up", up("traces", TRACES, boot_id=0).encode(), None
    yield "device 0, not anonymous", "bad_header", "up", up("traces", TRACES, device_id=0).encode(), None
    yield "boot 0, down", "bad_header", "down", down("challenge", bytes(16), boot_id=0).encode(), None
    yield "traces that are text", "bad_payload", "up", up("traces", b"hello").encode(), None
    yield "traces, cut", "bad_payload", "up", up("traces", TRACES[:-1]).encode(), None
    yield "traces, a resource inside", "bad_payload", "up", up("traces", TRACES_WITH_RESOURCE).encode(), None
    yield "traces, an id of zeros", "bad_payload", "up", up(
        "traces", TRACES.replace(bytes(range(1, 17)), bytes(16))).encode(), None
    yield "traces, Latin-1", "bad_payload", "up", up(
        "traces", TRACES.replace(b"sensor.read", b"sensor.re\xE9d")).encode(), None
    yield "resource, cut", "bad_payload", "up", up("resource", RESOURCE[:-1],
                                                   resource_hash=zlib.crc32(RESOURCE[:-1])).encode(), None
    yield "resource, another hash", "bad_payload", "up", up("resource", RESOURCE, resource_hash=1).encode(), None
    yield "stats, cut", "bad_payload", "up", up("stats", b"\x08").encode(), None
    yield "stats, a field of another type", "bad_payload", "up", up("stats", delimited(1, b"5")).encode(), None
    yield "answer, 15 bytes", "bad_payload", "up", up("answer", bytes(15)).encode(), None
    yield "acknowledgement, 35 bytes", "bad_payload", "down", down("acknowledgement", bytes(35)).encode(), None
    yield "acknowledgement, 37 bytes", "bad_payload", "down", down("acknowledgement", bytes(37)).encode(), None
    yield "time, 27 bytes", "bad_payload", "down", down("time", bytes(27)).encode(), None
    yield "challenge, 17 bytes", "bad_payload", "down", down("challenge", bytes(17)).encode(), None
    for name, payload in (("without its number", bytes(7)), ("unknown code", control(1, 0, (5, b""))),
                          ("sampling, 7 bytes", control(1, 0, (1, bytes(7)))),
                          ("sampling, above 2^56", control(1, 0, (1, struct.pack("<Q", (1 << 56) + 1)))),
                          ("tracer without a state", control(1, 0, (2, b""))),
                          ("tracer, state 3", control(1, 0, (2, b"\x03"))),
                          ("tracer, not UTF-8", control(1, 0, (2, b"\x01\xE9"))),
                          ("flush with a value", control(1, 0, (4, b"x"))),
                          ("past the end", control(1, 0, (4, b"")) + b"\x01\x08"),
                          ("a good command, then half of one", control(1, 0, (4, b"")) + b"\x03")):
        yield f"control, {name}", "bad_payload", "down", down("control", payload).encode(), None


def keys_of(data, key):
    """The receiver's keys: number 1 of the vectors' device, or the number that a good frame names."""
    number = 255 if len(data) > 4 and data[4] == 255 else 1
    return {(DEVICE, number): key} if key else {}


def row(name, verdict, direction, data, key):
    seen, frame = receive(data, direction, keys_of(data, key))
    if seen != verdict:
        raise AssertionError(f"{name}: {seen}, not {verdict}")
    if cobs_decode(cobs_encode(data)) != data:
        raise AssertionError(f"{name}: COBS")
    fields = json.dumps(frame.fields(), separators=(",", ":")) if frame else ""
    return "\t".join((name, verdict, direction, key.hex() if key else "", data.hex(),
                      cobs_encode(data).hex(), fields))


def vectors():
    rows = ["\t".join(COLUMNS)]
    rows += [row(name, "ok", frame.direction(), frame.encode(key), key) for name, frame, key in good_frames()]
    rows += [row(*refused) for refused in refused_frames()]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(vectors())
