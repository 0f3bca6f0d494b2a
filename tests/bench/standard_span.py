# SPDX-License-Identifier: MIT
"""Checks with the official decoder that bytes are the standard span of standard_span.h."""

import ast
import pathlib
import re

from opentelemetry.proto.trace.v1 import trace_pb2

HEADER = pathlib.Path(__file__).with_name("standard_span.h").read_text()


def _defines():
    joined = HEADER.replace("\\\n", " ")
    for name, value in re.findall(r"^#define STANDARD_(\w+) (.+)$", joined, re.MULTILINE):
        value = re.sub(r"/\*.*?\*/", "", value).strip()
        if value.startswith("{"):
            yield name, bytes(int(byte, 16) for byte in re.findall(r"0x(\w\w)", value))
        else:
            yield name, ast.literal_eval(value.rstrip("u"))


WANT = dict(_defines())


def check(span, *, parent=True):
    """Raises AssertionError unless `span` (a trace_pb2.Span) says what every row must say."""
    attributes = {item.key: getattr(item.value, item.value.WhichOneof("value"))
                  for item in span.attributes}
    assert span.name == WANT["NAME"], span
    assert span.kind == trace_pb2.Span.SPAN_KIND_SERVER, span
    assert attributes == {
        WANT["MODEL_KEY"]: WANT["MODEL"],
        WANT["PLACE_KEY"]: WANT["PLACE"],
        WANT["RAW_KEY"]: WANT["RAW"],
        WANT["VALID_KEY"]: bool(WANT["VALID"]),
    }, span
    (event,) = span.events
    (attribute,) = event.attributes
    assert event.name == WANT["EVENT"], span
    assert attribute.key == WANT["EVENT_KEY"], span
    assert attribute.value.string_value == WANT["EVENT_VALUE"], span
    assert span.status.code == trace_pb2.Status.STATUS_CODE_OK, span
    assert span.start_time_unix_nano <= event.time_unix_nano <= span.end_time_unix_nano, span
    assert len(span.trace_id) == 16 and len(span.span_id) == 8 and any(span.span_id), span
    if parent:
        assert span.trace_id == WANT["TRACE_ID"] and span.parent_span_id == WANT["PARENT_ID"], span
    assert span.ByteSize() == WANT["SPAN_BYTES"], (span.ByteSize(), span)


def check_scope_spans(payload):
    """`payload` is fields 2 of ScopeSpans; returns how many spans."""
    spans = trace_pb2.ScopeSpans.FromString(payload).spans
    assert spans
    for span in spans:
        check(span)
    return len(spans)
