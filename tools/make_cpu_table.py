"""Write `pellucid/target/cpu_table.py`: which instruction sets each processor name of LLVM has.

Comes in: the installed llvmlite. Goes out: the file, or with `--check` exit status 1 when it would
change. For every processor and feature a small function is compiled, in a child process since
LLVM ends the process where an instruction is not to be had.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm

OUTPUT = Path(__file__).parent.parent / "pellucid" / "target" / "cpu_table.py"
TRIPLES = {"x86_64": "x86_64-unknown-linux-gnu", "aarch64": "aarch64-unknown-linux-gnu"}


def _vnni(bits: int, pattern: str) -> tuple[str, str]:
    lanes = bits // 32
    v, q = f"<{lanes} x i32>", f"<{lanes * 4} x i8>"
    function = f"@llvm.x86.avx512.vpdpbusd.{bits}"
    return (
        f"declare {v} {function}({v}, {q}, {q})\n"
        f"define {v} @f({v} %a, {q} %b) {{\n"
        f"  %r = call {v} {function}({v} %a, {q} %b, {q} %b)\n  ret {v} %r\n}}",
        pattern,
    )


def _call(ret: str, name: str, *args: str, pattern: str) -> tuple[str, str]:
    declared = ", ".join(
        each.split(" ")[0] if each[0] != "<" else each[: each.index(">") + 1] for each in args
    )
    params = ", ".join(each for each in args if "%" in each)
    tail = "  ret void" if ret == "void" else f"  ret {ret} %r"
    result = "" if ret == "void" else "%r = "
    return (
        f"declare {ret} @{name}({declared})\n"
        f"define {ret} @f({params}) {{\n"
        f"  {result}call {ret} @{name}({', '.join(args)})\n{tail}\n}}",
        pattern,
    )


def _op(type_: str, op: str, pattern: str) -> tuple[str, str]:
    return (
        f"define {type_} @f({type_} %x, {type_} %y) {{\n"
        f"  %r = {op} {type_} %x, %y\n  ret {type_} %r\n}}",
        pattern,
    )


PROBES = {
    "x86_64": {
        "sse4.1": _call("float", "llvm.floor.f32", "float %x", pattern="roundss|vrndscaless"),
        "sse4.2": _call("i32", "llvm.x86.sse42.crc32.32.32", "i32 %x", "i32 %y", pattern="crc32"),
        "popcnt": _call("i32", "llvm.ctpop.i32", "i32 %x", pattern="popcnt"),
        "lzcnt": _call("i32", "llvm.ctlz.i32", "i32 %x", "i1 false", pattern="lzcnt"),
        "bmi2": _call("i32", "llvm.x86.bmi.pdep.32", "i32 %x", "i32 %y", pattern="pdep"),
        "f16c": (
            "define float @f(half %x) {\n  %r = fpext half %x to float\n  ret float %r\n}",
            "vcvtph2ps|vcvtsh2ss",
        ),
        "avx": _op("<8 x float>", "fadd", "vaddps.*ymm"),
        "avx2": _op("<8 x i32>", "add", "vpaddd.*ymm"),
        "fma": _call(
            "float", "llvm.fma.f32", "float %x", "float %y", "float %z", pattern="vfmadd[123]+ss"
        ),
        "avxvnni": _vnni(256, r"\{vex\}"),
        "avx512f": _op("<16 x float>", "fadd", "vaddps.*zmm"),
        "avx512bw": _op("<64 x i8>", "add", "vpaddb.*zmm"),
        "avx512dq": _op("<8 x i64>", "mul", "vpmullq.*zmm"),
        "avx512vl": _call(
            "<4 x i64>", "llvm.smax.v4i64", "<4 x i64> %x", "<4 x i64> %y", pattern="vpmaxsq.*ymm"
        ),
        "avx512vnni": _vnni(512, "vpdpbusd.*zmm"),
        "avx512vbmi": _call(
            "<64 x i8>",
            "llvm.x86.avx512.permvar.qi.512",
            "<64 x i8> %x",
            "<64 x i8> %y",
            pattern="vpermb",
        ),
        "avx512bf16": _call(
            "<16 x bfloat>",
            "llvm.x86.avx512bf16.cvtneps2bf16.512",
            "<16 x float> %x",
            pattern="vcvtneps2bf16",
        ),
        "avx512fp16": _op("<32 x half>", "fadd", "vaddph.*zmm"),
        "amx-tile": _call("void", "llvm.x86.tilezero", "i8 0", pattern="tilezero"),
        "amx-bf16": _call(
            "void", "llvm.x86.tdpbf16ps", "i8 0", "i8 1", "i8 2", pattern="tdpbf16ps"
        ),
        "amx-int8": _call("void", "llvm.x86.tdpbusd", "i8 0", "i8 1", "i8 2", pattern="tdpbusd"),
    },
    "aarch64": {
        "neon": _op("<4 x float>", "fadd", r"fadd\tv0.4s"),
        "fullfp16": _op("<8 x half>", "fadd", r"fadd\tv0.8h"),
        "lse": (
            "define i64 @f(ptr %p, i64 %x) {\n"
            "  %r = atomicrmw add ptr %p, i64 %x monotonic\n  ret i64 %r\n}",
            "ldadd",
        ),
        "dotprod": _call(
            "<4 x i32>",
            "llvm.aarch64.neon.udot.v4i32.v16i8",
            "<4 x i32> %x",
            "<16 x i8> %y",
            "<16 x i8> %z",
            pattern="udot",
        ),
        "bf16": _call(
            "<4 x float>",
            "llvm.aarch64.neon.bfdot.v4f32.v8bf16",
            "<4 x float> %x",
            "<8 x bfloat> %y",
            "<8 x bfloat> %z",
            pattern="bfdot",
        ),
        "i8mm": _call(
            "<4 x i32>",
            "llvm.aarch64.neon.usdot.v4i32.v16i8",
            "<4 x i32> %x",
            "<16 x i8> %y",
            "<16 x i8> %z",
            pattern="usdot",
        ),
        "sve": _op("<vscale x 4 x float>", "fadd", "fadd.*z0"),
        "sve2": _call(
            "<vscale x 4 x i32>",
            "llvm.aarch64.sve.histcnt.nxv4i32",
            "<vscale x 4 x i1> %m",
            "<vscale x 4 x i32> %x",
            "<vscale x 4 x i32> %y",
            pattern="histcnt",
        ),
    },
}


def names(arch: str) -> list[str]:
    """The 64-bit processor names that LLVM lists for `arch`."""
    code = (
        "import llvmlite.binding as b; b.initialize_all_targets(); "
        "b.initialize_all_asmprinters(); "
        f"b.Target.from_triple({TRIPLES[arch]!r}).create_target_machine(cpu='help')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    section = run.stderr.split("Available features")[0]
    return re.findall(r"^\s+(\S+)\s+- Select the", section, re.MULTILINE)


def has(arch: str, cpu: str, probe: tuple[str, str]) -> bool:
    """Whether the assembly of the probe's function for `cpu` shows the instruction."""
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        module = llvm.parse_assembly(probe[0], llvm.create_context())
        target = llvm.Target.from_triple(TRIPLES[arch])
        machine = target.create_target_machine(cpu=cpu, opt=1, reloc="pic", codemodel="small")
        os._exit(0 if re.search(probe[1], machine.emit_assembly(module)) else 1)
    return os.waitpid(child, 0)[1] == 0


