# SPDX-License-Identifier: MIT
"""The waterfall: what people see, on streams of every kind, from devices of every kind."""

import fcntl
import os
import pty
import random
import re
import struct
import subprocess
import termios
import time
import unicodedata

import pytest

from gateway import output_support as support
from gateway.output_support import Device, Gateway, Span, error, event, span

MS = 1000  # spans of these tests are in microseconds


def show(*frames, **variables):
    """The lines that the waterfall shows of these frames, without the line about the device."""
    stdout, _ = support.run_on(support.stream(*frames), **variables)
    lines = stdout.decode().split("\n")
    return [line for line in lines if not line.startswith("+ device")]


def of_device(*spans, **settings):
    device = Device(**settings)
    frames = [device.resource_frame()]
    for at in range(0, len(spans), 20):  # a frame holds so many
        frames.append(device.spans(*spans[at : at + 20]))
    return frames


def columns(line):
    return sum(
        (
            0
            if unicodedata.category(c) == "Mn"
            else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        )
        for c in line
    )


def line_with(lines, text):
    found = [line for line in lines if text in line]
    assert len(found) == 1, (text, lines)
    return found[0]


def bar_of(line):
    """(first, last) column of the bar."""
    cells = [at for at, c in enumerate(line) if c in "█▌▐="]
    return cells[0], cells[-1]


CONTROL = [
    span("read", 2, 1 * MS, 3 * MS, parent=1, attributes={"model": "bme280"}),
    span("transfer", 3, 1 * MS, 2 * MS, parent=2),
    span("call", 4, 5 * MS, 9 * MS, parent=1, status=error("no answer")),
    span("cycle", 1, 0, 10 * MS, attributes={"n": 1}),
]


# ---- the tree ----


def test_tree_in_order_with_times_and_marks():
    lines = show(*of_device(*CONTROL))
    text = "\n".join(lines)
    names = [re.sub(r"[^a-z ]", "", line).split()[0] for line in lines if re.search(r"[█▌▐]", line)]
    assert names == ["cycle", "read", "transfer", "call"]
    header = lines[0]
    assert "thermostat" in header and "4bf92f3577b34da60000000000000001" in header
    assert (
        "10.0 ms" in header
        and "4 spans" in header
        and "1 error" in header
        and "14:13:21.000" in text
    )
    assert line_with(lines, "cycle ").endswith("10.0 ms") and line_with(lines, "transfer").endswith(
        "1.00 ms"
    )
    assert "├─ read" in text and "│  └─ transfer" in text and "└─ ✗ call" in text
    assert "no answer" in lines[lines.index(line_with(lines, "✗ call")) + 1]
    assert "model=bme280" in text and "n=1" in text


def test_bars_are_where_the_time_is():
    lines = show(*of_device(*CONTROL), COLUMNS="150")
    first, last = bar_of(line_with(lines, "cycle "))
    width = last - first + 1
    assert width > 80
    for name, start, end in (("read", 0.1, 0.3), ("transfer", 0.1, 0.2), ("call", 0.5, 0.9)):
        got_first, got_last = bar_of(line_with(lines, name))
        assert abs(got_first - first - start * width) <= 1, name
        assert abs(got_last + 1 - first - end * width) <= 1, name


def test_a_tiny_span_still_has_a_bar():
    lines = show(
        *of_device(
            span("long", 1, 0, 10**9),
            span("tiny", 2, 10**9 - 1, 10**9, parent=1),
            span("nil", 3, 5, 5, parent=1),
        )
    )
    for name in ("tiny", "nil"):
        first, last = bar_of(line_with(lines, name))
        assert first == last
    assert bar_of(line_with(lines, "tiny"))[0] == bar_of(line_with(lines, "long"))[1]


@pytest.mark.parametrize(
    "ns, text",
    [
        (0, "0 ns"),
        (640, "640 ns"),
        (999, "999 ns"),
        (1000, "1.00 µs"),
        (12_345, "12.3 µs"),
        (999_499, "999 µs"),
        (999_500, "1.00 ms"),
        (9_994_999, "9.99 ms"),
        (9_995_001, "10.0 ms"),
        (123_456_789, "123 ms"),
        (1_234_000_000, "1.23 s"),
        (59_949_000_000, "59.9 s"),
        (60_000_000_000, "1m 00s"),
        (3_599_999_999_999, "59m 59s"),
        (3_600_000_000_000, "1h 00m"),
        (86_400_000_000_000, "24h 00m"),
        (360_000_000_000_000, "4d 04h"),
        (86_400_000_000_000_000, "1000d"),
    ],
)
def test_durations(ns, text):
    one = span("read", 1, 0, 0)
    one.end_time_unix_nano = one.start_time_unix_nano + ns
    lines = show(*of_device(one))
    assert line_with(lines, "  read").endswith(" " + text)


