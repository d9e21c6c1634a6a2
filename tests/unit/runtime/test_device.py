"""Devices: names, values, and what cannot be used."""

from __future__ import annotations

import pytest

from pellucid.runtime.device import Device, cpu, device, require_cpu
from pellucid.support.errors import TargetError, UnsupportedError


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("cpu", "cpu:0"),
        ("llvm", "cpu:0"),
        ("cpu:0", "cpu:0"),
        ("cuda", "cuda:0"),
        ("cuda:1", "cuda:1"),
        ("cuda(2)", "cuda:2"),
        ("gpu", "cuda:0"),
        ("metal", "metal:0"),
    ],
)
def test_names(name: str, found: str) -> None:
    assert str(device(name)) == repr(device(name)) == found


def test_devices_are_values() -> None:
    assert cpu() == device("cpu", 0) == Device("cpu", 0)
    assert len({cpu(), cpu(0), device("llvm"), device("cuda", 1)}) == 2
    assert device(cpu()) is not None
    assert cpu().exist
    assert not device("cuda").exist
    assert (cpu().device_type, cpu().device_id) == (1, 0)
    cpu().sync()


def test_unknown_names() -> None:
    with pytest.raises(TargetError, match="did you mean 'cuda'"):
        device("cudaa")
    with pytest.raises(TargetError, match="another index"):
        device("cpu:1", 0)
    with pytest.raises(TargetError, match="negative"):
        device("cpu", -1)


def test_only_the_cpu_can_be_used() -> None:
    assert require_cpu(None) == cpu()
    with pytest.raises(UnsupportedError, match="cuda:0 cannot be used"):
        require_cpu("cuda")
