# SPDX-License-Identifier: MIT
"""Every kind of source, and what may happen on the way from it, with a real process."""

import collections.abc
import contextlib
import os
import random
import signal
import socket
import subprocess
import time

import pytest
from google.protobuf import unknown_fields

from gateway import link
from gateway.device import MS, S, Device, span
from gateway.process import start_fixture, usage  # noqa: F401
from interop import peers

ARRIVED = "is there"


def names(spans):
    return [one["name"] for _, _, one in spans]


# ---- sources ----

def session(device):
    """Text, resource, two spans in two frames, statistics: as a stream."""
    return (b"booting\r\n" + device.resource_frame().on_stream() +
            device.traces_frame(span(1)).on_stream() + b"still here\r\n" +
            device.traces_frame(span(2)).on_stream() + device.stats_frame().on_stream() + b"> ")


def assert_session(spans, counters):
    assert names(spans) == ["span 1", "span 2"]
    assert all(resource["service.name"] == "thermostat" for resource, _, _ in spans)
    assert counters["frames_accepted"] == 4
    assert counters["frames_lost"] == counters["spans_lost"] == 0
    assert counters["text_bytes"] == len(b"booting\r\nstill here\r\n> ")
    assert_nothing_refused(counters)


def assert_nothing_refused(counters, *but):
    refused = {name: value for name, value in counters.items() if name.startswith("frames_refused_")}
    assert {name for name, value in refused.items() if value} == set(but), refused


def test_a_capture_is_read_to_its_end(start, tmp_path):
    capture = tmp_path / "capture"
    capture.write_bytes(session(Device()))
    gateway = start("--json", f"file:{capture}")
    assert_session(gateway.spans() or gateway.wait_for_spans(2), gateway.finish())
    assert "booting" in gateway.stderr() and "still here" in gateway.stderr()


@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_standard_input(start, tmp_path, kind):
    (tmp_path / "capture").write_bytes(session(Device()))
    with open(tmp_path / "capture", "rb") as capture:
        if kind == "file":
            gateway = start("--json", "-", stdin=capture)
        else:
            with subprocess.Popen(["cat"], stdin=capture, stdout=subprocess.PIPE) as cat:
                gateway = start("--json", "-", stdin=cat.stdout)
        counters = gateway.finish()
    assert_session(gateway.spans(), counters)


def test_nothing_on_standard_input(start):
    assert start("-").finish()["frames_received"] == 0


