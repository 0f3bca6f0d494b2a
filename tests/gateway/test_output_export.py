# SPDX-License-Identifier: MIT
"""The exporter against an HTTP server that refuses, hangs, lies and comes back."""

import collections
import email.utils
import subprocess
import time

import pytest

from gateway import output_support as support
from gateway.output_support import Answer, Device, Gateway, Response, Server, span


def endpoint(server, **variables):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, **variables}


def feed(gateway, device, count=1, first=1, name="work"):
    gateway.send(device.resource_frame())
    for number in range(first, first + count):
        gateway.send(device.spans(span(name, number, number * 10, number * 10 + 5, trace=number)))


def arrived(server, count=1):
    support.wait_until(lambda: len(server.arrivals) >= count)


# ---- what goes out ----


def test_request_is_what_the_specification_asks_for():
    device = Device(**{"service.version": "1.4"})
    wanted = span(
        "read",
        1,
        10,
        50,
        attributes={"raw": -3, "name": "bme280", "ratio": 0.5, "ok": True},
        events=[support.event("irq", 20, line=4)],
        status=support.error("broken"),
    )
    with Server() as server, Gateway(**endpoint(server)) as gateway:
        gateway.send(device.resource_frame(), device.spans(wanted))
        arrived(server)
        gateway.stop()
        arrival = server.arrivals[0]
        assert arrival.path == "/v1/traces"
        assert arrival.headers["Content-Type"] == "application/x-protobuf"
        assert arrival.headers["User-Agent"].startswith("OTel-OTLP-Exporter-otel-h/0")
        assert "Expect" not in arrival.headers
        ((resource, got),) = server.spans()
    assert resource["service.name"] == "thermostat" and resource["service.version"] == "1.4"
    assert resource["service.instance.id"] == "00a1b2c3d4e5f607"
    for moved in (wanted, *wanted.events):
        for field in ("start_time_unix_nano", "end_time_unix_nano", "time_unix_nano"):
            if hasattr(moved, field):
                setattr(moved, field, getattr(moved, field) + support.BOOT_UNIX_NS)
    assert got == wanted
    assert gateway.counters()["spans_exported"] == 1


def test_instance_id_of_the_device_is_kept():
    device = Device(**{"service.instance.id": "mine"})
    with Server() as server, Gateway(**endpoint(server)) as gateway:
        feed(gateway, device)
        arrived(server)
        attributes = server.requests()[0].resource_spans[0].resource.attributes
    assert [
        entry.value.string_value for entry in attributes if entry.key == "service.instance.id"
    ] == ["mine"]


def test_frames_share_requests_and_the_connection_is_kept():
    with Server() as server, Gateway(**endpoint(server)) as gateway:
        feed(gateway, Device(), 50)
        arrived(server)
        feed(gateway, Device(boot_id=8), 50, first=51)
        support.wait_until(lambda: len(server.spans()) == 100)
        gateway.stop()
        assert len(server.arrivals) <= 6
        assert len({arrival.connection for arrival in server.arrivals}) == 1
        for request in server.requests():
            assert len(request.resource_spans) == 1, "one device, one boot, one resource"


def test_devices_are_never_merged():
    twins = [Device(device_id=number) for number in (1, 2)]  # the same resource, bit for bit
    rebooted = Device(device_id=1, boot_id=9)
    with Server() as server, Gateway(**endpoint(server)) as gateway:
        for number in range(1, 31):
            for device in (*twins, rebooted):
                if number == 1:
                    gateway.send(device.resource_frame())
                gateway.send(
                    device.spans(span(f"{device.device_id}/{device.boot_id}", number, 1, 2))
                )
        support.wait_until(lambda: len(server.spans()) == 90)
        gateway.stop()
        seen = collections.Counter()
        for request in server.requests():
            for resource_spans in request.resource_spans:
                names = {one.name for scope in resource_spans.scope_spans for one in scope.spans}
                instance = support.plain(resource_spans.resource.attributes)["service.instance.id"]
                assert len(names) == 1 and names.pop().startswith(instance[-1] + "/")
                seen[instance] += 1
            assert len(request.resource_spans) <= 3
    assert set(seen) == {f"{1:016x}", f"{2:016x}"}


