# SPDX-License-Identifier: MIT
"""What tests/interop/meant.c says that it means, what peers say that they received, and whether the
one is the other. Both are `Span`s; a time is the span of nanoseconds in which it lies."""

import dataclasses
import json
import re
import struct

# Added by the gateway to a span whose place in Unix time is its own estimate.
ESTIMATED = "otel_h.time.estimated"
OTLP_PARENT_IS_KNOWN, OTLP_PARENT_IS_REMOTE = 0x100, 0x200
JAEGER_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
JAEGER_STATUS = {"UNSET": 0, "OK": 1, "ERROR": 2}
US = 1000


@dataclasses.dataclass
class Event:
    name: str
    time_ns: tuple
    attributes: dict


@dataclasses.dataclass
class Span:
    """`attributes`: {key: (type, value)}; `status`: (code, message); `scope`: (name, version)."""

    span: str
    trace: str = ""
    parent: str = ""
    name: str = ""
    kind: int = 0
    scope: tuple = ("", "")
    flags: int = 0
    tracestate: str = ""
    status: tuple = (0, "")
    dropped_attributes: int = 0
    attributes: dict = dataclasses.field(default_factory=dict)
    events: list = dataclasses.field(default_factory=list)
    start_ns: tuple = ()
    end_ns: tuple = ()

    def contents(self):
        """Everything but the times, and but how the gateway came to them."""
        contents = dataclasses.asdict(self)
        del contents["start_ns"], contents["end_ns"]
        contents["attributes"].pop(ESTIMATED, None)
        contents["events"] = [(event.name, event.attributes) for event in self.events]
        return contents

    def times(self):
        return [self.start_ns, *(event.time_ns for event in self.events), self.end_ns]


@dataclasses.dataclass
class Program:
    """What one run of the application said."""

    resource: dict
    spans: dict     # by span id
    stats: dict


# ---- what was meant ----

def read_attributes(told):
    return {key: (kind, struct.unpack(">d", bytes.fromhex(value))[0] if kind == "double" else value)
            for key, kind, value in told}


def apply(span, told):
    for member in ("trace", "parent", "name", "kind", "flags", "tracestate", "dropped_attributes"):
        if member in told:
            setattr(span, member, told[member])
    for member in ("scope", "status", "start_ns", "end_ns"):
        if member in told:
            setattr(span, member, tuple(told[member]))
    if "remote" in told:
        span.flags |= OTLP_PARENT_IS_KNOWN | (OTLP_PARENT_IS_REMOTE if told["remote"] else 0)
    if "event" in told:
        span.events.append(Event(told["event"], tuple(told["time_ns"]),
                                 read_attributes(told["attributes"])))
    elif "attributes" in told:
        span.attributes.update(read_attributes(told["attributes"]))
    if "attribute" in told:
        span.attributes.update(read_attributes([told["attribute"]]))


def read_resource(told):
    """The application's part, and what the specification asks of every SDK."""
    return {
        "service.name": ("string", told["service_name"]),
        "service.version": ("string", told["service_version"]),
        "telemetry.sdk.name": ("string", "otel.h"),
        "telemetry.sdk.language": ("string", "c"),
        "telemetry.sdk.version": ("string", told["sdk_version"]),
        **read_attributes(told["resource"]),
    }


def read_program(console):
    """From the text of a console."""
    spans = {}
    resource = stats = None
    for line in re.findall(r"^meant: (.*)$", console, re.MULTILINE):
        told = json.loads(line)
        if "span" in told:
            apply(spans.setdefault(told["span"], Span(told["span"])), told)
        elif "resource" in told:
            resource = read_resource(told)
        else:
            stats = told
    assert resource and spans and stats, f"the application did not come to its end:\n{console}"
    return Program(resource, spans, stats)


# ---- what a Collector wrote down ----

OTLP_TYPES = {"stringValue": ("string", str), "boolValue": ("bool", bool), "intValue": ("int", int),
              "doubleValue": ("double", float)}


def otlp_attributes(holder):
    """{key: (type, value)}; a key that comes twice is an error of its sender."""
    attributes = {}
    for entry in holder.get("attributes", []):
        (member, value), = entry["value"].items()
        kind, convert = OTLP_TYPES[member]
        assert entry["key"] not in attributes, f"{entry['key']} comes twice"
        attributes[entry["key"]] = (kind, convert(value))
    return attributes


def exactly(time_ns):
    return int(time_ns), int(time_ns)


