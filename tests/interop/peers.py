# SPDX-License-Identifier: MIT
"""The programs at the other ends: Collector, Jaeger, the gateway, a board under QEMU.

Each is a context manager: entered, the program runs and answers; left, it has ended. Everything
listens on 127.0.0.1 only, on ports that were free. What a program printed is in `peer.log`.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "otel-h"
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
START_DEADLINE_S = 30
STOP_DEADLINE_S = 10
QEMU_MACHINES = {"mps2_an386": "mps2-an386", "microbit": "microbit"}


def free_port(kind=socket.SOCK_STREAM):
    """A port of 127.0.0.1 that nobody used a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_udp_port():
    return free_port(socket.SOCK_DGRAM)


def listens_udp(port):
    """Whether somebody gets the datagrams to this port of 127.0.0.1."""
    table = pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]
    local_addresses = [line.split()[1] for line in table]
    return any(f"{address}:{port:04X}" in local_addresses for address in ("0100007F", "00000000"))


def wait_until(condition, what, deadline_s=START_DEADLINE_S, interval_s=0.05):
    """The first true value of condition(); if none comes, an AssertionError that says what was
    awaited."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {deadline_s} s still waiting for {what}")
        time.sleep(interval_s)


def answers(port):
    """Whether somebody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def http(method, url, body=None, headers=None, timeout_s=5):
    """Status and body of the answer, whatever the status."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class Peer:
    """A child process with its output in a file, ended by its id."""

    name = "peer"

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log = self.directory / f"{self.name}.log"
        self.process = None

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}

    def is_ready(self):
        return True

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in self.command()], cwd=ROOT, env=self.environment(),
                stdin=subprocess.DEVNULL, stdout=self.standard_output(log), stderr=log)
        try:
            wait_until(self._is_ready_or_dead, f"{self.name} to answer")
            self.check_alive()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception):
        self.stop()

    def standard_output(self, log):
        return log

    def _is_ready_or_dead(self):
        return self.process.poll() is not None or self.is_ready()

    def check_alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with status {self.process.returncode}:\n"
                                 f"{self.output()[-4000:]}")

    def output(self):
        return self.log.read_text(errors="replace")

    def wait(self, deadline_s):
        """Its exit status, when it ends by itself within the deadline."""
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {deadline_s} s:\n"
                                 f"{self.output()[-4000:]}") from None

    def end_by(self, name, deadline_s=STOP_DEADLINE_S):
        """Sends the signal of this name and waits for the end."""
        self.process.send_signal(signal.Signals[name])
        return self.wait(deadline_s)

    def stop(self, deadline_s=STOP_DEADLINE_S):
        """Its exit status; SIGTERM first, SIGKILL when that is ignored."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(deadline_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


def flatten(batches):
    """(resource attributes, scope, span) for each span of OTLP/JSON batches."""
    return [(attributes(resource_spans["resource"]), scope_spans.get("scope", {}), span)
            for batch in batches
            for resource_spans in batch.get("resourceSpans", [])
            for scope_spans in resource_spans.get("scopeSpans", [])
            for span in scope_spans.get("spans", [])]


def attributes(holder):
    """The attributes of an OTLP/JSON resource, span or event as a dict of plain values."""
    return {entry["key"]: plain_value(entry["value"]) for entry in holder.get("attributes", [])}


def plain_value(any_value):
    (kind, value), = any_value.items()
    if kind == "intValue":
        return int(value)
    if kind == "arrayValue":
        return [plain_value(element) for element in value.get("values", [])]
    return value


class Collector(Peer):
    """An OpenTelemetry Collector: OTLP/HTTP in, a file of JSON lines out, and Jaeger where one is
    given."""

    name = "collector"

    def __init__(self, directory, jaeger=None, port=None):
        super().__init__(directory)
        self.port = port or free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.file = self.directory / "collector.jsonl"
        self.file.unlink(missing_ok=True)
        exporters = {"file": {"path": str(self.file), "flush_interval": "100ms"}}
        if jaeger:
            exporters["otlp_http"] = {"endpoint": jaeger.otlp_endpoint}
        pipeline = {"receivers": ["otlp"], "exporters": list(exporters)}
        self.config = self.directory / "collector.yaml"
        self.config.write_text(json.dumps({
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.port}"}}}},
            "exporters": exporters,
            "service": {
                "pipelines": {signal: pipeline for signal in ("traces", "metrics", "logs")},
                "telemetry": {"metrics": {"level": "none"}},
            },
        }, indent=2))

    def command(self):
        return [CACHE / "collector" / "otelcol", "--config", self.config]

    def is_ready(self):
        return answers(self.port)

    def batches(self):
        """Every whole batch written so far, as OTLP/JSON."""
        if not self.file.exists():
            return []
        lines = self.file.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def spans(self):
        """(resource attributes, scope, span) for each span received so far."""
        return flatten(self.batches())

    def wait_for_spans(self, count, deadline_s=15):
        return wait_until(lambda: len(self.spans()) >= count and self.spans(),
                          f"{count} spans at the Collector", deadline_s)


