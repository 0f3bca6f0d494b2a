# SPDX-License-Identifier: MIT
"""--json: each line, read with the official protobuf runtime, is the batch that was sent."""

import json
import math
import random
import struct

from google.protobuf.internal import decoder

from gateway import link, output_support as support
from gateway.output_support import Device, Span, common_pb2, span, trace_pb2

TEXTS = [
    "",
    "a",
    "Größe",
    "温度",
    "\U0001f321",
    'say "no"',
    "back\\slash",
    "\x00\x01\x1f",
    "\x7f\x80\x9b",
    "line\nend",
    "\u2028\ufeff",
    "x" * 300,
]
INTEGERS = [0, 1, -1, 2**31, 2**53 + 1, -(2**63), 2**63 - 1]
DOUBLES = [
    0.0,
    -0.0,
    1.0,
    0.1,
    -1.5e-300,
    1.7976931348623157e308,
    5e-324,
    math.inf,
    -math.inf,
    123456789012345680.0,
]


def random_value(random_, depth=0):
    kind = random_.randrange(8 if depth < 4 else 6)
    if kind == 0:
        return random_.choice(TEXTS)
    if kind == 1:
        return random_.random() < 0.5
    if kind == 2:
        return random_.choice(INTEGERS)
    if kind == 3:
        return random_.choice(DOUBLES)
    if kind == 4:
        return random_.randbytes(random_.randrange(8))
    if kind == 5:
        return None
    if kind == 6:
        return [random_value(random_, depth + 1) for _ in range(random_.randrange(4))]
    return {
        f"k{number}": random_value(random_, depth + 1) for number in range(random_.randrange(4))
    }


def random_attributes(random_, most=5):
    return support.key_values(
        {
            random_.choice(TEXTS) + str(number): random_value(random_)
            for number in range(random_.randrange(most))
        }
    )


def random_span(random_):
    made = Span(
        trace_id=random_.randbytes(15) + b"\1",
        span_id=random_.randbytes(7) + b"\1",
        name=random_.choice(TEXTS),
        kind=random_.randrange(6),
        trace_state=random_.choice(["", "ot=th:8"]),
        flags=random_.choice([0, 0x101, 0x301, 2**32 - 1]),
        start_time_unix_nano=random_.randrange(2**40),
        end_time_unix_nano=2**40 + random_.randrange(2**40),
        attributes=random_attributes(random_),
        dropped_attributes_count=random_.choice([0, 7, 2**32 - 1]),
        dropped_events_count=random_.choice([0, 1]),
        dropped_links_count=random_.choice([0, 2]),
    )
    if random_.random() < 0.5:
        made.parent_span_id = random_.randbytes(7) + b"\1"
    if random_.random() < 0.5:
        made.status.CopyFrom(
            trace_pb2.Status(code=random_.randrange(3), message=random_.choice(TEXTS))
        )
    for _ in range(random_.randrange(3)):
        made.events.add(
            time_unix_nano=random_.randrange(2**41),
            name=random_.choice(TEXTS),
            attributes=random_attributes(random_),
            dropped_attributes_count=random_.choice([0, 3]),
        )
    for _ in range(random_.randrange(3)):
        made.links.add(
            trace_id=random_.randbytes(15) + b"\1",
            span_id=random_.randbytes(7) + b"\1",
            trace_state=random_.choice(["", "a=b"]),
            attributes=random_attributes(random_),
            flags=random_.choice([0, 0x300]),
        )
    return made


def top_level_fields(message):
    """The bytes of each field of a serialized message."""
    at, fields = 0, []
    while at < len(message):
        start = at
        key, at = decoder._DecodeVarint(message, at)
        if key & 7 == 0:
            _, at = decoder._DecodeVarint(message, at)
        elif key & 7 == 2:
            size, at = decoder._DecodeVarint(message, at)
            at += size
        else:
            at += 8 if key & 7 == 1 else 4
        fields.append(message[start:at])
    return fields


def delimited(number, content):
    return link.varint(number << 3 | 2) + link.varint(len(content)) + content


def shuffled(random_, one):
    """Fields of different numbers in any order: a device writes in the order of the calls."""
    fields = top_level_fields(one.SerializeToString())
    keys = [field[0] for field in fields]
    random_.shuffle(keys)
    queues = {}
    for field in fields:
        queues.setdefault(field[0], []).append(field)
    return b"".join(queues[key].pop(0) for key in keys)


def moved(request):
    """What the gateway does to a request of a device that knows the time, its resource apart."""
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for one in scope_spans.spans:
                one.start_time_unix_nano += support.BOOT_UNIX_NS
                one.end_time_unix_nano += support.BOOT_UNIX_NS
                for happened in one.events:
                    happened.time_unix_nano += support.BOOT_UNIX_NS
    return request