def test_resource_that_never_comes():
    device = Device()
    with Server() as server, Gateway("--resource-wait-ms=100", **endpoint(server)) as gateway:
        gateway.send(device.spans(span("read", 1, 10, 20)))
        arrived(server)
        ((resource, _),) = server.spans()
    assert resource == {
        "service.name": "unknown_service",
        "service.instance.id": "00a1b2c3d4e5f607",
    }


@pytest.mark.parametrize("knows_time", [True, False])
def test_estimated_times_are_marked_and_only_those(knows_time):
    device = Device(knows_time=knows_time)
    # Lengths around those at which a length takes one byte more, on every level.
    spans = [
        span("read", number, 10, 20, attributes={"k": "v" * (number % 80 + 16320 * (number // 80))})
        for number in range(1, 160)
    ]
    with Server() as server, Gateway(**endpoint(server)) as gateway:
        gateway.send(
            device.resource_frame(),
            device.spans(*spans[:2]),
            *(device.spans(one) for one in spans[2:]),
        )
        support.wait_until(lambda: len(server.spans()) == len(spans))
        got = [one for _, one in server.spans()]
    for one, sent in zip(got, spans):
        attributes = support.plain(one.attributes)
        assert attributes.pop("otel_h.time.estimated", None) is (None if knows_time else True)
        assert attributes == support.plain(sent.attributes)
        assert one.end_time_unix_nano - one.start_time_unix_nano == 10_000


def test_self_contained_payloads_keep_their_own_resources():
    request = support.Request.FromString(support.payload(span("a", 1, 10, 20)))
    request.resource_spans[0].resource.attributes.extend(
        support.key_values({"service.name": "inside"})
    )
    request.resource_spans.add().CopyFrom(request.resource_spans[0])
    request.resource_spans[1].resource.attributes[0].value.string_value = "other"
    frame = support.link.Frame(
        flags=support.link.SELF_CONTAINED, payload=request.SerializeToString()
    )
    with Server() as server, Gateway(**endpoint(server)) as gateway:
        gateway.send(frame)
        arrived(server)
        assert server.requests() == [request]


def test_waterfall_beside_the_exporter():
    with Server() as server, Gateway("--waterfall", **endpoint(server)) as gateway:
        feed(gateway, Device())
        arrived(server)
        gateway.stop()
    assert b"work" in gateway.stdout


def test_this_machine_is_not_reached_through_a_proxy():
    proxies = {name: "http://127.0.0.1:1" for name in ("http_proxy", "HTTP_PROXY", "all_proxy")}
    with Server() as server, Gateway(**endpoint(server, **proxies, no_proxy="example")) as gateway:
        feed(gateway, Device())
        arrived(server)


# ---- the environment ----


@pytest.mark.parametrize(
    "variables, path",
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "{url}/"}, "/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "{url}/base"}, "/base/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{url}/as/it/is"}, "/as/it/is"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{url}"}, "/"),
        (
            {
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{url}/mine",
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
            },
            "/mine",
        ),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "", "OTEL_EXPORTER_OTLP_ENDPOINT": "{url}"},
            "/v1/traces",
        ),
    ],
)
def test_endpoint(variables, path):
    with Server() as server:
        given = {name: value.format(url=server.url) for name, value in variables.items()}
        with Gateway(**given) as gateway:
            feed(gateway, Device())
            arrived(server)
            assert server.arrivals[0].path == path