class Jaeger(Peer):
    """Jaeger v2 with its spans in memory."""

    name = "jaeger"

    def __init__(self, directory):
        super().__init__(directory)
        self.otlp_port, self.query_port = free_port(), free_port()
        self.otlp_endpoint = f"http://127.0.0.1:{self.otlp_port}"
        self.config = self.directory / "jaeger.yaml"
        self.config.write_text(json.dumps({
            "extensions": {
                "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 100000}}}},
                "jaeger_query": {
                    "storage": {"traces": "memory"},
                    "enable_tracing": False,
                    "http": {"endpoint": f"127.0.0.1:{self.query_port}"},
                    "grpc": {"endpoint": f"127.0.0.1:{free_port()}"},
                },
            },
            "receivers": {"otlp": {"protocols": {
                "http": {"endpoint": f"127.0.0.1:{self.otlp_port}"}}}},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
            "service": {
                "extensions": ["jaeger_storage", "jaeger_query"],
                "pipelines": {"traces": {"receivers": ["otlp"],
                                         "exporters": ["jaeger_storage_exporter"]}},
                "telemetry": {"metrics": {"level": "none"}},
            },
        }, indent=2))

    def command(self):
        return [CACHE / "jaeger" / "jaeger", "--config", self.config]

    def is_ready(self):
        return answers(self.otlp_port) and answers(self.query_port)

    def query(self, path, **parameters):
        """The `data` of a query API answer."""
        url = f"http://127.0.0.1:{self.query_port}/api/{path}?{urllib.parse.urlencode(parameters)}"
        status, body = http("GET", url)
        if status == 404:
            return None
        assert status == 200, f"{url}: {status} {body[:500]}"
        return json.loads(body)["data"]

    def services(self):
        return self.query("services") or []

    def trace(self, trace_id):
        """The trace with this hexadecimal id, or None while Jaeger has not got it."""
        traces = self.query(f"traces/{trace_id}")
        return traces[0] if traces else None

    def wait_for_trace(self, trace_id, span_count, deadline_s=15):
        def whole():
            trace = self.trace(trace_id)
            return trace if trace and len(trace["spans"]) >= span_count else None
        return wait_until(whole, f"{span_count} spans of trace {trace_id} in Jaeger", deadline_s)


class Gateway(Peer):
    """build/otel-gateway. Its standard output is in `stdout()`, its standard error in the log."""

    name = "gateway"

    def __init__(self, directory, *arguments, endpoint=None, environment=None):
        super().__init__(directory)
        self.arguments = arguments
        self.stdout_file = self.directory / "gateway.stdout"
        self.variables = dict(environment or {})
        if endpoint:
            self.variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint

    def command(self):
        return [BUILD / "otel-gateway", *self.arguments]

    def environment(self):
        return {**super().environment(), **self.variables}

    def standard_output(self, log):
        return open(self.stdout_file, "wb")

    def stdout(self):
        return self.stdout_file.read_text(errors="replace")

    def counters(self):
        """What `--stats=tsv` printed at the end."""
        pairs = (line.split("\t") for line in self.output().splitlines() if line.count("\t") == 1)
        return {name: int(value) for name, value in pairs}


class Wire:
    """What a board sends on its way to who listens: hands every byte on, and keeps it. (QEMU's own
    `logfile` has some bytes twice when the reader is slow.)"""

    def __init__(self, directory, board):
        self.path = os.path.join(directory, "wire")
        self.source = f"unix:{self.path}"
        self.board = board
        self.bytes = bytearray()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.thread = threading.Thread(target=self._carry, daemon=True)
        self.thread.start()

    def _carry(self):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as uart:
            reader, _ = self.listener.accept()
            self.listener.close()
            with reader:
                uart.connect(self.board)
                while chunk := uart.recv(65536):
                    self.bytes += chunk
                    reader.sendall(chunk)

    def text(self):
        """The console text: what is between two zero bytes and does not start with a COBS code and
        the 0xF7 of a frame (tools/gateway/LINK.md, Carriers)."""
        pieces = bytes(self.bytes).split(b"\0")
        return b"".join(piece for piece in pieces if piece[1:2] != b"\xF7").decode()

    def close(self):
        """Somebody who did not connect will not; the board at the other end has ended."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(STOP_DEADLINE_S)


class Board(Peer):
    """Firmware on an emulated board; boots when somebody connects to its `source`."""

    name = "qemu"

    def __init__(self, directory, elf, machine="mps2_an386", arguments=()):
        super().__init__(directory)
        self.elf, self.machine, self.arguments = elf, QEMU_MACHINES[machine], arguments
        self.socket_directory = tempfile.mkdtemp(prefix="otel-h-")    # a unix path has 107 bytes
        self.uart = os.path.join(self.socket_directory, "uart")
        self.wire = Wire(self.socket_directory, self.uart)
        self.source = self.wire.source

    def command(self):
        return [os.environ.get("QEMU_ARM", "qemu-system-arm"), "-M", self.machine,
                "-display", "none", "-monitor", "none", "-semihosting-config", "enable=on,target=native",
                "-chardev", f"socket,id=uart,path={self.uart},server=on,wait=on",
                "-serial", "chardev:uart", "-kernel", self.elf, *self.arguments]

    def is_ready(self):
        return os.path.exists(self.uart)

    def stop(self, deadline_s=STOP_DEADLINE_S):
        status = super().stop(deadline_s)
        self.wire.close()
        shutil.rmtree(self.socket_directory, ignore_errors=True)
        return status
