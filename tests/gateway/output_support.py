# SPDX-License-Identifier: MIT
"""For the tests of the gateway's outputs: spans made with the official protobuf runtime, devices
that put them into frames, and an HTTP server that does as it is told."""

import base64
import contextlib
import http.server
import os
import pathlib
import socket
import struct
import subprocess
import threading
import time
import zlib

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from gateway import link

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
GATEWAY = os.environ.get("OTEL_GATEWAY", str(BUILD / "otel-gateway-asan"))
BOOT_UNIX_NS = 1_790_000_000_000_000_000  # when the devices of these tests booted
FIRST_US = 1_000_000  # on the devices' clocks, the first moment that the tests speak of

Request = trace_service_pb2.ExportTraceServiceRequest
Response = trace_service_pb2.ExportTraceServiceResponse
Span = trace_pb2.Span
ERROR, OK = trace_pb2.Status.STATUS_CODE_ERROR, trace_pb2.Status.STATUS_CODE_OK


# ---- OTLP ----


def any_value(value):
    if isinstance(value, bool):
        return common_pb2.AnyValue(bool_value=value)
    if isinstance(value, int):
        return common_pb2.AnyValue(int_value=value)
    if isinstance(value, float):
        return common_pb2.AnyValue(double_value=value)
    if isinstance(value, bytes):
        return common_pb2.AnyValue(bytes_value=value)
    if isinstance(value, list):
        return common_pb2.AnyValue(array_value=common_pb2.ArrayValue(values=map(any_value, value)))
    if isinstance(value, dict):
        return common_pb2.AnyValue(kvlist_value=common_pb2.KeyValueList(values=key_values(value)))
    return common_pb2.AnyValue() if value is None else common_pb2.AnyValue(string_value=value)