def test_kinds_events_links_status_and_values():
    one = span(
        "call",
        1,
        0,
        10 * MS,
        attributes={
            "text": "two words",
            "quote": 'a"b',
            "bool": True,
            "int": -5,
            "float": 0.1,
            "bytes": b"\x01\xff",
            "list": [1, "a"],
            "map": {"k": 2.5},
            "none": None,
            "empty": "",
        },
        events=[event("retry", 4 * MS, attempt=2), event("early", 0)],
        links=[
            Span.Link(
                trace_id=support.trace_id(9),
                span_id=support.span_id(7),
                attributes=support.key_values({"why": "queue"}),
            )
        ],
        trace_state="ot=th:8",
        dropped_attributes_count=2,
        dropped_events_count=3,
        dropped_links_count=4,
    )
    one.kind = Span.SPAN_KIND_CLIENT
    one.status.code = support.OK
    text = "\n".join(show(*of_device(one), COLUMNS="250"))
    for wanted in (
        'text="two words"',
        'quote="a\\"b"',
        "bool=true",
        "int=-5",
        "float=0.1",
        "bytes=0x01ff",
        'list=[1, "a"]',
        "map={k=2.5}",
        "none=null",
        'empty=""',
        "✓ call (client)",
        "• +4.00 ms retry  attempt=2",
        "• +0 ns early",
        "→ 4bf92f3577b34da60000000000000009/0000000000000007  why=queue",
        "tracestate ot=th:8",
        "2 attributes dropped",
        "3 events dropped",
        "4 links dropped",
    ):
        assert wanted in text, wanted


def test_orphans_and_remote_parents_are_marked():
    orphan = span("orphan", 5, 0, 10, parent=99)
    remote = span("remote", 6, 0, 10, parent=98, trace=2)
    remote.flags = 0x301
    text = "\n".join(show(*of_device(orphan, remote)))
    assert "parent 0000000000000063 not seen" in text
    assert "remote parent 0000000000000062" in text
    assert text.count("incomplete") == 1, "a span with a remote parent is a local root"


def test_parents_in_a_circle_and_twins():
    spans = [
        span("a", 1, 0, 10, parent=2),
        span("b", 2, 1, 9, parent=1),
        span("self", 3, 2, 8, parent=3),
        span("twin", 4, 3, 5),
        span("twin", 4, 3, 6),
        span("child", 5, 4, 5, parent=4),
    ]
    lines = show(*of_device(*spans))
    shown = [
        name for line in lines for name in re.findall(r"\b(a|b|self|twin|child)\b +[█▌▐ ]", line)
    ]
    assert sorted(shown) == ["a", "b", "child", "self", "twin", "twin"]
    assert "\n".join(lines).count("not seen") == 2


def test_deep_and_wide_trees_keep_the_width():
    chain = [
        span(f"level{number}", number, number, 10_000 - number, parent=number - 1)
        for number in range(1, 400)
    ]
    lines = show(*of_device(*chain), COLUMNS="60")
    assert all(columns(line) <= 60 for line in lines)
    assert "398: level399" in "\n".join(lines)


def test_spans_of_two_services_in_one_trace():
    door, pump = Device("door", device_id=1), Device("pump", device_id=2)
    remote = span("turn", 2, 10, 20, parent=1)
    remote.flags = 0x301
    text = "\n".join(
        show(
            door.resource_frame(),
            pump.resource_frame(),
            pump.spans(remote),
            door.spans(span("open", 1, 0, 30)),
        )
    )
    assert "◆ door" in text and "2 spans" in text and "└─ turn @pump" in text


# ---- when ----


def wait_for(gateway, text):
    support.wait_until(lambda: text.encode() in gateway.stdout)


def test_a_trace_is_shown_while_the_gateway_runs():
    with Gateway() as gateway:
        device = Device()
        gateway.send(device.resource_frame(), device.spans(*CONTROL[:2]))
        time.sleep(0.6)
        assert b"read" not in gateway.stdout, "its root has not come"
        gateway.send(device.spans(*CONTROL[2:]))
        wait_for(gateway, "4 spans")
        assert b"incomplete" not in gateway.stdout
        gateway.stop()
    assert (
        gateway.counters()["traces_shown"] == 1
        and gateway.counters()["traces_shown_incomplete"] == 0
    )


def test_a_trace_whose_root_never_comes_is_shown_in_the_end():
    with Gateway("--trace-patience-ms=500") as gateway:
        device = Device()
        gateway.send(device.resource_frame(), device.spans(*CONTROL[:2]))
        wait_for(gateway, "incomplete: its root has not come")
        gateway.stop()
    assert gateway.counters()["traces_shown_incomplete"] == 1


