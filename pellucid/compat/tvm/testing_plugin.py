"""`tvm.testing.plugin`: the fixtures `target` and `dev` for tests that name no targets.

Loaded by pytest, with `-p pellucid.compat.tvm` or as one of `pytest_plugins`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.runtime.device import Device, device

_MARKERS = ("uses_gpu: a test that may use a GPU", "gpu: a test that needs one")


def pytest_configure(config: Any) -> None:
    """Make the marks of the field known."""
    for each in _MARKERS:
        config.addinivalue_line("markers", each)


def _fixture(function: Callable[..., Any]) -> Any:
    import pytest

    return pytest.fixture(function)


@_fixture
def target() -> str:
    """The target that programs are built for."""
    return "llvm"


@_fixture
def dev() -> Device:
    """Its device."""
    return device("cpu")