def key_values(values):
    return [common_pb2.KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def span_id(number):
    return struct.pack(">Q", number)


def trace_id(number):
    return struct.pack(">QQ", 0x4BF92F3577B34DA6, number)


def span(name, number, start_us, end_us, trace=1, parent=0, attributes=None, **fields):
    """Times are microseconds after FIRST_US."""
    made = Span(
        trace_id=trace_id(trace),
        span_id=span_id(number),
        name=name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=(FIRST_US + start_us) * 1000,
        end_time_unix_nano=(FIRST_US + end_us) * 1000,
        attributes=key_values(attributes or {}),
        flags=0x101,
        **fields,
    )
    if parent:
        made.parent_span_id = span_id(parent)
    return made


def event(name, at_us, **attributes):
    return Span.Event(
        name=name, time_unix_nano=(FIRST_US + at_us) * 1000, attributes=key_values(attributes)
    )


def error(message=""):
    return trace_pb2.Status(code=ERROR, message=message)


def payload(*spans, scope="board"):
    scope_spans = trace_pb2.ScopeSpans(
        scope=common_pb2.InstrumentationScope(name=scope), spans=spans
    )
    return Request(
        resource_spans=[trace_pb2.ResourceSpans(scope_spans=[scope_spans])]
    ).SerializeToString()


def spans_of(requests):
    """(resource attributes, span) of each span of decoded requests."""
    return [
        (plain(resource_spans.resource.attributes), one)
        for request in requests
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for one in scope_spans.spans
    ]


def plain(attributes):
    return {
        entry.key: getattr(entry.value, entry.value.WhichOneof("value") or "string_value")
        for entry in attributes
    }


# ---- devices ----


class Device:
    """Makes the frames of a device, which knows the time to the microsecond unless told otherwise."""

    def __init__(
        self,
        service="thermostat",
        device_id=0x00A1B2C3D4E5F607,
        boot_id=7,
        knows_time=True,
        **attributes,
    ):
        self.device_id, self.boot_id, self.knows_time = device_id, boot_id, knows_time
        self.sequence = 1
        self.resource = resource_pb2.Resource(
            attributes=key_values({"service.name": service, **attributes})
        ).SerializeToString()
        self.hash = zlib.crc32(self.resource)

    def header(self, clock_us=0):
        fields = dict(
            device_id=self.device_id,
            boot_id=self.boot_id,
            sequence=self.sequence,
            clock_ns=clock_us * 1000,
        )
        if self.knows_time:
            fields |= dict(
                flags=link.WALL_CLOCK, wall_offset_ns=BOOT_UNIX_NS, wall_uncertainty_us=1
            )
        return fields

    def resource_frame(self):
        return link.resource_frame(self.resource, **self.header())

    def spans(self, *spans, with_hash=True):
        return self.raw(payload(*spans), with_hash)

    def raw(self, bytes_of_request, with_hash=True):
        frame = link.Frame(
            payload=bytes_of_request, resource_hash=self.hash if with_hash else 0, **self.header()
        )
        self.sequence += 1
        return frame

    def stats(self, **stats):
        return link.stats_frame(stats, resource_hash=self.hash, **self.header())

    def skip(self, count):
        self.sequence += count


# ---- the gateway ----


def environment(**variables):
    """The tests' own, and nothing of the user's that the outputs would look at."""
    names = (
        "OTEL_",
        "COLUMNS",
        "NO_COLOR",
        "TERM",
        "LC_",
        "LANG",
        "http_proxy",
        "HTTP_PROXY",
        "ALL_PROXY",
        "all_proxy",
        "TZ",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC", **variables}


def stream(*frames):
    return b"".join(part if isinstance(part, bytes) else part.on_stream() for part in frames)


def run_on(capture, *arguments, deadline_s=60, **variables):
    """Runs the gateway on a capture to its end: (stdout, stderr), bytes and text."""
    ended = subprocess.run(
        [GATEWAY, *arguments, "-"],
        input=capture,
        capture_output=True,
        timeout=deadline_s,
        env=environment(**variables),
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")
    return ended.stdout, ended.stderr.decode(errors="replace")


def counters(stderr):
    """What --stats=tsv printed."""
    pairs = (line.split("\t") for line in stderr.splitlines() if line.count("\t") == 1)
    return {name: int(value) for name, value in pairs}


class Gateway:
    """A gateway that listens on a UDP port; frames are sent to it one by one."""

    def __init__(self, *arguments, **variables):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.process = subprocess.Popen(
            [GATEWAY, "--stats=tsv", *arguments, f"udp:127.0.0.1:{self.port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(**variables),
        )
        self.stdout, self.stderr = bytearray(), bytearray()
        self.readers = [
            threading.Thread(target=self.read, args=pair, daemon=True)
            for pair in ((self.process.stdout, self.stdout), (self.process.stderr, self.stderr))
        ]
        for reader in self.readers:
            reader.start()
        self.wait_until_it_listens()

    @staticmethod
    def read(pipe, into):
        while chunk := pipe.read1(65536):
            into += chunk

    def wait_until_it_listens(self):
        wanted = f"0100007F:{self.port:04X}"
        wait_until(
            lambda: self.process.poll() is not None
            or wanted in pathlib.Path("/proc/net/udp").read_text()
        )
        assert self.process.poll() is None, bytes(self.stderr)

    def send(self, *frames):
        for frame in frames:
            self.socket.sendto(frame.encode(), ("127.0.0.1", self.port))

    def stop(self, deadline_s=20):
        """SIGTERM; how long it took, in seconds."""
        before = time.monotonic()
        self.process.terminate()
        try:
            status = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        took_s = time.monotonic() - before
        for reader in self.readers:
            reader.join(5)
        assert status == 0, self.stderr.decode(errors="replace")
        return took_s

    def counters(self):
        return counters(self.stderr.decode())

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()


def wait_until(condition, deadline_s=8):
    end = time.monotonic() + deadline_s
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return value


# ---- the server ----


class Answer:
    """What the server does: after `hang_s` of nothing; `drop`: it closes without an answer."""

    def __init__(
        self,
        status=200,
        body=b"",
        headers=None,
        hang_s=0,
        drop=False,
        content_type="application/x-protobuf",
        raw=None,
    ):
        self.status, self.body, self.hang_s, self.drop, self.raw = status, body, hang_s, drop, raw
        self.headers = {"Content-Type": content_type, **(headers or {})}


class Arrival:
    def __init__(self, path, headers, body, connection):
        self.path, self.headers, self.body, self.connection = path, headers, body, connection
        self.at = time.monotonic()

    def request(self):
        return Request.FromString(self.body)


class Server:
    """An OTLP/HTTP receiver: answers from a list, then with `always`; keeps every request."""

    def __init__(self, *answers, always=None, port=0):
        self.answers = list(answers)
        self.always = always or Answer()
        self.arrivals = []
        self.hurry = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_POST(self):
                server.handle(self)

            def log_message(self, *arguments):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.daemon_threads = True
        self.http.block_on_close = False
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def handle(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.arrivals.append(Arrival(handler.path, handler.headers, body, handler.client_address))
        answer = self.answers.pop(0) if self.answers else self.always
        if answer.hang_s:
            self.hurry.wait(answer.hang_s)
        if answer.drop:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        with contextlib.suppress(OSError):
            if answer.raw is not None:
                handler.wfile.write(answer.raw)
                handler.close_connection = True
                return
            handler.send_response(answer.status)
            for name, value in answer.headers.items():
                handler.send_header(name, value() if callable(value) else value)
            handler.send_header("Content-Length", str(len(answer.body)))
            handler.end_headers()
            handler.wfile.write(answer.body)

    def requests(self):
        return [arrival.request() for arrival in self.arrivals]

    def spans(self):
        return spans_of(self.requests())

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.hurry.set()
        self.http.shutdown()
        self.http.server_close()


# ---- OTLP/JSON ----


def request_of_json(value):
    """An OTLP/JSON request as the official protobuf message. OTLP/JSON writes ids in hexadecimal,
    where protobuf's own JSON mapping writes them in base64."""

    def with_base64_ids(node):
        if isinstance(node, list):
            return [with_base64_ids(element) for element in node]
        if not isinstance(node, dict):
            return node
        return {
            key: (
                base64.b64encode(bytes.fromhex(element)).decode()
                if key in ("traceId", "spanId", "parentSpanId")
                else with_base64_ids(element)
            )
            for key, element in node.items()
        }

    return json_format.ParseDict(with_base64_ids(value), Request())
