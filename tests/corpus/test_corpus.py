# SPDX-License-Identifier: MIT
"""At least 100 000 random spans: the corpus program compares each with what was meant by way of
nanopb's decoder, and every one of them is compared again here by way of the official runtime."""

import json
import os
import pathlib
import struct
import subprocess

import pytest

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

CORPUS = pathlib.Path(os.environ["BUILD"]) / "corpus"
SEED = os.environ.get("CORPUS_SEED", "1")
# (configuration, spans): together more than 100 000.
RUNS = [("default", 150000), ("tiny", 80000), ("least", 40000), ("huge", 10000)]
VALUE_FIELDS = {1: "string_value", 2: "bool_value", 3: "int_value", 4: "double_value"}


def text_differs(meant, got):
    """`meant` is the longest that is right, and the least length."""
    longest, least = bytes.fromhex(meant[0]), meant[1]
    got = got.encode()
    return not (least <= len(got) <= len(longest) and longest.startswith(got))


def value_differs(kind, meant, got):
    field = VALUE_FIELDS[kind]
    if got.WhichOneof("value") != field:
        return True
    value = getattr(got, field)
    if kind == 1:
        return value.encode().hex() != meant
    if kind == 2:
        return value != bool(meant)
    if kind == 3:
        return value % 2**64 != meant
    return struct.pack("<d", value) != struct.pack("<Q", meant)


def attributes_differ(meant, got):
    """As a map: each key once."""
    arrived = {attribute.key.encode().hex(): attribute.value for attribute in got}
    return len(arrived) != len(got) or arrived.keys() != {key for key, _, _ in meant} or any(
        value_differs(kind, value, arrived[key]) for key, kind, value in meant)


def event_differs(meant, got):
    return (got.time_unix_nano != meant["time"] or text_differs(meant["name"], got.name)
            or got.dropped_attributes_count != meant["dropped"]
            or attributes_differ(meant["attributes"], got.attributes))


def differences(meant, got):
    yield "trace_id", got.trace_id.hex() != meant["trace_id"]
    yield "parent_span_id", got.parent_span_id.hex() != meant["parent"]
    yield "trace_state", got.trace_state.encode().hex() != meant["tracestate"]
    yield "name", text_differs(meant["name"], got.name)
    yield "kind", got.kind != meant["kind"]
    yield "start", got.start_time_unix_nano != meant["start"]
    yield "end", got.end_time_unix_nano != meant["end"]
    yield "flags", got.flags != meant["flags"]
    yield "status", got.status.code != meant["status"]
    yield "message", text_differs(meant["message"], got.status.message)
    yield "attributes", attributes_differ(meant["attributes"], got.attributes)
    yield "dropped_attributes_count", got.dropped_attributes_count != meant["attributes_dropped"]
    yield "dropped_events_count", got.dropped_events_count != meant["events_dropped"]
    yield "events", len(got.events) != len(meant["events"]) or any(
        event_differs(*pair) for pair in zip(meant["events"], got.events))
    yield "links", len(got.links) != 0


def spans_of(payload):
    """The spans of a frame by id. The message has the length that the runtime's own encoder gives it,
    but for empty names, which that encoder leaves out and nanopb's writes."""
    request = trace_service_pb2.ExportTraceServiceRequest.FromString(payload)
    spans = [span for resource in request.resource_spans for scope in resource.scope_spans
             for span in scope.spans]
    names = [span.name for span in spans] + [event.name for span in spans for event in span.events]
    length = request.ByteSize()
    assert length == len(payload) if all(names) else length < len(payload), payload.hex()
    return {span.span_id.hex(): span for span in spans}


@pytest.mark.parametrize("config,count", RUNS)
def test_every_span_arrives_as_it_was_meant(config, count):
    program = subprocess.Popen([CORPUS / f"corpus_{config}", str(count), SEED, "print"],
                               stdout=subprocess.PIPE, text=True)
    compared, arrived = 0, {}
    with program:
        for line in program.stdout:
            if line[0] == "F":
                assert not arrived, "a span arrived that nobody meant"
                arrived = spans_of(bytes.fromhex(line[1:]))
                continue
            meant = json.loads(line[1:])
            got = arrived.pop(meant["span_id"])
            wrong = [name for name, differs in differences(meant, got) if differs]
            assert not wrong, (wrong, meant, got)
            compared += 1
    assert program.returncode == 0
    assert not arrived
    assert compared >= count


def test_no_byte_is_touched_that_is_not_ours():
    """The same under ASan and UBSan, with spans of its own."""
    subprocess.run([CORPUS / "sanitized_default", "20000", SEED + "7"], check=True, timeout=300)


def test_the_corpus_is_large():
    assert sum(count for _, count in RUNS) >= 100_000
