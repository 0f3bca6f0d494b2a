# SPDX-License-Identifier: MIT
"""The gateway under sanitizers as a child process, its output read line by line."""

import contextlib
import json
import os
import re
import signal
import subprocess
import threading

import pytest

from interop import peers

GATEWAY = peers.BUILD / "otel-gateway-asan"
DEADLINE_S = 20


class Process:
    """otel-gateway with --stats=tsv; `output` and `errors` grow while it runs."""

    def __init__(self, *arguments, environment=None, stdin=subprocess.DEVNULL):
        self.output, self.errors = bytearray(), bytearray()
        variables = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        self.child = subprocess.Popen(
            [GATEWAY, "--stats=tsv", *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**variables, **(environment or {})})
        self.readers = [threading.Thread(target=self.read, args=pair, daemon=True) for pair in
                        ((self.child.stdout, self.output), (self.child.stderr, self.errors))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def read(stream, into):
        while chunk := os.read(stream.fileno(), 65536):
            into += chunk

    def stderr(self):
        return self.errors.decode(errors="replace")

    def wait_for_stderr(self, text, count=1):
        peers.wait_until(lambda: self.stderr().count(text) >= count or self.child.poll() is not None,
                         f"{text!r} from the gateway, which said:\n{self.stderr()}", DEADLINE_S)
        assert self.stderr().count(text) >= count, self.stderr()

    def wait_for_output(self, text):
        peers.wait_until(lambda: text in self.output, f"{text!r} in {bytes(self.output)!r}", DEADLINE_S)

    def batches(self):
        return [json.loads(line) for line in self.output.decode().splitlines(keepends=True)
                if line.endswith("\n")]

    def spans(self):
        """(resource attributes, scope, span) of everything in --json so far."""
        return peers.flatten(self.batches())

    def wait_for_spans(self, count):
        return peers.wait_until(lambda: len(self.spans()) >= count and self.spans(),
                                f"{count} spans; there are {len(self.spans())}:\n{self.stderr()}", DEADLINE_S)

    def finish(self):
        """Waits for its own end; the counters."""
        status = self.child.wait(DEADLINE_S)
        for reader in self.readers:
            reader.join()
        assert status == 0, self.stderr()
        assert "Sanitizer" not in self.stderr() and "runtime error" not in self.stderr(), self.stderr()
        return {name: int(value) for name, value in re.findall(r"^([a-z_]+)\t(\d+)$", self.stderr(), re.M)}

    def terminate(self):
        self.child.send_signal(signal.SIGTERM)
        return self.finish()


@contextlib.contextmanager
def running():
    processes = []

    def start(*arguments, **settings):
        processes.append(Process(*arguments, **settings))
        return processes[-1]

    yield start
    for process in processes:
        if process.child.poll() is None:
            process.child.kill()
        process.child.wait()
        for reader in process.readers:
            reader.join()
        process.child.stdout.close()
        process.child.stderr.close()


@pytest.fixture(name="start")
def start_fixture():
    """start(argument…, environment=None, stdin=None): a running gateway, ended with the test."""
    with running() as start:
        yield start


def usage(*arguments, environment=None):
    """Exit status, stdout and stderr of a gateway that ends at once."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run([GATEWAY, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=DEADLINE_S, env={**variables, **(environment or {})})
    return done.returncode, done.stdout, done.stderr