@pytest.mark.parametrize(
    "variables, headers",
    [
        ({"OTEL_EXPORTER_OTLP_HEADERS": "api-key=secret"}, {"api-key": "secret"}),
        (
            {"OTEL_EXPORTER_OTLP_HEADERS": " a = 1 , b=%20two%2C words%3D ,,c="},
            {"a": "1", "b": " two, words=", "c": ""},
        ),
        (
            {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20YTpi=="},
            {"authorization": "Basic YTpi=="},
        ),
        (
            {
                "OTEL_EXPORTER_OTLP_HEADERS": "a=general",
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "b=own",
            },
            {"a": None, "b": "own"},
        ),
    ],
)
def test_headers(variables, headers):
    with Server() as server, Gateway(**endpoint(server, **variables)) as gateway:
        feed(gateway, Device())
        arrived(server)
        got = {name: server.arrivals[0].headers.get(name) for name in headers}
    assert got == {name: value and value.strip() for name, value in headers.items()}


@pytest.mark.parametrize(
    "name, value, word",
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "http://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "URL"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:99999", "URL"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://127.0.0.1/", "http://"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no-equals", "'='"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=%zz", "'%'"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=%0d%0aX-Injected: 1", "control character"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "bad name=1", "name"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Content-Length=3", "belongs to the exporter"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "milliseconds"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1", "milliseconds"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "milliseconds"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
    ],
)
def test_mistakes_in_the_environment(name, value, word):
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", name: value}
    ended = subprocess.run(
        [support.GATEWAY, "-"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=20,
        env=support.environment(**variables),
        check=False,
    )
    text = ended.stderr.decode()
    assert ended.returncode == 2 and name in text and word in text
    assert "secret" not in text.replace("api-key=secret", "")


# ---- what the other side does ----


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retried(status):
    with Server(Answer(status)) as server, Gateway(**endpoint(server)) as gateway:
        feed(gateway, Device())
        arrived(server, 2)
        gateway.stop()
        first, second = server.arrivals
        assert first.body == second.body
        assert 0.4 < second.at - first.at < 3
    counts = gateway.counters()
    assert (
        counts["spans_exported"] == 1
        and counts["export_retries"] == 1
        and counts["export_requests"] == 2
    )


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500, 501, 505, 301])
def test_dropped_for_good(status):
    with Server(
        Answer(status, b"the tenant\x1b[31m is unknown", content_type="text/plain")
    ) as server, Gateway(**endpoint(server)) as gateway:
        feed(gateway, Device(), 3)
        arrived(server)
        feed(gateway, Device(boot_id=8), 1, first=9)
        arrived(server, 2)
        gateway.stop()
        assert [len(support.spans_of([request])) for request in server.requests()] == [3, 1]
    counts = gateway.counters()
    assert counts["spans_dropped_refused"] == 3 and counts["spans_exported"] == 1
    assert counts["export_retries"] == 0
    text = gateway.stderr.decode()
    assert f"HTTP {status}: the tenant\\x1b[31m is unknown" in text and "\x1b" not in text


def test_status_message_of_a_refusal_is_shown():
    # google.rpc.Status{code: 3, message: "name is empty"}
    body = b"\x08\x03\x12\x0dname is empty"
    with Server(Answer(400, body)) as server, Gateway(**endpoint(server)) as gateway:
        feed(gateway, Device())
        arrived(server)
        gateway.stop()
    assert "HTTP 400: name is empty" in gateway.stderr.decode()


def test_many_refusals_are_few_lines():
    with Server(always=Answer(400)) as server, Gateway(**endpoint(server)) as gateway:
        for boot in range(1, 6):
            feed(gateway, Device(boot_id=boot))
            arrived(server, boot)
        gateway.stop()
    assert gateway.stderr.decode().count("HTTP 400") == 1
    assert gateway.counters()["spans_dropped_refused"] == 5


