"""A compiled loop function and the processor that compiled code needs: two records of an
executable.
"""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.runtime.signature import (
    Record,
    Signature,
    signature_from_json,
    signature_to_json,
)
from pellucid.support import host
from pellucid.support.errors import ArtifactError

MAX_FEATURES = 4096
MAX_PACKED = 65_536


@dataclass(frozen=True, slots=True)
class Kernel:
    """A loop function: its signature, the symbol of its packed entry (see `abi.py`), and what it
    calls.

    `packed`: the packed functions it calls, in the order of its handle array.
    """

    name: str
    signature: Signature
    symbol: str
    packed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """What the object code was built for.

    `text`: the target as the user may write it; `triple`, `cpu`: LLVM's names; `features`: the
    instruction sets that the code may use, in LLVM's names.
    """

    text: str
    triple: str
    cpu: str
    features: tuple[str, ...]


def host_target() -> TargetInfo:
    """This processor, with all it offers."""
    features = tuple(sorted(host.features()))
    return TargetInfo("llvm", host.triple(), host.cpu_name(), features)


def require_host(target: TargetInfo) -> None:
    """Raise `ArtifactError` unless this processor and system can run code built for `target`."""
    theirs, ours = target.triple.split("-"), host.triple().split("-")
    if theirs[0] != ours[0] or _system(theirs) != _system(ours):
        raise ArtifactError(
            "The executable was built for another kind of machine.",
            expected=host.triple(),
            found=target.triple,
            cure="build it on, or for, this machine",
        )
    missing = sorted(set(target.features) - host.features())
    if missing:
        shown = ", ".join(missing[:8]) + (", …" if len(missing) > 8 else "")
        raise ArtifactError(
            "The executable was built for a processor that can do more than this one.",
            expected=f"the instruction sets of {target.cpu}",
            found=f"{host.cpu_name()}, which lacks {shown}",
            cure=f'build it with target="llvm -mcpu={host.cpu_name()}"',
        )


def _system(triple: list[str]) -> str:
    return triple[2].rstrip("0123456789.") if len(triple) > 2 else ""


def kernel_to_json(kernel: Kernel) -> dict[str, object]:
    """A kernel as JSON-able data."""
    return {
        "name": kernel.name,
        "signature": signature_to_json(kernel.signature),
        "symbol": kernel.symbol,
        "packed": list(kernel.packed),
    }


def kernel_from_json(data: object) -> Kernel:
    """A kernel from parsed JSON; `ArtifactError` if it is not one."""
    record = Record(data, "kernel")
    return Kernel(
        record.text("name"),
        signature_from_json(record.get("signature")),
        record.text("symbol"),
        record.texts("packed", MAX_PACKED),
    )


def target_to_json(target: TargetInfo) -> dict[str, object]:
    """A target as JSON-able data."""
    return {
        "text": target.text,
        "triple": target.triple,
        "cpu": target.cpu,
        "features": list(target.features),
    }


def target_from_json(data: object) -> TargetInfo:
    """A target from parsed JSON; `ArtifactError` if it is not one."""
    record = Record(data, "target")
    return TargetInfo(
        record.text("text"),
        record.text("triple"),
        record.text("cpu"),
        record.texts("features", MAX_FEATURES),
    )
