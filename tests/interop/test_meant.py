# SPDX-License-Identifier: MIT
"""An application says what it means by its spans; the real Collector and the real Jaeger say what
they received. Where its spans travel, everything in between is the real thing too."""

import subprocess
import time

import pytest

from interop import meant, peers

FIRMWARE = peers.BUILD / "interop" / "meant_mps2_an386.elf"
PROGRAM = peers.BUILD / "interop" / "meant_posix"
MS = 1_000_000
RUN_DEADLINE_S = 20
# The gateway learns the offset between two clocks while frames arrive, and this machine is busy.
JUMP_NS = 250 * MS
# Two clocks of one machine, read one after the other by three processes.
CLOCK_NS = 1 * MS

SPAN_COUNT = 11
STATS = {"spans_started": SPAN_COUNT, "spans_sent": SPAN_COUNT, "attributes_dropped": 1,
         "attributes_truncated": 1, "strings_repaired": 1}


# ---- programs that run ----

def start_program(port, device_id, service="boiler"):
    return subprocess.Popen([PROGRAM, str(port), f"{device_id:x}", service], encoding="utf-8",
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def finish_program(process):
    try:
        console, _ = process.communicate(timeout=RUN_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert process.returncode == 0, console
    return meant.read_program(console)


def listening_gateway(run_gateway, endpoint, *more_sources):
    port = peers.free_udp_port()
    gateway = run_gateway("--waterfall", "--stats=tsv", f"udp:127.0.0.1:{port}", *more_sources,
                          endpoint=endpoint)
    peers.wait_until(lambda: peers.listens_udp(port), "the gateway to listen")
    return gateway, port


# ---- what is expected ----

def with_instance(resource, device_id):
    return {**resource, "service.instance.id": ("string", f"{device_id:016x}")}


def shown_by_jaeger(contents):
    """Its API has no place for flags and for counts of what was dropped."""
    return {key: value for key, value in contents.items()
            if key not in ("flags", "dropped_attributes")}


def merged(parts, resource):
    """All spans of ResourceSpans, each of which has this resource."""
    assert [part_resource for part_resource, _ in parts] == [resource] * len(parts)
    return meant.by_id(span for _, spans in parts for span in spans.values())


def check_collector(program, collector, resource, unix_ns):
    collector.wait_for_spans(len(program.spans))
    received = merged(meant.of_otlp_json(collector.batches()), resource)
    meant.check(program, received, unix_ns, JUMP_NS)
    return received


def check_jaeger(program, jaeger, resource, unix_ns):
    sizes = {}
    for span in program.spans.values():
        sizes[span.trace] = sizes.get(span.trace, 0) + 1
    parts = [meant.of_jaeger_trace(jaeger.wait_for_trace(trace, count))
             for trace, count in sizes.items()]
    meant.check(program, merged(parts, resource), unix_ns, JUMP_NS, shown_by_jaeger)
    assert jaeger.services() == [program.resource["service.name"][1]]


def check_gateway(gateway, count):
    assert gateway.stop() == 0, gateway.output()
    counters = gateway.counters()
    for name in ("device_spans_sent", "spans_received", "spans_exported", "spans_shown"):
        assert counters[name] == count, name
    assert counters["spans_lost"] == counters["frames_lost"] == 0
    assert all(value == 0 for name, value in counters.items()
               if name.startswith(("spans_dropped_", "frames_refused_")))


# ---- the tests ----

def test_spans_of_a_board_arrive_over_its_uart(run_board, run_gateway, collector_to_jaeger, jaeger):
    began_ns = time.time_ns()
    board = run_board(FIRMWARE)
    gateway = run_gateway("--waterfall", "--stats=tsv", "--exit-on-eof", board.source,
                          endpoint=collector_to_jaeger.endpoint)
    assert board.wait(RUN_DEADLINE_S) == 0, board.output()
    assert gateway.wait(RUN_DEADLINE_S) == 0, gateway.output()
    unix_ns = (began_ns, time.time_ns())

    program = meant.read_program(board.wire.text())
    assert program.stats == STATS
    resource = with_instance(program.resource, 0x0123456789ABCDEF)
    received = check_collector(program, collector_to_jaeger, resource, unix_ns)
    # A board without a calendar: every span says that its place in time is an estimate.
    assert all(span.attributes[meant.ESTIMATED] == ("bool", True) for span in received.values())
    check_jaeger(program, jaeger, resource, unix_ns)
    check_gateway(gateway, SPAN_COUNT)
    # The console text went over the same wire, and the gateway passed all of it on.
    assert gateway.counters()["text_bytes"] == len(board.wire.text().encode())
    assert '"unit","string","°C, 摂氏, 🌡"]' in gateway.stdout()


def test_spans_of_a_program_arrive_in_datagrams(run_gateway, collector_to_jaeger, jaeger):
    began_ns = time.time_ns()
    gateway, port = listening_gateway(run_gateway, collector_to_jaeger.endpoint)
    program = finish_program(start_program(port, 0xB01))
    assert program.stats == STATS
    resource = with_instance(program.resource, 0xB01)
    collector_to_jaeger.wait_for_spans(SPAN_COUNT)
    unix_ns = (began_ns - CLOCK_NS, time.time_ns() + CLOCK_NS)
    check_collector(program, collector_to_jaeger, resource, unix_ns)
    check_jaeger(program, jaeger, resource, unix_ns)
    check_gateway(gateway, SPAN_COUNT)


def test_devices_at_one_gateway_are_never_merged(run_board, run_gateway, collector):
    board = run_board(FIRMWARE)
    gateway, port = listening_gateway(run_gateway, collector.endpoint, board.source)
    # Two of the same service that have names, and two anonymous ones.
    processes = [start_program(port, device_id) for device_id in (0xB01, 0xB02, 0, 0)]
    programs = [finish_program(process) for process in processes]
    assert board.wait(RUN_DEADLINE_S) == 0
    collector.wait_for_spans(5 * SPAN_COUNT)
    check_gateway(gateway, 5 * SPAN_COUNT)
    programs.append(meant.read_program(board.wire.text()))

    owners = {span_id: number for number, program in enumerate(programs)
              for span_id in program.spans}
    assert len(owners) == 5 * SPAN_COUNT
    instances = {}
    for resource, spans in meant.of_otlp_json(collector.batches()):
        owners_here = {owners[span_id] for span_id in spans}
        assert len(owners_here) == 1, "spans of several devices under one resource"
        owner = owners_here.pop()
        instance = resource.pop("service.instance.id")
        assert resource == programs[owner].resource
        assert instances.setdefault(owner, instance) == instance
        for span_id, span in spans.items():
            assert span.contents() == programs[owner].spans[span_id].contents()
    assert len(set(instances.values())) == 5
    assert instances[0] == ("string", f"{0xB01:016x}")
    assert instances[1] == ("string", f"{0xB02:016x}")


@pytest.mark.parametrize("stop_signal", ["SIGTERM", "SIGKILL"])
def test_a_collector_that_comes_back_gets_what_it_missed(directory, run_gateway, stop_signal):
    port = peers.free_port()
    gateway, udp_port = listening_gateway(run_gateway, f"http://127.0.0.1:{port}")
    early = finish_program(start_program(udp_port, 0xB01))
    with peers.Collector(directory / "first", port=port) as collector:
        assert set(received_ids(collector, SPAN_COUNT)) == set(early.spans)
        collector.end_by(stop_signal)
    late = finish_program(start_program(udp_port, 0xB02))
    peers.wait_until(lambda: f":{port}" in gateway.output(), "the gateway to notice")
    with peers.Collector(directory / "second", port=port) as collector:
        assert set(received_ids(collector, SPAN_COUNT)) == set(late.spans)
    check_gateway(gateway, 2 * SPAN_COUNT)
    assert gateway.counters()["export_retries"] > 0


def received_ids(collector, count):
    return [span["spanId"] for _, _, span in collector.wait_for_spans(count, RUN_DEADLINE_S)]
