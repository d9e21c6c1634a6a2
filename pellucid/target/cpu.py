"""What a processor can do: options of a target → instruction sets, vectors, caches, cores.

Facts about the processor that runs this come from `support/host.py`; those of named processors
from `cpu_table.py`, so that a target for another machine does not depend on where it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pellucid.support import host
from pellucid.support.errors import TargetError, did_you_mean
from pellucid.target.cpu_table import GROUPS
from pellucid.target.options import Options

# Turning a feature off turns off what needs it; turning one on turns on what it needs.
_NEEDS: dict[str, tuple[str, ...]] = {
    "sse4.2": ("sse4.1",),
    "avx": ("sse4.2",),
    "avx2": ("avx",),
    "fma": ("avx",),
    "f16c": ("avx",),
    "avxvnni": ("avx2",),
    "avx512f": ("avx2", "fma", "f16c"),
    "avx512bw": ("avx512f",),
    "avx512dq": ("avx512f",),
    "avx512vl": ("avx512f",),
    "avx512vnni": ("avx512f",),
    "avx512vbmi": ("avx512bw",),
    "avx512bf16": ("avx512bw",),
    "avx512fp16": ("avx512bw", "avx512dq", "avx512vl"),
    "amx-bf16": ("amx-tile",),
    "amx-int8": ("amx-tile",),
    "sve": ("neon", "fullfp16"),
    "sve2": ("sve",),
    "dotprod": ("neon",),
    "i8mm": ("neon",),
    "bf16": ("neon",),
}

_AVX512 = frozenset(("avx512f", "avx512bw", "avx512dq", "avx512vl"))


@dataclass(frozen=True, slots=True)
class Processor:
    """The facts that code generation and schedules use.

    `isa` is "avx512", "avx2", "sse2" or "neon". `vector_bytes` is the width of a vector register,
    `registers` how many there are. `features` are the instruction sets in LLVM's names,
    `feature_string` what LLVM is told beyond the name `cpu`. Cache sizes are bytes of one core's
    L1 data cache and L2, and of the shared L3.
    """

    triple: str
    arch: str
    cpu: str
    features: frozenset[str]
    feature_string: str
    isa: str
    vector_bytes: int
    registers: int
    l1_bytes: int
    l2_bytes: int
    l3_bytes: int
    cores: int
    is_host: bool


def architecture(triple: str) -> str:
    """The architecture of an LLVM triple in its usual name; an error if we emit no code for it."""
    first = triple.split("-", 1)[0].lower()
    arch = {"amd64": "x86_64", "arm64": "aarch64"}.get(first, first)
    if arch not in GROUPS:
        raise TargetError(
            f"There is no code generation for the architecture {first!r}.",
            expected=f"a triple that begins with {' or '.join(GROUPS)}",
            found=repr(triple),
            cure=did_you_mean(first, GROUPS),
        )
    return arch


@cache
def _table(arch: str) -> dict[str, frozenset[str]]:
    return {
        cpu: frozenset(features.split()) for features, cpus in GROUPS[arch] for cpu in cpus.split()
    }


def _features_of(arch: str, cpu: str) -> frozenset[str]:
    table = _table(arch)
    if cpu not in table:
        raise TargetError(
            f"There is no {arch} processor named {cpu!r}.",
            expected="a processor name of LLVM, such as "
            + ("'znver4' or 'x86-64-v3'" if arch == "x86_64" else "'neoverse-n1' or 'apple-m1'"),
            cure=did_you_mean(cpu, table),
        )
    return table[cpu]


def _add(features: set[str], name: str) -> None:
    features.add(name)
    for each in _NEEDS.get(name, ()):
        _add(features, each)


def _remove(features: set[str], name: str) -> None:
    features.discard(name)
    for other, needs in _NEEDS.items():
        if name in needs and other in features:
            _remove(features, other)


def _change(features: frozenset[str], arch: str, mattr: str) -> frozenset[str]:
    known = {name for each, _ in GROUPS[arch] for name in each.split()} | host.features()
    result = set(features)
    for word in mattr.split(",") if mattr else ():
        name = word[1:]
        if name not in known and name not in _NEEDS:
            raise TargetError(
                f"There is no {arch} feature named {name!r}.", cure=did_you_mean(name, known)
            )
        (_add if word[0] == "+" else _remove)(result, name)
    return frozenset(result)


def _vectors(arch: str, features: frozenset[str]) -> tuple[str, int, int]:
    if arch == "aarch64":
        return "neon", 16, 32
    if features >= _AVX512:
        return "avx512", 64, 32
    if features >= {"avx2", "fma"}:
        return "avx2", 32, 16
    return "sse2", 16, 16


@cache
def resolve(options: Options) -> Processor:
    """The processor that the options of an "llvm" target describe.

    Without -mtriple it is of this machine's kind; without -mcpu it is this machine's processor,
    or a plain one ("generic") of another architecture.
    """
    given = dict(options)
    triple = str(given.get("mtriple", "")) or host.triple()
    arch = architecture(triple)
    mattr = str(given.get("mattr", ""))
    cpu = str(given.get("mcpu", ""))
    here = not cpu and arch == architecture(host.triple())
    if cpu == "native":
        if arch != architecture(host.triple()):
            raise TargetError(
                "The processor 'native' is this machine's, which is of another architecture.",
                expected=f"-mcpu with a name of an {arch} processor",
            )
        here = True
    if here:
        cpu, base = host.cpu_name(), host.features()
        words = [host.feature_string(), mattr]
    else:
        cpu = cpu or ("x86-64" if arch == "x86_64" else "generic")
        base = _features_of(arch, cpu)
        words = [mattr]
    if arch == "aarch64":
        base |= {"neon"}
    features = _change(base, arch, mattr)
    isa, width, registers = _vectors(arch, features)
    if "vector-width" in given:
        width = min(width, int(given["vector-width"]) // 8)
    caches = host.cache_sizes() if here else {}
    sizes = [
        int(given.get(f"{level.lower()}-size", caches.get(level, default)))
        for level, default in (("L1", 32 << 10), ("L2", 512 << 10), ("L3", 8 << 20))
    ]
    return Processor(
        triple=triple,
        arch=arch,
        cpu=cpu,
        features=features,
        feature_string=",".join(each for each in words if each),
        isa=isa,
        vector_bytes=width,
        registers=registers,
        l1_bytes=sizes[0],
        l2_bytes=sizes[1],
        l3_bytes=sizes[2],
        cores=int(given.get("num-cores", host.cores() if here else 1)),
        is_host=here and triple == host.triple(),
    )
