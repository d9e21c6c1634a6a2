"""What all tests share: how many programs each law tries, and where the shared folder is.

`make test` runs the laws with fixed seeds, so that a failure repeats. `make fuzz` runs the same
laws with `--law-examples N` programs each, from the seed that it prints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis
import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"

# A law may be slow on a loaded machine; no clock decides a test.
hypothesis.settings.register_profile(
    "test",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("test")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--law-examples N`, `--law-minutes M` and `--law-seed N`."""
    parser.addoption(
        "--law-examples",
        type=int,
        default=None,
        metavar="N",
        help="try each law of tests/fuzz on N programs, from a random seed",
    )
    parser.addoption(
        "--law-minutes",
        type=float,
        default=None,
        metavar="M",
        help="try the laws of schedules for that many minutes",
    )
    parser.addoption(
        "--law-seed", type=int, default=None, metavar="N", help="the first seed of such a run"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--law-examples`, every law of tests/fuzz tries that many programs."""
    examples: int | None = config.getoption("--law-examples")
    if examples is None:
        return
    for item in items:
        bound = getattr(item, "obj", None)
        function: Any = getattr(bound, "__func__", bound)
        if "fuzz" not in item.path.parts or not hasattr(function, "hypothesis"):
            continue
        # A law that is a test of several parts gives each its share.
        count = max(1, examples // getattr(function, "law_share", 1))
        # Hypothesis keeps a law's own settings in this attribute; there is no public way to change
        # them once the law is defined.
        old = getattr(function, "_hypothesis_internal_use_settings", None)
        function._hypothesis_internal_use_settings = hypothesis.settings(
            old or hypothesis.settings.default, max_examples=count, derandomize=False
        )


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of course documents and data that may lie beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared, with the course documents and data, is not here")
    return SHARED
