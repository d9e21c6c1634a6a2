"""Devices: `cpu(0)`, and names such as `"cpu"`, `"llvm"`, `"cuda:1"`, `"cuda(1)"`.

A device of a kind that this build cannot use may be named, printed and compared; using it is an
`UnsupportedError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pellucid.runtime import abi
from pellucid.support.errors import TargetError, UnsupportedError, did_you_mean

# Kind to DLPack's device type.
_TYPES = {
    "cpu": abi.DEVICE_CPU,
    "cuda": 2,
    "opencl": 4,
    "vulkan": 7,
    "metal": 8,
    "rocm": 10,
    "webgpu": 15,
}
_ALIASES = {"llvm": "cpu", "c": "cpu", "gpu": "cuda", "cl": "opencl", "hip": "rocm"}
_NAMES = {number: name for name, number in _TYPES.items()}
_FORM = re.compile(r"([A-Za-z]\w*)(?::(\d{1,4})|\((\d{1,4})\))?")


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of device and which one of them; prints as `cpu:0`."""

    type: str
    index: int = 0

    def __repr__(self) -> str:
        """`cpu:0`."""
        return f"{self.type}:{self.index}"

    def __str__(self) -> str:
        """`cpu:0`."""
        return f"{self.type}:{self.index}"

    @property
    def device_type(self) -> int:
        """DLPack's number for the kind."""
        return _TYPES[self.type]

    @property
    def device_id(self) -> int:
        """The index, under DLPack's name."""
        return self.index

    @property
    def exist(self) -> bool:
        """Whether this build can use it."""
        return self.type == "cpu"

    def sync(self) -> None:
        """Wait until all work on the device is done; on the CPU it always is."""
        require_cpu(self)


_CPU = Device("cpu", 0)


def cpu(index: int = 0) -> Device:
    """The processor; `index` is accepted for the sake of older programs, and there is one."""
    return device("cpu", index)


def device(kind: str | Device, index: int | None = None) -> Device:
    """The device that `kind` names: `"cpu"`, `"llvm"`, `"cuda:1"`, `"cuda(1)"`; `index` may be
    given apart.
    """
    if isinstance(kind, Device):
        return kind
    match = _FORM.fullmatch(kind.strip()) if isinstance(kind, str) else None
    name = _ALIASES.get(match.group(1), match.group(1)) if match else ""
    if match is None or name not in _TYPES:
        raise TargetError(
            f"There is no device named {kind!r}.",
            expected=f"one of {', '.join(_TYPES)}, with an index as in 'cpu:0'",
            cure=did_you_mean(kind, [*_TYPES, *_ALIASES]),
        )
    written = match.group(2) or match.group(3)
    if index is not None and not isinstance(index, int):
        raise TargetError("The index of a device is no integer.", found=f"{index!r:.80}")
    if written is not None and index is not None and int(written) != index:
        raise TargetError(f"The device {kind!r} is given with another index as well, {index}.")
    number = int(written) if written is not None else index or 0
    if number < 0:
        raise TargetError("The index of a device is negative.", found=str(number))
    return Device(name, number)


def device_of_dlpack(device_type: int, device_id: int) -> Device:
    """The device that DLPack numbers so."""
    name = _NAMES.get(device_type)
    if name is None:
        raise UnsupportedError(f"The DLPack device type {device_type} is not known.")
    return Device(name, device_id)


def require_cpu(where: Device | str | None) -> Device:
    """`where`, or the CPU for None; `UnsupportedError` where this build cannot use it."""
    if where is None:
        return _CPU
    found = device(where)
    if found.type != "cpu":
        raise UnsupportedError(
            f"The device {found} cannot be used by this build.",
            expected="cpu",
            cure="use pellucid.cpu(); copy arrays to the processor first",
        )
    return found
