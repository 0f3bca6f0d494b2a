# SPDX-License-Identifier: MIT
"""One span made by the official runtime goes through the real Collector into the real Jaeger: what
the other interop tests stand on."""

import secrets
import time

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from interop import peers


def one_span_request(trace_id, span_id):
    now_ns = time.time_ns()
    request = trace_service_pb2.ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    service = resource_spans.resource.attributes.add(key="service.name")
    service.value.string_value = "fixture"
    span = resource_spans.scope_spans.add().spans.add(
        trace_id=trace_id, span_id=span_id, name="probe", kind=trace_pb2.Span.SPAN_KIND_SERVER,
        start_time_unix_nano=now_ns - 5_000_000, end_time_unix_nano=now_ns)
    span.attributes.add(key="answer").value.int_value = 42
    return request


def test_a_span_posted_to_the_collector_is_read_back_from_jaeger(collector_to_jaeger, jaeger):
    trace_id, span_id = secrets.token_bytes(16), secrets.token_bytes(8)
    status, _ = peers.http(
        "POST", f"{collector_to_jaeger.endpoint}/v1/traces",
        body=one_span_request(trace_id, span_id).SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"})
    assert status == 200

    (resource, _, span), = collector_to_jaeger.wait_for_spans(1)
    assert resource == {"service.name": "fixture"}
    assert (span["traceId"], span["spanId"]) == (trace_id.hex(), span_id.hex())
    assert peers.attributes(span) == {"answer": 42}

    trace = jaeger.wait_for_trace(trace_id.hex(), span_count=1)
    (span,) = trace["spans"]
    assert span["operationName"] == "probe"
    assert span["spanID"] == span_id.hex()
    assert span["duration"] == 5000
    assert {"key": "answer", "type": "int64", "value": 42} in span["tags"]
    assert trace["processes"][span["processID"]]["serviceName"] == "fixture"
    assert jaeger.services() == ["fixture"]


def test_a_request_that_is_not_otlp_is_refused(collector):
    status, _ = peers.http("POST", f"{collector.endpoint}/v1/traces", body=b"\xff\xff\xff",
                           headers={"Content-Type": "application/x-protobuf"})
    assert status == 400
    assert collector.spans() == []
