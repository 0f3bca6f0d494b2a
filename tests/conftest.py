# SPDX-License-Identifier: MIT
"""For every pytest suite: the peers' fixtures, and the line of counts that tools/test reads."""

import pytest

pytest_plugins = ["interop.fixtures"]


class Counts:
    """One outcome a test: a failed set-up or clean-up is a failed test."""

    def __init__(self):
        self.outcomes = {}
        self.broken_modules = 0

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.outcomes[report.nodeid] = "failed"
        elif report.skipped or report.when == "call":
            self.outcomes.setdefault(report.nodeid, report.outcome)

    def pytest_collectreport(self, report):
        if report.failed:
            self.broken_modules += 1

    def line(self):
        outcomes = list(self.outcomes.values())
        failed = outcomes.count("failed") + self.broken_modules
        return f"{outcomes.count('passed')} passed, {failed} failed, {outcomes.count('skipped')} skipped"


def pytest_configure(config):
    config.stash[COUNTS] = Counts()
    config.pluginmanager.register(config.stash[COUNTS])


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    print(config.stash[COUNTS].line())


COUNTS = pytest.StashKey[Counts]()
