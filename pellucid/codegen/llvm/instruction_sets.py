"""Which processors have the instructions behind LLVM's machine intrinsics.

In: the calls of `T.call_llvm_intrin` in a function, and the target. Out: the calls that the target
has no instruction for. LLVM itself would end the process on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pellucid.ir.op import Op
from pellucid.ir.scalar import Call, StringImm
from pellucid.ir.visitor import pre_order
from pellucid.target import Target
from pellucid.tir.function import PrimFunc

# The beginning of a name, and what the processor must have; the first that fits counts.
_FEATURES: tuple[tuple[str, str], ...] = (
    ("llvm.x86.avx512bf16.", "avx512bf16"),
    ("llvm.x86.avx512fp16.", "avx512fp16"),
    ("llvm.x86.avx512.vpdp", "avx512vnni"),
    ("llvm.x86.avx512.vpermi2var.qi", "avx512vbmi"),
    ("llvm.x86.avx512.", "avx512f"),
    ("llvm.x86.amx.", "amx-tile"),
    ("llvm.x86.td", "amx-tile"),
    ("llvm.x86.avx2.vpdp", "avxvnniint8"),
    ("llvm.x86.avx2.", "avx2"),
    ("llvm.x86.avx.", "avx"),
    ("llvm.x86.fma", "fma"),
    ("llvm.x86.vcvtps2ph", "f16c"),
    ("llvm.x86.aesni.", "aes"),
    ("llvm.x86.sha", "sha"),
    ("llvm.x86.sse42.", "sse4.2"),
    ("llvm.x86.sse41.", "sse4.1"),
    ("llvm.x86.ssse3.", "ssse3"),
    ("llvm.x86.sse3.", "sse3"),
    ("llvm.aarch64.neon.sdot", "dotprod"),
    ("llvm.aarch64.neon.udot", "dotprod"),
    ("llvm.aarch64.neon.bf", "bf16"),
    ("llvm.aarch64.neon.smmla", "i8mm"),
    ("llvm.aarch64.neon.ummla", "i8mm"),
    ("llvm.aarch64.neon.us", "i8mm"),
    ("llvm.aarch64.crypto.", "aes"),
    ("llvm.aarch64.sve.", "sve"),
    ("llvm.aarch64.sme.", "sme"),
)
_ARCHITECTURES = {"x86": "x86_64", "aarch64": "aarch64"}
_OTHERS = ("amdgcn", "arm", "hexagon", "mips", "nvvm", "ppc", "r600", "riscv", "spv", "wasm", "ve")


def needs(name: str) -> tuple[str, ...]:
    """The features that the LLVM intrinsic `name` needs, and the architecture first if it belongs
    to one.
    """
    family = name.split(".")[1] if name.count(".") > 0 else ""
    if family not in _ARCHITECTURES:
        return (family,) if family in _OTHERS else ()
    found = [feature for start, feature in _FEATURES if name.startswith(start)][:1]
    if name.startswith("llvm.x86.avx512") and name.endswith((".128", ".256")):
        found.append("avx512vl")
    return (_ARCHITECTURES[family], *found)


def missing_instructions(func: PrimFunc, name: str, target: Target) -> Iterator[str]:
    """What stands in `func` (called `name` in messages) that `target` has no instruction for."""
    seen: set[str] = set()
    for node in pre_order(func.body):
        called = _intrinsic(node)
        if called is None or called in seen:
            continue
        seen.add(called)
        arch, *features = needs(called) or (target.arch,)
        lacking = [each for each in features if not target.has(each)]
        if arch != target.arch:
            yield f"{name}: {called} is an instruction of {arch}, and the target is {target.arch}"
        elif lacking:
            yield f"{name}: {called} needs {' and '.join(lacking)}, which {target.cpu} has not"


def _intrinsic(node: Any) -> str | None:
    if not isinstance(node, Call) or not isinstance(node.op, Op):
        return None
    if node.op.name not in ("tir.call_llvm_intrin", "tir.call_llvm_pure_intrin"):
        return None
    name = node.args[0]
    return name.value if isinstance(name, StringImm) else None