def of_otlp_span(scope, span):
    status = span.get("status", {})
    return Span(
        span=span["spanId"], trace=span["traceId"], parent=span.get("parentSpanId", ""),
        name=span["name"], kind=span["kind"],
        scope=(scope.get("name", ""), scope.get("version", "")),
        flags=span.get("flags", 0), tracestate=span.get("traceState", ""),
        status=(status.get("code", 0), status.get("message", "")),
        dropped_attributes=span.get("droppedAttributesCount", 0), attributes=otlp_attributes(span),
        events=[Event(event["name"], exactly(event["timeUnixNano"]), otlp_attributes(event))
                for event in span.get("events", [])],
        start_ns=exactly(span["startTimeUnixNano"]), end_ns=exactly(span["endTimeUnixNano"]))


def of_otlp_json(batches):
    """(resource, {span id: span}) for each ResourceSpans of the batches."""
    return [(otlp_attributes(resource_spans["resource"]),
             by_id(of_otlp_span(scope_spans.get("scope", {}), span)
                   for scope_spans in resource_spans["scopeSpans"]
                   for span in scope_spans["spans"]))
            for batch in batches for resource_spans in batch["resourceSpans"]]


def by_id(spans):
    indexed = {}
    for span in spans:
        assert span.span not in indexed, f"span {span.span} came twice"
        indexed[span.span] = span
    return indexed


# ---- what Jaeger shows ----

JAEGER_TYPES = {"string": ("string", str), "bool": ("bool", bool), "int64": ("int", int),
                "float64": ("double", float)}


def jaeger_attributes(tags):
    return {tag["key"]: (JAEGER_TYPES[tag["type"]][0], JAEGER_TYPES[tag["type"]][1](tag["value"]))
            for tag in tags}


def within_us(time_us):
    return time_us * US, time_us * US + US - 1


def of_jaeger_event(log):
    fields = jaeger_attributes(log["fields"])
    return Event(fields.pop("event")[1], within_us(log["timestamp"]), fields)


def of_jaeger_span(span):
    tags = jaeger_attributes(span["tags"])

    def take(key, default=""):
        return tags.pop(key, (None, default))[1]

    parents = [reference["spanID"] for reference in span["references"]]
    assert len(parents) <= 1
    status = JAEGER_STATUS[take("otel.status_code", "UNSET")]
    assert take("error", False) == (status == JAEGER_STATUS["ERROR"])
    start_ns = within_us(span["startTime"])
    return Span(
        span=span["spanID"], trace=span["traceID"], parent=parents[0] if parents else "",
        name=span["operationName"], kind=JAEGER_KINDS[take("span.kind")],
        scope=(take("otel.scope.name"), take("otel.scope.version")),
        tracestate=take("w3c.tracestate"),
        status=(status, take("otel.status_description")), attributes=tags,
        events=[of_jaeger_event(log) for log in span["logs"]], start_ns=start_ns,
        end_ns=(start_ns[0] + span["duration"] * US, start_ns[1] + span["duration"] * US + US - 1))


def of_jaeger_trace(trace):
    """(resource, {span id: span}) of a trace of one process."""
    (process,) = trace["processes"].values()
    service = {"service.name": ("string", process["serviceName"])}
    return service | jaeger_attributes(process["tags"]), by_id(map(of_jaeger_span, trace["spans"]))


# ---- whether the one is the other ----

def offset_ns(meant, received):
    """Unix time minus device time: the span of values that suits every time of the span. Each time
    was taken between two readings of the device's clock."""
    assert len(meant.times()) == len(received.times())
    pairs = list(zip(meant.times(), received.times()))
    smallest = max(there[0] - here[1] for here, there in pairs)
    largest = min(there[1] - here[0] for here, there in pairs)
    assert smallest <= largest, f"the times within {meant.name} were moved: {pairs}"
    return smallest, largest


def check(program, received, unix_ns, jump_ns, shown=lambda contents: contents):
    """Every span of the program was received, with every field, within `unix_ns` (the earliest and
    latest possible time), and between its spans there is no error of more than `jump_ns`. `shown`
    leaves out what the receiver does not show."""
    assert sorted(received) == sorted(program.spans)
    for span_id, meant in program.spans.items():
        assert shown(received[span_id].contents()) == shown(meant.contents())
    offsets = [offset_ns(meant, received[span_id]) for span_id, meant in program.spans.items()]
    assert max(low for low, _ in offsets) - min(high for _, high in offsets) <= jump_ns
    earliest = min(span.start_ns[0] for span in received.values())
    latest = max(span.end_ns[0] for span in received.values())
    assert unix_ns[0] <= earliest <= latest <= unix_ns[1]
