"""What this processor is: name, features, cores, caches, page size. Facts only; `target/` decides
what follows.

The processor's name and features come from llvmlite, which is imported at the first question about
them.
"""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import cast

_CPU_FOLDER = Path("/sys/devices/system/cpu")

_LEVELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("avx512", ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma")),
    ("avx2", ("avx2", "fma")),
    ("avx", ("avx",)),
    ("sse4", ("sse4.2",)),
    ("sve", ("sve",)),
    ("neon", ("neon",)),
)


@cache
def triple() -> str:
    """LLVM's name of this machine, such as `x86_64-unknown-linux-gnu`."""
    import llvmlite.binding as llvm

    return str(llvm.get_process_triple())


@cache
def cpu_name() -> str:
    """LLVM's name of this processor, such as `znver4`."""
    import llvmlite.binding as llvm

    return str(llvm.get_host_cpu_name())


@cache
def features() -> frozenset[str]:
    """The instruction sets that this processor and its operating system offer, in LLVM's names."""
    import llvmlite.binding as llvm

    found = cast("dict[str, bool]", dict(llvm.get_host_cpu_features()))
    return frozenset(name for name, there in found.items() if there)


@cache
def feature_string() -> str:
    """All features as LLVM takes them: `+avx2,-avx512f,…`."""
    import llvmlite.binding as llvm

    return str(llvm.get_host_cpu_features().flatten())


def isa_level() -> str:
    """The widest vector instruction set: `avx512`, `avx2`, `avx`, `sse4`, `sve`, `neon`, or
    `scalar`.
    """
    have = features()
    for name, needed in _LEVELS:
        if have.issuperset(needed):
            return name
    # 64-bit ARM always has it; some systems do not list it.
    return "neon" if architecture() == "aarch64" else "scalar"


def architecture() -> str:
    """`x86_64`, `aarch64`, or what the system calls itself."""
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)


def is_linux() -> bool:
    """Whether this is Linux, where threads sleep on a futex and memory can have huge pages."""
    return sys.platform.startswith("linux")


def cores() -> int:
    """How many cores this process may use: its affinity, and on Linux its control group's share,
    rounded up.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    share = _cgroup_share()
    return max(1, count if share is None else min(count, share))


def _cgroup_share() -> int | None:
    text = _read(Path("/sys/fs/cgroup/cpu.max"))
    if text is None:
        return None
    quota, _, period = text.partition(" ")
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return max(1, -(-int(quota) // int(period)))


@cache
def cache_sizes() -> dict[str, int]:
    """Bytes of the data caches that the first core sees, by level: `{"L1": …, "L2": …, "L3": …}`;
    unknown ones lack.
    """
    found: dict[str, int] = {}
    for folder in sorted((_CPU_FOLDER / "cpu0" / "cache").glob("index*")):
        kind, level, size = (_read(folder / name) for name in ("type", "level", "size"))
        if kind in ("Data", "Unified") and level is not None and size is not None:
            found[f"L{level}"] = _bytes(size)
    return found


def _bytes(size: str) -> int:
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return int(size[:-1]) * units[size[-1]] if size[-1] in units else int(size)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def summary() -> dict[str, object]:
    """Everything above, JSON-able, for `pellucid doctor` and for benchmark records."""
    return {
        "system": platform.system(),
        "architecture": architecture(),
        "triple": triple(),
        "cpu": cpu_name(),
        "isa": isa_level(),
        "features": sorted(features()),
        "cores": cores(),
        "caches": cache_sizes(),
        "python": platform.python_version(),
    }
