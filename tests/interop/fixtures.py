# SPDX-License-Identifier: MIT
"""The peers as pytest fixtures. Each test that asks for one has its own, with its logs below
build/test/logs/TEST/."""

import functools
import re

import pytest

from interop import peers


@pytest.fixture
def directory(request):
    """This test's directory for logs, configurations and captures."""
    return peers.BUILD / "test" / "logs" / re.sub(r"[^\w.-]+", "_", request.node.nodeid)


@pytest.fixture
def jaeger(directory):
    with peers.Jaeger(directory) as jaeger:
        yield jaeger


@pytest.fixture
def collector(directory):
    """A Collector that writes to a file only."""
    with peers.Collector(directory) as collector:
        yield collector


@pytest.fixture
def collector_to_jaeger(directory, jaeger):
    """A Collector that writes to a file and feeds the test's `jaeger`."""
    with peers.Collector(directory, jaeger=jaeger) as collector:
        yield collector


@pytest.fixture
def run_gateway(directory):
    """run_gateway(argument…, endpoint=None, environment=None): a running gateway, ended after the
    test."""
    yield from runner(functools.partial(peers.Gateway, directory))


@pytest.fixture
def run_board(directory):
    """run_board(elf, machine="mps2_an386"): a board waiting for somebody to connect to its UART."""
    yield from runner(functools.partial(peers.Board, directory))


def runner(make):
    running = []

    def run(*arguments, **settings):
        peer = make(*arguments, **settings)
        running.append(peer.__enter__())
        return peer

    yield run
    for peer in reversed(running):
        peer.stop()