def is_64_bit(arch: str, cpu: str) -> bool:
    """Whether `cpu` runs 64-bit code."""
    return arch != "x86_64" or has(arch, cpu, _op("i64", "add", "%r"))


def table() -> dict[str, dict[str, list[str]]]:
    """For each architecture: features joined by spaces → the processors that have exactly these."""
    result: dict[str, dict[str, list[str]]] = {}
    for arch, probes in PROBES.items():
        groups: dict[str, list[str]] = {}
        for cpu in names(arch):
            if is_64_bit(arch, cpu):
                found = " ".join(name for name, each in probes.items() if has(arch, cpu, each))
                groups.setdefault(found, []).append(cpu)
        result[arch] = groups
    return result


def wrapped(words: list[str], indent: str) -> list[str]:
    """`words` as the lines of adjacent string literals."""
    if len(" ".join(words)) <= 97 - len(indent):
        return [f'{indent}"{" ".join(words)}"']
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > 80:
            lines.append("")
        lines[-1] += word + " "
    lines[-1] = lines[-1].rstrip()
    return [f'{indent}"{line}"' for line in lines]


def text() -> str:
    """The whole file."""
    out = [
        '"""Which instruction sets each processor name has (written by `tools/make_cpu_table.py`).',
        "",
        "One entry a group: the features, and the processors that have exactly these.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "GROUPS: dict[str, list[tuple[str, str]]] = {",
    ]
    for arch, groups in table().items():
        out.append(f'    "{arch}": [')
        for features, cpus in groups.items():
            out.append("        (")
            first, second = (wrapped(w, " " * 12) for w in (features.split(), sorted(cpus)))
            out += [*first[:-1], first[-1] + ",", *second[:-1], second[-1] + ","]
            out.append("        ),")
        out.append("    ],")
    out.append("}")
    return "\n".join(out) + "\n"


def main() -> int:
    """Write or check the file."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    new = text()
    if "--check" in sys.argv:
        return int(OUTPUT.read_text() != new)
    OUTPUT.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