def test_a_named_pipe(start, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    held_open = os.open(tmp_path / "pipe", os.O_RDWR)
    gateway = start("--json", f"file:{tmp_path / 'pipe'}")
    os.write(held_open, session(Device()))
    spans = gateway.wait_for_spans(2)
    os.close(held_open)
    assert_session(spans, gateway.finish())


class Line:
    """A pty: the test holds the device's end. Its name is a link, so that it can come back."""

    def __init__(self, directory):
        self.name = directory / "line"
        self.master = None

    def plug_in(self):
        self.master, slave = os.openpty()
        with contextlib.suppress(FileNotFoundError):
            self.name.unlink()
        self.name.symlink_to(os.ttyname(slave))
        self.slave = slave

    def unplug(self):
        self.name.unlink()
        os.close(self.slave)
        os.close(self.master)
        self.master = None

    def write(self, data):
        while data:
            data = data[os.write(self.master, data[:512]):]


@pytest.fixture
def line(tmp_path):
    line = Line(tmp_path)
    yield line
    if line.master is not None:
        line.unplug()


def test_a_serial_line(start, line):
    line.plug_in()
    gateway = start("--json", f"serial:{line.name},921600")
    time.sleep(0.3)    # a tty hands on what came before the line was made raw, but changed
    line.write(session(Device()))
    spans = gateway.wait_for_spans(2)
    assert_session(spans, gateway.terminate())


def test_every_byte_passes_a_serial_line(start, line):
    """Flow control, line ends, end-of-file characters: a raw line knows none of them."""
    line.plug_in()
    gateway = start("--json", f"serial:{line.name}")
    time.sleep(0.3)
    device = Device()
    payload = bytes(range(1, 256)) + bytes(range(255, 0, -1))
    line.write(device.resource_frame().on_stream())
    line.write(device.traces_frame(span(1, attributes=[
        {"key": "all", "value": {"bytes_value": payload}}])).on_stream())
    (_, _, one), = gateway.wait_for_spans(1)
    assert peers.attributes(one)["all"] is not None
    assert_nothing_refused(gateway.terminate())


def test_a_serial_line_is_waited_for_and_survives_unplugging(start, line):
    gateway = start("--json", f"serial:{line.name}")
    gateway.wait_for_stderr("waiting for serial:")
    device = Device()
    for round_number in (1, 2, 3):
        line.plug_in()
        gateway.wait_for_stderr(ARRIVED, round_number)
        time.sleep(0.1)
        line.write(device.resource_frame().on_stream() + device.traces_frame(span(round_number)).on_stream())
        gateway.wait_for_spans(round_number)
        line.write(device.traces_frame(span(99)).on_stream()[:30])    # cut by the unplugging
        device.sequence -= 1
        device.spans_sent -= 1
        time.sleep(0.1)
        line.unplug()
        gateway.wait_for_stderr("waiting for serial:", round_number + 1)
    counters = gateway.terminate()
    assert names(gateway.spans()) == ["span 1", "span 2", "span 3"]
    assert counters["frames_refused_too_short"] == 3
    assert counters["frames_lost"] == 0
    assert counters["boots_seen"] == 1


def test_unplugging_may_be_the_end(start, line):
    line.plug_in()
    gateway = start("--json", "--exit-on-eof", f"serial:{line.name}")
    time.sleep(0.3)
    line.write(session(Device()))
    gateway.wait_for_spans(2)
    line.unplug()
    assert_session(gateway.spans(), gateway.finish())


def listener(family, address):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    server.listen()
    server.settimeout(20)
    return server


@pytest.fixture(params=["unix", "tcp", "tcp by name"])
def stream_server(request, tmp_path):
    """Source, and a function that listens there."""
    if request.param == "unix":
        path = str(tmp_path / "uart")
        yield f"unix:{path}", lambda: listener(socket.AF_UNIX, path)
    else:
        port = peers.free_port()
        host = "localhost" if request.param == "tcp by name" else "127.0.0.1"
        yield f"tcp:{host}:{port}", lambda: listener(socket.AF_INET, ("127.0.0.1", port))


def test_a_socket_is_waited_for_and_connected_to_again(start, stream_server):
    source, listen = stream_server
    gateway = start("--json", source)
    gateway.wait_for_stderr(f"waiting for {source}")
    device = Device()
    server = listen()
    for round_number in (1, 2):
        connection, _ = server.accept()
        connection.sendall(device.resource_frame().on_stream() + device.traces_frame(span(round_number)).on_stream())
        gateway.wait_for_spans(round_number)
        connection.close()
        gateway.wait_for_stderr("the other side closed", round_number)
    server.close()
    counters = gateway.terminate()
    assert names(gateway.spans()) == ["span 1", "span 2"]
    assert_nothing_refused(counters)


def test_a_socket_may_be_the_end(start, stream_server):
    source, listen = stream_server
    with listen() as server:
        gateway = start("--json", "--exit-on-eof", source)
        connection, _ = server.accept()
        connection.sendall(session(Device()))
        connection.close()
        counters = gateway.finish()
    assert_session(gateway.spans(), counters)


def udp_port(gateway):
    gateway.wait_for_stderr("listening on")
    text = gateway.stderr().split("listening on ")[1].split()[0]
    return int(text.rsplit(":", 1)[1])


class Sender:
    """UDP to the gateway from a port of its own."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))

    def __call__(self, *frames):
        for frame in frames:
            self.socket.send(frame if isinstance(frame, bytes) else frame.encode())


@pytest.mark.parametrize("address", ["127.0.0.1:0", "0", "[::1]:0"])
def test_datagrams(start, address):
    gateway = start("--json", f"udp:{address}")
    port, device = udp_port(gateway), Device()
    family, host = (socket.AF_INET6, "::1") if "::1" in address else (socket.AF_INET, "127.0.0.1")
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        for frame in (device.resource_frame(), device.traces_frame(span(1)), device.traces_frame(span(2))):
            sender.sendto(frame.encode(), (host, port))
        gateway.wait_for_spans(2)
    counters = gateway.terminate()
    assert names(gateway.spans()) == ["span 1", "span 2"]
    assert_nothing_refused(counters)


def test_several_sources_at_once(start, line, tmp_path):
    line.plug_in()
    path = str(tmp_path / "uart")
    with listener(socket.AF_UNIX, path) as server:
        gateway = start("--json", f"serial:{line.name}", f"unix:{path}", "udp:127.0.0.1:0")
        connection, _ = server.accept()
        send = Sender(udp_port(gateway))
        time.sleep(0.3)
        one, two, three = (Device(device_id=number, service=f"service {number}") for number in (1, 2, 3))
        for round_number in range(5):
            for device, write in ((one, line.write), (two, connection.sendall), (three, send)):
                frames = [device.resource_frame()] if round_number == 0 else []
                frames.append(device.traces_frame(span(100 * device.device_id + round_number)))
                for frame in frames:
                    write(frame.encode() if write is send else frame.on_stream())
        gateway.wait_for_spans(15)
    counters = gateway.terminate()
    for resource, _, one in gateway.spans():
        assert resource["service.name"] == f"service {int(one['name'].split()[1]) // 100}"
    assert counters["devices_seen"] == 3
    assert_nothing_refused(counters)


# ---- devices ----

def udp_session(start, *arguments):
    gateway = start("--json", *arguments, "udp:127.0.0.1:0")
    return gateway, Sender(udp_port(gateway))


def test_two_devices_with_the_same_hash_are_never_merged(start):
    """The same resource hash, boot and numbers; only the first has sent its resource."""
    gateway, send = udp_session(start, "--resource-wait-ms=200")
    first, second = Device(device_id=1), Device(device_id=2)
    send(first.resource_frame(), first.traces_frame(span(1)), second.traces_frame(span(2)))
    found = {one["name"]: resource for resource, _, one in gateway.wait_for_spans(2)}
    assert found["span 1"]["service.name"] == "thermostat"
    assert found["span 2"]["service.name"] == "unknown_service"
    counters = gateway.terminate()
    assert counters["devices_seen"] == 2
    assert counters["frames_without_resource"] == 1
    assert counters["frames_duplicate"] == 0


def test_anonymous_devices_are_told_apart_by_source_and_boot(start):
    gateway, send = udp_session(start, "--resource-wait-ms=100")
    other = Sender(send.socket.getpeername()[1])
    one, two = (Device(flags=link.ANONYMOUS, service=service) for service in ("one", "two"))
    three = Device(flags=link.ANONYMOUS, service="three", boot_id=2)
    send(one.resource_frame())
    other(two.resource_frame())
    send(three.resource_frame(), one.traces_frame(span(1)), three.traces_frame(span(3)))
    other(two.traces_frame(span(2)))
    found = {one["name"]: resource["service.name"] for resource, _, one in gateway.wait_for_spans(3)}
    assert found == {"span 1": "one", "span 2": "two", "span 3": "three"}
    counters = gateway.terminate()
    assert counters["devices_seen"] == 3
    assert counters["frames_duplicate"] == 0


def test_spans_wait_for_their_resource(start):
    gateway, send = udp_session(start, "--resource-wait-ms=20000")
    device = Device()
    send(device.traces_frame(span(1)), device.traces_frame(span(2)))
    time.sleep(0.3)
    assert gateway.spans() == []
    send(device.resource_frame())
    spans = gateway.wait_for_spans(2)
    assert names(spans) == ["span 1", "span 2"]
    assert {resource["service.name"] for resource, _, _ in spans} == {"thermostat"}
    assert gateway.terminate()["frames_without_resource"] == 0


def test_spans_that_wait_are_let_out_at_the_end(start):
    gateway, send = udp_session(start, "--resource-wait-ms=20000")
    send(Device().traces_frame(span(1)))
    counters = gateway.terminate()
    assert names(gateway.spans()) == ["span 1"]
    assert counters["frames_without_resource"] == 1


def test_room_for_waiting_spans_is_bounded(start):
    gateway, send = udp_session(start, "--resource-wait-ms=20000", "--held-bytes=1000")
    device = Device()
    for number in range(20):
        send(device.traces_frame(span(number)))
    counters = gateway.terminate()
    assert len(gateway.spans()) == 20
    assert counters["frames_not_held"] > 10


def test_self_contained_frames_are_passed_on_as_they_are(start):
    gateway, send = udp_session(start)
    frame = link.Frame(payload=link.TRACES_WITH_RESOURCE, flags=link.SELF_CONTAINED, clock_ns=77)
    send(frame)
    (resource, scope, one), = gateway.wait_for_spans(1)
    assert resource["service.name"] == "thermostat"
    assert (one["startTimeUnixNano"], one["endTimeUnixNano"]) == ("12000000000", "12250000000")
    assert "otel_h.time.estimated" not in peers.attributes(one)
    gateway.terminate()


def test_a_reboot_in_the_middle(start, tmp_path):
    """A boot ends within a frame; the next says what the last one had sent."""
    first = Device(boot_id=100)
    stream = first.resource_frame().on_stream() + first.traces_frame(span(1)).on_stream()
    stream += first.traces_frame(span(2)).on_stream()[:40]    # the reset
    second = first.reboot()
    stream += b"\r\nboot loader\r\n"
    stream += second.resource_frame().on_stream() + second.traces_frame(span(3)).on_stream()
    stream += second.stats_frame(previous_boot_id=100, previous_boot_sequence=first.sequence).on_stream()
    (tmp_path / "capture").write_bytes(stream)
    gateway = start("--json", f"file:{tmp_path / 'capture'}")
    counters = gateway.finish()
    assert names(gateway.spans()) == ["span 1", "span 3"]
    assert counters["boots_seen"] == 2 and counters["devices_seen"] == 1
    assert counters["frames_lost"] == 1
    assert counters["frames_duplicate"] == 0
    assert_nothing_refused(counters, "frames_refused_bad_cobs")


def test_more_devices_than_may_be_known(start):
    gateway, send = udp_session(start, "--max-devices=3", "--resource-wait-ms=60000")
    for number in range(1, 11):
        send(Device(device_id=number).traces_frame(span(number)))
    counters = gateway.terminate()
    assert sorted(names(gateway.spans())) == sorted(f"span {number}" for number in range(1, 11))
    assert counters["devices_seen"] == 10 and counters["devices_forgotten"] == 7


# ---- losses ----

def test_losses_and_duplicates_are_counted_once(start):
    gateway, send = udp_session(start)
    device = Device()
    send(device.resource_frame())
    frames = [device.traces_frame(*(span(10 * number + one) for one in range(3))) for number in range(1, 9)]
    one, _, three, _, late, six, seven, _ = frames
    send(one, three, six, six, one, late, seven, device.stats_frame())
    gateway.wait_for_spans(15)
    send(device.stats_frame())
    counters = gateway.terminate()
    assert counters["frames_duplicate"] == 2
    assert counters["frames_lost"] == 3
    assert counters["spans_lost"] == 9
    assert counters["spans_received"] == 15


def test_losses_and_the_devices_own_drops_are_shown(start):
    gateway = start("udp:127.0.0.1:0")
    send, device = Sender(udp_port(gateway)), Device()
    lost = [device.traces_frame(span(number)) for number in (1, 2, 3)]
    send(device.resource_frame(sequence=1), lost[1], device.stats_frame(spans_dropped_queue_full=7))
    gateway.wait_for_output(b"spans_dropped_queue_full")
    text = gateway.output.decode()
    gateway.terminate()
    assert "thermostat" in text and "frames" in text and "spans" in text


# ---- bad input ----

def test_refusals_each_have_a_counter(start):
    gateway, send = udp_session(start)
    expected = {}
    for _, verdict, direction, data, _ in link.refused_frames():
        if direction == "up" and len(data) > 0:
            verdict = {"key_demanded": "ok"}.get(verdict, verdict)
            if len(data) >= 44 and data[4]:
                verdict = "no_key"    # this gateway holds none
            if len(data) > 2 and verdict == "bad_payload" and data[2] == link.KIND["answer"]:
                verdict = "unsupported"
            expected[verdict] = expected.get(verdict, 0) + 1
            send(data)
    send(*(frame for name, frame, _ in link.good_frames() if name in ("metrics", "logs")))
    expected["unsupported"] += 2
    good = Device()
    send(good.resource_frame(), good.traces_frame(span(1)))
    gateway.wait_for_spans(1)
    counters = gateway.terminate()
    expected.pop("ok")
    assert {name: counters[f"frames_refused_{name}"] for name in expected} == expected
    assert_nothing_refused(counters, *(f"frames_refused_{name}" for name in expected))


def test_a_longer_frame_than_allowed(start):
    gateway, send = udp_session(start, "--max-frame-bytes=300")
    device = Device()
    send(device.resource_frame(), device.traces_frame(*(span(number) for number in range(9))),
         device.traces_frame(span(9)))
    gateway.wait_for_spans(1)
    counters = gateway.terminate()
    assert counters["frames_refused_too_long"] == 1


def test_frames_of_every_wrong_length(start):
    """Cut short or made longer by any number of bytes, with the check that was right before."""
    gateway, send = udp_session(start)
    device = Device()
    good = device.traces_frame(span(1)).encode()
    for size in range(1, len(good)):
        send(good[:size])
        if size % 64 == 0:
            time.sleep(0.01)
    for extra in range(1, 64):
        send(good + bytes(extra))
    send(device.resource_frame(), good)
    assert names(gateway.wait_for_spans(1)) == ["span 1"]
    counters = gateway.terminate()
    assert counters["frames_refused_too_short"] == 43
    assert counters["frames_refused_wrong_check"] == len(good) - 44 + 63


def test_an_empty_datagram(start):
    gateway, send = udp_session(start)
    send(b"", Device().resource_frame())
    peers.wait_until(lambda: gateway.child.poll() is None, "the gateway")
    time.sleep(0.2)
    assert gateway.terminate()["frames_refused_too_short"] == 1


def test_a_bad_frame_does_not_spoil_its_neighbours(start, tmp_path):
    device, damaged = Device(), []
    stream = device.resource_frame().on_stream()
    generator = random.Random(3)
    for number in range(60):
        frame = device.traces_frame(span(number)).on_stream()
        if number % 3 == 1:
            at = generator.randrange(3, len(frame) - 1)
            frame = frame[:at] + bytes([frame[at] ^ 0x5A or 0x5A]) + frame[at + 1:]
            damaged.append(number)
        stream += frame
    (tmp_path / "capture").write_bytes(stream)
    gateway = start("--json", f"file:{tmp_path / 'capture'}")
    counters = gateway.finish()
    assert names(gateway.spans()) == [f"span {number}" for number in range(60) if number not in damaged]
    assert counters["frames_lost"] == len(damaged)


def test_noise(start, tmp_path):
    generator = random.Random(4)
    device = Device()
    stream = bytes(generator.randrange(256) for _ in range(200_000)) + b"\0"
    stream += device.resource_frame().on_stream() + device.traces_frame(span(1)).on_stream()
    stream += bytes(generator.choice((0, 0xF7, 1, 2, 255)) for _ in range(200_000))
    (tmp_path / "capture").write_bytes(stream)
    gateway = start("--json", f"file:{tmp_path / 'capture'}")
    counters = gateway.finish()
    assert names(gateway.spans()) == ["span 1"]
    assert counters["frames_accepted"] == 2


def mutate(generator, payload):
    payload = bytearray(payload)
    for _ in range(generator.randrange(1, 4)):
        at = generator.randrange(len(payload))
        choice = generator.randrange(4)
        if choice == 0:
            payload[at] ^= 1 << generator.randrange(8)
        elif choice == 1:
            payload[at] = generator.randrange(256)
        elif choice == 2:
            del payload[at:at + generator.randrange(1, 5)]
        else:
            payload[at:at] = bytes(generator.randrange(256) for _ in range(generator.randrange(1, 5)))
        if not payload:
            return b"\x0a"
    return bytes(payload)


def has_unknown_fields(message):
    """Here or in a message inside. A known number with another wire type is unknown to this runtime;
    others (Go's, the gateway) refuse it."""
    inner = [value for _, value in message.ListFields()]
    inner = [one for value in inner for one in (value if isinstance(value, collections.abc.Iterable) else [value])
             if hasattr(one, "ListFields")]
    return len(unknown_fields.UnknownFieldSet(message)) > 0 or any(map(has_unknown_fields, inner))


def official_runtime_says(payload):
    try:
        message = link.read_otlp("traces", payload)
    except ValueError:
        return "no"
    if has_unknown_fields(message) or any(one.HasField("resource") for one in message.resource_spans):
        return "either"
    return "yes"


def test_payloads_are_judged_like_the_official_runtime_does(start, tmp_path):
    """Thousands of damaged requests, each from a device of its own."""
    generator = random.Random(5)
    whole = Device().traces_frame(span(1, attributes=[
        {"key": "k", "value": {"array_value": {"values": [{"int_value": 5}, {"string_value": "grün"}]}}}],
        events=[{"name": "event", "time_unix_nano": 5}], links=[{"trace_id": b"t" * 16, "span_id": b"s" * 8}],
        status={"message": "broken", "code": 2})).payload
    stream, said = b"", {"yes": set(), "no": set(), "either": set()}
    for device_id in range(1, 6001):
        payload = mutate(generator, whole)
        said[official_runtime_says(payload)].add(device_id)
        stream += link.Frame(payload=payload, device_id=device_id).on_stream()
    (tmp_path / "capture").write_bytes(stream)
    gateway = start("--json", f"file:{tmp_path / 'capture'}")
    counters = gateway.finish()
    accepted = {int(resource["service.instance.id"], 16) for resource, _, _ in gateway.spans()}
    assert len(said["yes"]) > 500 and len(said["no"]) > 500
    assert accepted & said["no"] == set()
    assert said["yes"] - accepted == set()
    assert counters["frames_refused_bad_payload"] >= len(said["no"])


# ---- times ----

def live_span(start, *frames, arguments=()):
    gateway, send = udp_session(start, *arguments)
    before_ns = time.time_ns()
    send(*frames)
    spans = gateway.wait_for_spans(1)
    after_ns = time.time_ns()
    gateway.terminate()
    return spans, before_ns, after_ns


def test_device_time_becomes_unix_time(start):
    device = Device(clock_ns=100 * S)
    frames = [device.resource_frame(), device.traces_frame(
        span(1, 98 * S, 99 * S + 5, events=[{"name": "e", "time_unix_nano": 98 * S + 7}]))]
    ((_, _, one),), before_ns, after_ns = live_span(start, *frames)
    start_ns, end_ns = int(one["startTimeUnixNano"]), int(one["endTimeUnixNano"])
    assert before_ns - 3 * S < start_ns < after_ns - 1 * S
    assert end_ns - start_ns == S + 5
    assert int(one["events"][0]["timeUnixNano"]) - start_ns == 7
    assert peers.attributes(one)["otel_h.time.estimated"] is True


def test_a_wall_clock_that_is_sure_is_believed(start):
    offset_ns = 1_700_000_000 * S
    device = Device(flags=link.WALL_CLOCK)
    clock = {"wall_offset_ns": offset_ns, "wall_uncertainty_us": 500}
    ((_, _, one),), _, _ = live_span(start, device.resource_frame(**clock),
                                     device.traces_frame(span(1, S, 2 * S), **clock))
    assert int(one["startTimeUnixNano"]) == offset_ns + S
    assert "otel_h.time.estimated" not in peers.attributes(one)


def test_a_wall_clock_that_is_not_sure_is_not(start):
    device = Device(flags=link.WALL_CLOCK)
    clock = {"wall_offset_ns": 1_700_000_000 * S, "wall_uncertainty_us": 60_000_000}
    ((_, _, one),), before_ns, _ = live_span(start, device.resource_frame(**clock),
                                             device.traces_frame(span(1, S, 2 * S), **clock))
    assert abs(int(one["startTimeUnixNano"]) - before_ns) < 60 * S
    assert peers.attributes(one)["otel_h.time.estimated"] is True


def test_hostile_times_keep_their_order(start):
    device = Device()
    ((_, _, one),), _, _ = live_span(start, device.resource_frame(), device.traces_frame(
        span(1, 2**64 - 2, 2**64 - 1, events=[{"name": "e", "time_unix_nano": 2**64 - 1}])))
    assert int(one["startTimeUnixNano"]) <= int(one["endTimeUnixNano"])


def test_a_recovered_boot_is_placed_before_the_new_one(start):
    """Nothing was heard of it while it ran: it ends where the new boot begins."""
    new = Device(boot_id=9, clock_ns=5 * S)
    recovered = Device(boot_id=8, clock_ns=50 * S, flags=link.RECOVERED)
    spans, before_ns, after_ns = live_span(
        start, new.resource_frame(), new.stats_frame(), recovered.traces_frame(span(1, 48 * S, 50 * S)))
    (_, _, one), = spans
    assert before_ns - 5.2 * S < int(one["endTimeUnixNano"]) < after_ns - 4.8 * S
    assert peers.attributes(one)["otel_h.time.estimated"] is True


def test_a_capture_keeps_the_distances_between_its_frames(start, tmp_path):
    device = Device(clock_ns=S)
    stream = device.resource_frame().on_stream()
    for number in range(1, 6):
        device.clock_ns = 60 * number * S
        stream += device.traces_frame(span(number, device.clock_ns - S, device.clock_ns)).on_stream()
    capture = tmp_path / "capture"
    capture.write_bytes(stream)
    os.utime(capture, ns=(0, 1_700_000_000 * S))
    gateway = start("--json", f"file:{capture}")
    gateway.finish()
    ends = [int(one["endTimeUnixNano"]) for _, _, one in gateway.spans()]
    assert [later - earlier for earlier, later in zip(ends, ends[1:])] == [60 * S] * 4
    assert ends[0] == 1_700_000_000 * S + 59 * S - MS


# ---- the end ----

def test_a_signal_drains(start):
    """What is in the socket when the signal comes is still read and passed on."""
    gateway, send = udp_session(start)
    device = Device()
    send(device.resource_frame(), *(device.traces_frame(span(number)) for number in range(200)))
    counters = gateway.terminate()
    assert counters["spans_received"] == len(gateway.spans()) == 200


def test_a_hanging_endpoint_does_not_hold_up_the_end(start):
    with listener(socket.AF_INET, ("127.0.0.1", 0)) as hanging:
        endpoint = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        gateway = start("--drain-timeout-ms=300", "udp:127.0.0.1:0",
                        environment={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
        send, device = Sender(udp_port(gateway)), Device()
        send(device.resource_frame(), device.traces_frame(span(1)))
        time.sleep(0.3)
        before_s = time.monotonic()
        counters = gateway.terminate()
    assert time.monotonic() - before_s < 3
    assert counters["spans_received"] == 1
    assert counters.get("spans_exported", 0) == 0


def test_a_second_signal_does_not_wait(start):
    with listener(socket.AF_INET, ("127.0.0.1", 0)) as hanging:
        endpoint = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        gateway = start("--drain-timeout-ms=60000", "udp:127.0.0.1:0",
                        environment={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
        send, device = Sender(udp_port(gateway)), Device()
        send(device.resource_frame(), device.traces_frame(span(1)))
        hanging.accept()
        gateway.child.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert gateway.child.poll() is None
        before_s = time.monotonic()
        gateway.terminate()
    assert time.monotonic() - before_s < 2


def test_console_text_goes_to_stdout_with_the_waterfall_and_stderr_with_json(start, tmp_path):
    (tmp_path / "capture").write_bytes(b"h\xc3\xa9llo\n")
    shown = start(f"file:{tmp_path / 'capture'}")
    shown.finish()
    assert "héllo\n" in shown.output.decode() and "héllo" not in shown.stderr()
    json = start("--json", f"file:{tmp_path / 'capture'}")
    json.finish()
    assert not json.output and "héllo\n" in json.stderr()


def test_console_text_goes_to_stdout_with_an_endpoint(start, tmp_path):
    (tmp_path / "capture").write_bytes(b"hello\n")
    gateway = start(f"file:{tmp_path / 'capture'}",
                    environment={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    gateway.finish()
    assert gateway.output == b"hello\n"


# ---- the command line ----

def test_help_and_version():
    status, text, _ = usage("--help")
    assert status == 0 and text.startswith("usage: otel-gateway") and "serial:" in text
    status, text, _ = usage("--version")
    assert status == 0 and text.startswith("otel-gateway ")


@pytest.mark.parametrize("arguments, hint", [
    ([], "no source"),
    (["ttyACM0"], "serial:"),
    (["serial:"], "lacks"),
    (["stdin:"], "- for standard input"),
    (["--frobnicate", "-"], "frobnicate"),
    (["--stats=xml", "-"], "text, tsv or none"),
    (["--drain-timeout-ms=soon", "-"], "whole number"),
    (["--max-frame-bytes=70000", "-"], "44 to 65507"),
    (["--max-devices=-1", "-"], "whole number"),
    (["-", "-"], "twice"),
])
def test_mistakes_on_the_command_line(arguments, hint):
    status, text, errors = usage(*arguments)
    assert status == 2 and text == "" and hint in errors and "--help" in errors


@pytest.mark.parametrize("source, hint", [
    ("serial:/dev/ttyS0,12345", "speed"),
    ("udp:port", "address:port"),
    ("udp:70000", "65535"),
    ("udp:::1:5", "brackets"),
    ("udp:localhost:5", "not a name"),
    ("tcp:host", "host:port"),
    ("tcp:host:0", "host:port"),
    ("unix:" + "x" * 200, "too long"),
    ("file:/nonexistent/capture", "No such file"),
    ("file:/tmp", "directory"),
])
def test_sources_that_cannot_be(source, hint):
    status, text, errors = usage(source)
    assert status in (1, 2) and text == "" and hint in errors


def test_a_busy_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", 0))
        status, _, errors = usage(f"udp:127.0.0.1:{busy.getsockname()[1]}")
    assert status == 1 and "address already in use" in errors


def test_a_host_that_is_not_there(start):
    gateway = start("tcp:no-such-host.invalid:4319")
    gateway.wait_for_stderr("waiting for tcp:no-such-host.invalid:4319")
    gateway.terminate()


def test_a_serial_line_that_is_none(start):
    gateway = start("serial:/dev/null")
    gateway.wait_for_stderr("it is not a serial line")
    gateway.terminate()


def test_mistakes_in_the_environment():
    status, _, errors = usage("-", environment={"OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://example"})
    assert status == 2 and "OTEL_EXPORTER_OTLP_ENDPOINT" in errors