def test_a_trace_that_goes_on_and_on_is_shown():
    with Gateway("--trace-patience-ms=100", "--trace-quiet-ms=300") as gateway:
        device = Device()
        gateway.send(device.resource_frame())
        for number in range(1, 30):
            gateway.send(device.spans(span("tick", number, number, number + 1)))
            time.sleep(0.05)
        assert b"incomplete: more may follow" in gateway.stdout
        gateway.stop()
        assert gateway.stdout.count(b"  tick") == 29


def test_too_many_traces_are_shown_early_and_none_is_dropped():
    count = 3000
    spans = [
        span(f"n{number}.", 2, 0, 10, parent=1, trace=number) for number in range(1, count + 1)
    ]
    stdout, stderr = support.run_on(support.stream(*of_device(*spans)), "--stats=tsv")
    assert support.counters(stderr)["spans_shown"] == count
    assert sorted(re.findall(r"n(\d+)\. ", stdout.decode()), key=int) == [
        str(n) for n in range(1, count + 1)
    ]
    assert "shown early" in stdout.decode()


# ---- devices ----


def test_losses_and_drops_are_lines_of_their_own():
    device = Device()
    frames = [device.resource_frame(), device.spans(span("a", 1, 0, 10))]
    device.skip(3)
    frames += [
        device.spans(span("b", 2, 0, 10, trace=2)),
        device.stats(spans_sent=9, spans_dropped_queue_full=5, queue_bytes=7),
    ]
    text = "\n".join(show(*frames))
    line = line_with(text.split("\n"), "lost on the link")
    assert "thermostat 00a1b2c3d4e5f607" in line and "frames +3 (3 in all)" in line
    assert "spans_dropped_queue_full +5 (5 in all)" in text and "queue_bytes" not in text


def test_drops_are_said_when_they_change_and_begin_again_after_a_reset():
    device = Device()
    with Gateway() as gateway:
        gateway.send(device.resource_frame(), device.stats(attributes_dropped=2))
        wait_for(gateway, "attributes_dropped +2 (2 in all)")
        gateway.send(device.stats(attributes_dropped=2))
        time.sleep(1.2)
        gateway.send(device.stats(attributes_dropped=7))
        wait_for(gateway, "attributes_dropped +5 (7 in all)")
        device.boot_id = 8
        gateway.send(device.resource_frame(), device.stats(attributes_dropped=1))
        wait_for(gateway, "attributes_dropped +1 (1 in all)")
        gateway.stop()
        text = gateway.stdout.decode()
    assert text.count("counts on the device") == 3 and "started again, boot 2" in text


def test_console_text_is_passed_on_as_it_is():
    device = Device()
    stdout, _ = support.run_on(
        support.stream(
            b"hello\r\n",
            device.resource_frame(),
            b"half a li",
            device.spans(span("a", 1, 0, 1)),
            b"ne\n\x80\xff",
        )
    )
    assert b"hello\r\n" in stdout and b"half a line\n\x80\xff\n" in stdout


def test_console_text_and_traces_do_not_share_a_line(tmp_path):
    device = Device()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [support.GATEWAY, "--stats=none", f"file:{fifo}"],
        stdout=subprocess.PIPE,
        env=support.environment(),
    )
    with open(fifo, "wb", buffering=0) as wire:
        wire.write(
            support.stream(device.resource_frame(), device.spans(span("a", 1, 0, 1)), b"login: ")
        )
        time.sleep(1)
    stdout = process.communicate(timeout=20)[0].decode()
    lines = stdout.split("\n")
    assert "login: " in lines and any(line.startswith("◆") for line in lines)


def test_several_sources_are_named(tmp_path):
    sources = []
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(f"from {name}\nagain\n".encode())
        sources.append(f"file:{tmp_path / name}")
    ended = subprocess.run(
        [support.GATEWAY, "--stats=none", *sources],
        capture_output=True,
        timeout=20,
        env=support.environment(),
        check=True,
    )
    lines = ended.stdout.decode().split("\n")
    for source, name in zip(sources, ("one", "two")):
        assert f"[{source}] from {name}" in lines and f"[{source}] again" in lines


# ---- the stream ----


def show_on_terminal(capture, tmp_path, columns=80, **variables):
    """What a terminal of so many columns gets."""
    file = tmp_path / "capture"
    file.write_bytes(capture)
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [support.GATEWAY, "--stats=none", f"file:{file}"],
        stdin=subprocess.DEVNULL,
        stdout=follower,
        env=support.environment(**{"TERM": "xterm", **variables}),
    )
    os.close(follower)
    shown = bytearray()
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    assert process.wait(20) == 0
    return shown.decode().replace("\r\n", "\n")


