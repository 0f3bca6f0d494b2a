# SPDX-License-Identifier: MIT
"""`tools/demo` as a user runs it. Its firmware counts its spans itself; the waterfall, the summary
and whoever listens must come to the same count."""

import collections
import os
import re
import subprocess
import time

import pytest

from gateway import output_support
from interop import peers

BUILD_DEADLINE_S = 120
BOOT_TO_END_S = 20
BOOTING = "demo: an emulated Cortex-M4 boots"


class Demo:
    """One run: its output, its exit status and how long it took from the boot on."""

    def __init__(self, *arguments, endpoint=None):
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} if endpoint else {}
        environment = output_support.environment(**variables)
        process = subprocess.Popen(
            ["timeout", str(BUILD_DEADLINE_S + BOOT_TO_END_S), "tools/demo", *arguments],
            cwd=peers.ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8")
        booted_at, lines = None, []
        for line in process.stdout:
            if line.startswith(BOOTING):
                booted_at = time.monotonic()
            lines.append(line)
        self.status = process.wait()
        self.output = "".join(lines)
        assert booted_at, self.output
        self.seconds = time.monotonic() - booted_at

    def find(self, pattern):
        found = re.findall(pattern, self.output, re.MULTILINE)
        assert found, f"{pattern} is not in:\n{self.output}"
        return found

    def device_counts(self):
        """What the firmware says on its console: spans started, sent, dropped."""
        (counts,) = self.find(r"^otel\.h: spans started (\d+), sent (\d+), dropped (\d+)$")
        return tuple(map(int, counts))

    def summary(self):
        """{row: number} of the block at the end."""
        _, block = self.output.split("demo: summary\n")
        rows = re.findall(r"^  (\S.*?) +(\d+)   \S", block, re.MULTILINE)
        return {row: int(number) for row, number in rows}

    def traces(self):
        """Ids of the traces that were shown."""
        return self.find(r"^◆ thermostat · ([0-9a-f]{32}) · ")

    def names(self):
        """How often a span of each name was shown: a line with a bar and a duration."""
        return collections.Counter(
            self.find(r"^  [│├└─✗✓ ]*([a-z_.]+)(?: \([a-z]+\))? +[█▐▌]+ +[\d.]+ (?:ms|µs|ns)$"))


def check(demo, traces_at_least=10):
    assert demo.status == 0, demo.output
    assert demo.seconds < BOOT_TO_END_S
    started, sent, dropped = demo.device_counts()
    assert (sent, dropped) == (started, 0)
    summary = demo.summary()
    assert {summary[row] for row in ("spans started by the device", "sent over its UART",
                                     "received by the gateway", "shown above")} == {started}
    assert sum(demo.names().values()) == started
    assert len(demo.traces()) >= traces_at_least
    # The story of the issue: an interrupt, a cycle, a sensor, a condition, actions, one of which
    # fails, and a result.
    assert {"timer.interrupt", "control.cycle", "sensor.read", "condition.evaluate",
            "result.store"} <= set(demo.names())
    assert demo.find(r"^ .*✗ action\.\w+")
    assert demo.find(r"^control: .*$"), "the device's own text"
    return started


def test_alone():
    check(Demo())


def test_an_endpoint_gets_the_spans_that_are_shown():
    with output_support.Server() as server:
        demo = Demo(endpoint=server.url)
        spans = server.spans()
        paths = {arrival.path for arrival in server.arrivals}
    started = check(demo)
    assert paths == {"/v1/traces"}
    assert len(spans) == started
    assert collections.Counter(span.name for _, span in spans) == demo.names()
    assert {span.trace_id.hex() for _, span in spans} == set(demo.traces())
    assert len({span.span_id for _, span in spans}) == started
    assert {resource["service.name"] for resource, _ in spans} == {"thermostat"}
    assert demo.summary()[f"taken by {server.url}"] == started


def test_an_endpoint_that_is_not_there_is_an_error():
    endpoint = f"http://127.0.0.1:{peers.free_port()}"
    demo = Demo(endpoint=endpoint)
    started, _, _ = demo.device_counts()
    assert demo.status == 1
    assert demo.seconds < BOOT_TO_END_S
    assert demo.summary()["received by the gateway"] == started
    assert demo.summary()[f"taken by {endpoint}"] == 0
    assert demo.find(rf"{endpoint} did not take every span$")


@pytest.mark.skipif(not os.access(peers.CACHE / "collector" / "otelcol", os.X_OK),
                    reason="tools/setup collector has not built the Collector")
def test_with_a_collector():
    demo = Demo("--collector")
    started = check(demo)
    assert demo.find(r"^collector: received (\d+) spans") == [str(started)]
    received = {name: int(count) for count, name in demo.find(r"^collector: +(\d+) × (\S+)$")}
    assert received == demo.names()