@pytest.mark.parametrize(
    "form", [lambda s: str(s), lambda s: email.utils.formatdate(time.time() + s, usegmt=True)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(status, form):
    with Server(Answer(status, headers={"Retry-After": lambda: form(3)})) as server, Gateway(
        **endpoint(server)
    ) as gateway:
        feed(gateway, Device())
        arrived(server, 2)
        gap_s = server.arrivals[1].at - server.arrivals[0].at
        gateway.stop()
    assert 2 <= gap_s < 6  # a date has no fractions of a second: up to one less
    assert gateway.counters()["spans_exported"] == 1


@pytest.mark.parametrize(
    "value", ["-5", "soon", "1.5 h", "", "Thu, 01 Jan 1970 00:00:00 GMT", "99999999999999999999"]
)
def test_retry_after_that_means_nothing(value):
    """As if it were not there, or bounded: the gateway still ends in time."""
    with Server(Answer(503, headers={"Retry-After": value})) as server, Gateway(
        **endpoint(server)
    ) as gateway:
        feed(gateway, Device())
        if not value.startswith("9"):
            arrived(server, 2)
        else:
            arrived(server)
        assert gateway.stop() < 8


def test_connection_dropped_before_the_answer():
    with Server(Answer(drop=True), Answer(drop=True)) as server, Gateway(
        **endpoint(server)
    ) as gateway:
        feed(gateway, Device())
        support.wait_until(lambda: len(server.arrivals) >= 3)
        gateway.stop()
    assert gateway.counters()["spans_exported"] == 1


def test_nobody_listens_at_first():
    with Server() as server:
        port = server.port
    with Gateway(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}") as gateway:
        feed(gateway, Device(), 4)
        time.sleep(1)
        with Server(port=port) as server:
            support.wait_until(lambda: len(server.spans()) == 4)
            gateway.stop()
    counts = gateway.counters()
    assert counts["spans_exported"] == 4 and counts["export_retries"] >= 1
    assert "trying again in" in gateway.stderr.decode()


def test_server_that_hangs_is_given_up_after_the_timeout():
    with Server(Answer(hang_s=60)) as server, Gateway(
        **endpoint(server, OTEL_EXPORTER_OTLP_TIMEOUT="600")
    ) as gateway:
        feed(gateway, Device())
        arrived(server, 2)
        assert 0.9 < server.arrivals[1].at - server.arrivals[0].at < 4
        gateway.stop()
    assert gateway.counters()["spans_exported"] == 1


def test_frames_are_taken_while_the_server_is_slow():
    with Server(Answer(hang_s=3)) as server, Gateway(**endpoint(server)) as gateway:
        feed(gateway, Device())
        arrived(server)
        feed(gateway, Device(boot_id=8), 200, first=2)
        server.hurry.set()
        support.wait_until(lambda: len(server.spans()) == 201)
        gateway.stop()
    assert gateway.counters()["spans_exported"] == 201


def test_partial_success_is_counted_shown_and_never_retried():
    response = Response()
    response.partial_success.rejected_spans = 2
    response.partial_success.error_message = "two names are too long\x07"
    with Server(Answer(200, response.SerializeToString())) as server, Gateway(
        **endpoint(server)
    ) as gateway:
        feed(gateway, Device(), 5)
        arrived(server)
        time.sleep(1.5)
        gateway.stop()
        assert len(server.arrivals) == 1
    counts = gateway.counters()
    assert counts["spans_dropped_rejected"] == 2 and counts["spans_exported"] == 3
    assert counts["export_partial_successes"] == 1
    assert "2 of 5 spans rejected: two names are too long\\x07" in gateway.stderr.decode()


@pytest.mark.parametrize(
    "rejected, message, counted", [(0, "", 0), (0, "a warning", 0), (-4, "x", 0), (99, "x", 5)]
)
def test_partial_success_at_its_edges(rejected, message, counted):
    response = Response()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = message
    with Server(Answer(200, response.SerializeToString())) as server, Gateway(
        **endpoint(server)
    ) as gateway:
        feed(gateway, Device(), 5)
        arrived(server)
        gateway.stop()
    assert gateway.counters()["spans_dropped_rejected"] == counted
    assert gateway.counters()["spans_exported"] == 5 - counted
    assert (message in gateway.stderr.decode()) is True


@pytest.mark.parametrize(
    "body, content_type",
    [
        (b"\xff\xff\xff", "application/x-protobuf"),
        (b"\x0a\x7f", "application/x-protobuf"),
        (b"<html>welcome</html>", "text/html"),
        (b"x" * (6 << 20), "application/x-protobuf"),
        (b"\x0a\x05\x12\x03\xff\xfe\xfd", "application/x-protobuf"),
    ],
)
def test_garbage_after_a_200_is_a_success_and_counted(body, content_type):
    with Server(Answer(200, body, content_type=content_type)) as server, Gateway(
        **endpoint(server)
    ) as gateway:
        feed(gateway, Device(), 2)
        arrived(server)
        time.sleep(1.5)
        feed(gateway, Device(boot_id=8), 1, first=9)
        arrived(server, 2)
        gateway.stop()
        assert len(server.arrivals) == 2
    counts = gateway.counters()
    assert counts["spans_exported"] == 3 and counts["export_answers_garbled"] == 1


@pytest.mark.parametrize(
    "raw", [b"SSH-2.0-nonsense\r\n", b"", b"HTTP/1.1 200 OK\r\nX: " + b"y" * (1 << 20)]
)
def test_not_http_at_all_is_retried(raw):
    with Server(Answer(raw=raw)) as server, Gateway(**endpoint(server)) as gateway:
        feed(gateway, Device())
        if raw.startswith(b"HTTP"):
            arrived(server)  # it has said 200
        else:
            arrived(server, 2)
        gateway.stop()
    assert gateway.counters()["spans_exported"] == 1


# ---- bounds and the end ----


def test_full_queue_lets_the_oldest_go_and_counts():
    with Server(always=Answer(503)) as server, Gateway(
        "--queue-bytes=20000", **endpoint(server)
    ) as gateway:
        feed(gateway, Device(), 20)
        arrived(server)
        time.sleep(0.05)  # the answer has come: nothing is under way
        feed(gateway, Device(boot_id=8), 300, first=101)
        time.sleep(0.2)
        server.always = Answer()
        support.wait_until(lambda: len(server.arrivals) >= 2)
        gateway.stop()
        delivered = sorted(
            int.from_bytes(one.span_id, "big")
            for _, one in support.spans_of([server.requests()[-1]])
        )
    counts = gateway.counters()
    assert counts["spans_exported"] == len(delivered) > 20
    assert delivered == list(range(401 - len(delivered), 401)), "the newest are kept"
    assert counts["spans_exported"] + counts["spans_dropped_queue_full"] == 320
    assert "is full" in gateway.stderr.decode()


def test_sigterm_sends_what_is_left():
    with Server() as server, Gateway(**endpoint(server)) as gateway:
        feed(gateway, Device(), 30)
        gateway.stop()
        assert len(server.spans()) == 30
    assert gateway.counters()["spans_dropped_at_exit"] == 0


def test_sigterm_during_a_backoff_tries_once_more_at_once():
    with Server(Answer(503), Answer(503), Answer(503), Answer(503)) as server, Gateway(
        **endpoint(server)
    ) as gateway:
        feed(gateway, Device())
        arrived(server, 4)  # the next delay is 4 to 8 s
        assert gateway.stop() < 3
    assert gateway.counters()["spans_exported"] == 1


@pytest.mark.parametrize(
    "answer", [Answer(503), Answer(hang_s=60), Answer(429, headers={"Retry-After": "60"})]
)
def test_drain_has_a_deadline(answer):
    with Server(always=answer) as server, Gateway(
        "--drain-timeout-ms=1000", **endpoint(server)
    ) as gateway:
        feed(gateway, Device(), 7)
        arrived(server)
        assert gateway.stop() < 4
    assert gateway.counters()["spans_dropped_at_exit"] == 7


def test_capture_larger_than_the_queue_waits_for_the_endpoint():
    device = Device()
    frames = [device.resource_frame()]
    frames += [device.spans(span("work", number, 1, 2, trace=number)) for number in range(1, 3001)]
    with Server() as server:
        _, stderr = support.run_on(
            support.stream(*frames),
            "--stats=tsv",
            "--queue-bytes=100000",
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        )
        assert len(server.spans()) == 3000
    assert support.counters(stderr)["spans_dropped_queue_full"] == 0
