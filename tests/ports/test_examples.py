# SPDX-License-Identifier: MIT
"""Every example runs, and what it meant arrives at a gateway."""

import json
import os
import pathlib
import re
import socket
import subprocess

import pytest
from interop import peers

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = pathlib.Path(os.environ["BUILD"]) / "examples"
CYCLES = 11
SPANS = 78
RUN_DEADLINE_S = 20
README_PROGRAM = re.compile(r"<!-- first-program -->\n```c\n(.*?)```", re.DOTALL)


def spans_of(gateway, count):
    """Once `count` spans are there: (resource attributes, scope, span) for each."""
    def all_there():
        spans = peers.flatten(map(json.loads, gateway.stdout().split("\n")[:-1]))
        return spans if len(spans) >= count else None
    return peers.wait_until(all_there, f"{count} spans from the gateway")


def check_control(spans, board):
    """What the control application means, by name: parents, tracers, one failure, every type."""
    assert len(spans) == SPANS
    by_id = {span["spanId"]: span for _, _, span in spans}
    roots = [span for _, _, span in spans if not span.get("parentSpanId")]
    assert [span["name"] for span in roots] == ["timer.interrupt"] * CYCLES
    assert len({span["traceId"] for _, _, span in spans}) == CYCLES
    parents = {"control.cycle": "timer.interrupt", "sensor.read": "control.cycle",
               "converter.interrupt": "sensor.read", "condition.evaluate": "control.cycle",
               "action.set_fan": "control.cycle", "pwm.write": "action.set_fan",
               "action.notify_operator": "control.cycle", "result.store": "control.cycle"}
    driver = {"timer.interrupt", "converter.interrupt", "sensor.read", "pwm.write", "result.store"}
    for resource, scope, span in spans:
        assert resource["service.name"] == "thermostat"
        assert resource.get("device.model.name") == board
        assert scope["name"] == ("driver" if span["name"] in driver else "control")
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        if span["name"] in parents:
            parent = by_id[span["parentSpanId"]]
            assert parent["name"] == parents[span["name"]]
            assert parent["traceId"] == span["traceId"]
    readings = [peers.attributes(span) for _, _, span in spans if span["name"] == "sensor.read"]
    assert [reading["sensor.celsius"] for reading in readings] == [
        21.4, 22.1, 23.8, 25.15, 26.3, 27.05, 26.6, 25.4, 24, 22.9, 21.8]
    assert all(reading["sensor.model"] == "bme280" and reading["sensor.valid"] is True
               for reading in readings)
    failures = [span for _, _, span in spans if span.get("status", {}).get("code") == 2]
    assert [span["name"] for span in failures] == ["action.notify_operator"] * 2
    for span in failures:
        assert span["status"]["message"] == "the operator's panel does not answer"
        assert [(event["name"], peers.attributes(event)) for event in span["events"]] == [
            ("no answer", {"attempt": 1, "error.type": "timeout"}),
            ("no answer", {"attempt": 2, "error.type": "timeout"})]


def test_the_first_program_is_the_readmes():
    program = (ROOT / "examples/01_first_span/main.c").read_text()
    assert program.split("\n", 1)[1] == README_PROGRAM.search((ROOT / "README.md").read_text())[1]


def test_first_span(run_gateway):
    """It sends to the port that the README names, which must be free."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", 4319))
        except OSError:
            pytest.skip("port 4319 is in use")
    gateway = run_gateway("--json", "udp:127.0.0.1:4319")
    peers.wait_until(lambda: udp_port_is_taken(4319), "the gateway to listen")
    subprocess.run([EXAMPLES / "first_span"], check=True, timeout=RUN_DEADLINE_S)
    spans = {span["name"]: span for _, _, span in spans_of(gateway, 2)}
    assert spans["sensor.read"]["parentSpanId"] == spans["control.cycle"]["spanId"]
    attributes = peers.attributes(spans["sensor.read"])
    assert (attributes["sensor.model"], attributes["sensor.celsius"]) == ("bme280", 21.5)
    assert [event["name"] for event in spans["sensor.read"]["events"]] == ["calibrated"]


def udp_port_is_taken(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def test_control_on_posix(run_gateway):
    port = peers.free_port(socket.SOCK_DGRAM)
    gateway = run_gateway("--json", f"udp:127.0.0.1:{port}")
    peers.wait_until(lambda: udp_port_is_taken(port), "the gateway to listen")
    done = subprocess.run([EXAMPLES / "control", "127.0.0.1", str(port)], check=True,
                          capture_output=True, text=True, timeout=RUN_DEADLINE_S)
    assert done.stdout.splitlines() == ["control: too hot, calling the operator"] * 2 + [
        f"otel.h: spans started {SPANS}, sent {SPANS}, dropped 0"]
    check_control(spans_of(gateway, SPANS), None)


def test_control_on_a_board(run_gateway, run_board):
    """Spans and text over one UART, pulled byte by byte in its transmit interrupt."""
    board = run_board(EXAMPLES / "demo_mps2_an386.elf")
    gateway = run_gateway("--json", board.source)
    assert board.wait(RUN_DEADLINE_S) == 0
    check_control(spans_of(gateway, SPANS), "mps2_an386")
    text = "\n".join([gateway.stdout(), gateway.output()])
    assert text.count("control: too hot, calling the operator\n") == 2
    assert text.count("control: mps2_an386 started\n") == 1
    assert text.count(f"otel.h: spans started {SPANS}, sent {SPANS}, dropped 0\n") == 1
