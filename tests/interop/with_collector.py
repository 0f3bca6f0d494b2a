# SPDX-License-Identifier: MIT
"""Runs a command beside a real Collector and says what the Collector received.

    python3 -m interop.with_collector DIRECTORY COMMAND…

The command finds the Collector through OTEL_EXPORTER_OTLP_ENDPOINT; its exit status is handed on,
unless nothing arrived, which is a failure of its own.
"""

import collections
import os
import subprocess
import sys

from interop import peers


def report(collector):
    spans = collector.spans()
    by_service = collections.defaultdict(collections.Counter)
    for resource, _, span in spans:
        by_service[resource.get("service.name", "?")][span["name"]] += 1
    print(f"collector: received {len(spans)} spans at {collector.endpoint}"
          f" (all in {collector.file})")
    for service, names in sorted(by_service.items()):
        print(f"collector: service {service}: {sum(names.values())} spans")
        for name, count in sorted(names.items()):
            print(f"collector: {count:6} × {name}")
    return bool(spans)


def main(directory, *command):
    with peers.Collector(directory) as collector:
        print(f"collector: an OpenTelemetry Collector listens at {collector.endpoint}", flush=True)
        status = subprocess.call(
            command, env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint})
    # Read after its end: by then the Collector has written out what it held.
    arrived = report(collector)
    return status or (0 if arrived else 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