def test_colours_only_on_a_terminal(tmp_path):
    capture = support.stream(*of_device(*CONTROL))
    coloured = show_on_terminal(capture, tmp_path)
    assert "\x1b[" in coloured
    plain = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert plain == show_on_terminal(capture, tmp_path, NO_COLOR="1")
    assert "\x1b" not in "\n".join(show(*of_device(*CONTROL)))
    assert "\x1b" in show_on_terminal(capture, tmp_path, NO_COLOR="")
    assert "\x1b" not in show_on_terminal(capture, tmp_path, TERM="dumb")


@pytest.mark.parametrize(
    "size, wanted", [(40, 60), (60, 60), (80, 80), (250, 250), (400, 250), (0, 100)]
)
def test_width_of_the_terminal(tmp_path, size, wanted):
    shown = show_on_terminal(
        support.stream(*of_device(*CONTROL)), tmp_path, columns=size, NO_COLOR="1"
    )
    assert max(columns(line) for line in shown.split("\n")) == wanted


def test_columns_variable_wins_and_nonsense_does_not():
    for value, wanted in (("72", 72), ("abc", 100), ("", 100), ("-3", 250)):
        lines = show(*of_device(*CONTROL), COLUMNS=value)
        assert max(map(columns, lines)) == wanted, value


def test_ascii_where_the_locale_is_not_utf8():
    frames = of_device(
        *CONTROL, span("Grüße", 9, 0, 5, trace=3, attributes={"grad": "°C"}, events=[event("e", 1)])
    )
    for locale in ("C", "POSIX"):
        text = "\n".join(show(*frames, LC_ALL=locale))
        assert text.isascii()
        assert "Gr\\u{fc}\\u{df}e" in text and "grad=\\u{b0}C" in text and "`- x call" in text


# ---- strangers ----

HOSTILE = [
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "a\u202eb\u2066",
    "line\nline\r",
    "\x00",
    "\ufeff\u200b",
    "e\u0301" * 40,
    "温" * 80,
    "\U0001f321\ufe0f" * 30,
    "x" * 5000,
    "\U000e0041",
    "tab\there",
    "\x7f",
]


@pytest.mark.parametrize("width", [60, 61, 100, 250])
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_hostile_strings_harm_no_line(width, locale):
    spans = [
        span(
            text,
            number,
            0,
            number,
            trace=number,
            attributes={text: text, "list": [text, text]},
            events=[event(text, 1, **{text: text})],
            status=error(text),
            trace_state="",
        )
        for number, text in enumerate(HOSTILE, 1)
    ]
    device = Device("serv\x1bice\n", device_id=3)
    frames = [device.resource_frame()] + [device.spans(one) for one in spans]
    lines = show(*frames, COLUMNS=str(width), LC_ALL=locale)
    for line in lines:
        assert columns(line) <= width, line
        assert not re.search(
            "[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\u200b\U000e0041]", line
        ), repr(line)
    assert "\\x1b[2J\\x1b]0;title\\x07" in "".join(line.strip() for line in lines)


def test_nothing_of_a_value_is_lost_where_it_wraps():
    value = "".join(chr(0x4E00 + number) + chr(0x61 + number % 26) for number in range(900))
    lines = show(*of_device(span("a", 1, 0, 10, attributes={"k": value})), COLUMNS="61")
    assert f"k={value}" in "".join(line.strip() for line in lines)


@pytest.mark.parametrize(
    "start, end", [(0, 0), (0, 2**63), (2**62, 1), (5, 2**64 - 1 - support.BOOT_UNIX_NS)]
)
def test_absurd_times(start, end):
    one = span(
        "absurd", 1, 0, 0, events=[Span.Event(name="e", time_unix_nano=2**63), Span.Event(name="f")]
    )
    one.start_time_unix_nano, one.end_time_unix_nano = start, end
    lines = show(*of_device(one, span("sane", 2, 10, 20, parent=1)))
    assert all(columns(line) <= 100 for line in lines)
    assert any("absurd" in line for line in lines) and any("sane" in line for line in lines)


def test_random_traces_are_shown_whole():
    random_ = random.Random(7)
    spans = []
    for trace in range(1, 60):
        for number in range(1, random_.randrange(2, 40)):
            start = random_.randrange(10**6)
            spans.append(
                span(
                    f"s{trace}x{number}e",
                    number,
                    start,
                    start + random_.randrange(10**5),
                    trace=trace,
                    parent=random_.randrange(0, 40),
                    attributes={"a" * random_.randrange(1, 60): "v" * random_.randrange(90)},
                )
            )
    random_.shuffle(spans)
    for width in (60, 97, 250):
        lines = show(*of_device(*spans), COLUMNS=str(width))
        assert all(columns(line) <= width for line in lines)
        assert len(re.findall(r"s\d+x\d+e", "\n".join(lines))) == len(spans)