def lines_of(stdout):
    assert stdout.endswith(b"\n")
    return [json.loads(line) for line in stdout.splitlines()]


def test_random_spans_come_back_from_the_official_runtime():
    random_ = random.Random(20260101)
    device = Device(**{"sdk.texts": "".join(TEXTS), "many": [1, 2.5, None]})
    frames, sent = [device.resource_frame()], []
    for _ in range(400):
        spans = [random_span(random_) for _ in range(random_.randrange(1, 5))]
        scope = trace_pb2.ScopeSpans(
            scope=common_pb2.InstrumentationScope(
                name=random_.choice(TEXTS),
                version=random_.choice(["", "1.2"]),
                attributes=random_attributes(random_),
            ),
            schema_url=random_.choice(["", "https://opentelemetry.io/schemas/1.30.0"]),
        )
        content = scope.SerializeToString() + b"".join(
            delimited(2, shuffled(random_, one)) for one in spans
        )
        frames.append(device.raw(delimited(1, delimited(2, content))))
        request = support.Request.FromString(delimited(1, delimited(2, content)))
        assert list(request.resource_spans[0].scope_spans[0].spans) == spans
        sent.append(moved(request))
    stdout, _ = support.run_on(support.stream(*frames), "--json")
    received = lines_of(stdout)
    assert len(received) == len(sent)
    for line, request in zip(received, sent):
        got = support.request_of_json(line)
        resource = support.plain(got.resource_spans[0].resource.attributes)
        assert resource["service.name"] == "thermostat" and resource["sdk.texts"] == "".join(TEXTS)
        got.resource_spans[0].ClearField("resource")
        assert got == request
        assert got.SerializeToString(deterministic=True) == request.SerializeToString(
            deterministic=True
        )


def test_encoding_is_that_of_the_otlp_specification():
    device = Device(knows_time=False)
    nan = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000000))[0]
    frame = device.spans(
        span(
            "read",
            0xAB,
            10,
            20,
            parent=0xCD,
            status=support.error("no"),
            attributes={
                "i": 2**60,
                "d": nan,
                "inf": -math.inf,
                "b": b"\xff\xfe",
                "t": True,
                "z": 0,
                "e": "",
                "n": None,
            },
        )
    )
    stdout, _ = support.run_on(support.stream(device.resource_frame(), frame), "--json")
    (line,) = lines_of(stdout)
    one = line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert one["traceId"] == "4bf92f3577b34da60000000000000001"
    assert one["spanId"] == "00000000000000ab" and one["parentSpanId"] == "00000000000000cd"
    assert one["kind"] == 1 and one["status"] == {"code": 2, "message": "no"}
    assert isinstance(one["startTimeUnixNano"], str)
    values = {entry["key"]: entry["value"] for entry in one["attributes"]}
    assert values == {
        "i": {"intValue": str(2**60)},
        "d": {"doubleValue": "NaN"},
        "inf": {"doubleValue": "-Infinity"},
        "b": {"bytesValue": "//4="},
        "t": {"boolValue": True},
        "z": {"intValue": "0"},
        "e": {"stringValue": ""},
        "n": {},
        "otel_h.time.estimated": {"boolValue": True},
    }


def test_control_characters_never_reach_the_terminal():
    everything = "".join(map(chr, range(0x100)))
    device = Device()
    frame = device.spans(span(everything, 1, 10, 20))
    stdout, _ = support.run_on(support.stream(device.resource_frame(), frame), "--json")
    (line,) = lines_of(stdout)
    assert line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] == everything
    assert not [c for c in stdout.decode()[:-1] if ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0]


def test_console_text_does_not_get_between_the_lines():
    device = Device()
    stdout, stderr = support.run_on(
        support.stream(
            b"hello\n", device.resource_frame(), b"wor", device.spans(span("a", 1, 1, 2)), b"ld\n"
        ),
        "--json",
    )
    assert len(lines_of(stdout)) == 1
    assert "hello\nworld\n" in stderr


def test_each_line_has_the_resource_of_its_device():
    devices = [
        Device(service, device_id=number) for number, service in enumerate(["pump", "fan"], 1)
    ]
    frames = [device.resource_frame() for device in devices]
    frames += [device.spans(span("a", 1, 1, 2)) for device in devices * 2]
    stdout, _ = support.run_on(support.stream(*frames), "--json")
    names = [
        support.plain(support.request_of_json(line).resource_spans[0].resource.attributes)
        for line in lines_of(stdout)
    ]
    assert [one["service.name"] for one in names] == ["pump", "fan"] * 2
    assert [one["service.instance.id"][-1] for one in names] == ["1", "2"] * 2
