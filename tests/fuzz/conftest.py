"""Long runs leave records: `make fuzz` gives `--law-examples`, `make fuzz-schedule`
`--law-minutes`, and each process writes the laws that it ran.
"""

from __future__ import annotations

import pytest

from tests.fuzz.coverage import laws

durations: dict[str, float] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how long each law ran."""
    if report.when == "call":
        name = report.location[2].partition("[")[0]
        durations[name] = durations.get(name, 0.0) + report.duration


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the records of a long run."""
    del exitstatus
    options = session.config.getoption
    if options("--law-examples") is None and options("--law-minutes") is None:
        return
    seed = str(options("--law-seed") or options("--hypothesis-seed", default=None))
    for law in laws:
        if law.programs and law.timed is (options("--law-minutes") is not None):
            seconds = durations.get(law.test, 0.0)
            print(
                f"written to {law.record(seed, seconds, len(law.findings) or session.testsfailed)}"
            )
