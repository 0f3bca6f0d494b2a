# SPDX-License-Identifier: MIT
"""A device as the gateway's tests need it: spans by the official runtime, frames by link.py."""

import dataclasses
import zlib

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

from gateway import link

MS = 1_000_000
S = 1_000 * MS


def resource(service, **attributes):
    message = resource_pb2.Resource()
    for key, value in {"service.name": service, **attributes}.items():
        message.attributes.add(key=key).value.string_value = value
    return message.SerializeToString()


def request(*spans):
    """An ExportTraceServiceRequest of spans given as dictionaries of the runtime's fields."""
    message = trace_service_pb2.ExportTraceServiceRequest()
    scope_spans = message.resource_spans.add().scope_spans.add()
    for span in spans:
        scope_spans.spans.add(**span)
    return message.SerializeToString()


def span(number, start_ns=S, end_ns=2 * S, **fields):
    """The `number` is in its ids and its name."""
    return {"trace_id": b"trace-id" + number.to_bytes(8, "big"), "span_id": b"span" + number.to_bytes(4, "big"),
            "name": f"span {number}", "kind": 1, "start_time_unix_nano": start_ns,
            "end_time_unix_nano": end_ns} | fields


@dataclasses.dataclass
class Device:
    """Makes its frames one after the other, as LINK.md tells a device to."""

    device_id: int = 0xD0
    boot_id: int = 1
    service: str = "thermostat"
    clock_ns: int = 3 * S
    sequence: int = 1    # of the next numbered frame
    spans_sent: int = 0
    flags: int = 0

    def __post_init__(self):
        self.resource_bytes = resource(self.service)
        if self.flags & link.ANONYMOUS:
            self.device_id = 0

    def header(self, **fields):
        self.clock_ns += MS
        return {"device_id": self.device_id, "boot_id": self.boot_id, "sequence": self.sequence,
                "resource_hash": zlib.crc32(self.resource_bytes), "clock_ns": self.clock_ns,
                "flags": self.flags} | fields

    def resource_frame(self, **fields):
        return link.Frame(kind=link.KIND["resource"], payload=self.resource_bytes, **self.header(**fields))

    def traces_frame(self, *spans, **fields):
        """Takes the next number; the frame may be sent or forgotten."""
        frame = link.Frame(payload=request(*spans), **self.header(**fields))
        self.sequence += 1
        self.spans_sent += len(spans)
        return frame

    def stats_frame(self, **stats):
        stats = {"spans_sent": self.spans_sent, **stats}
        return link.Frame(kind=link.KIND["stats"], payload=link.stats_payload(**stats), **self.header())

    def reboot(self):
        """What the next boot of the same device starts from."""
        return dataclasses.replace(self, boot_id=self.boot_id + 1, sequence=1, spans_sent=0, clock_ns=S)
