"""Write the part of ARCHITECTURE.md that shows one small program at each station.

In: the program below. Out: the text between the two markers in ARCHITECTURE.md, made by running the
code: the script, the lowered loops, the plan, LLVM IR, assembly, and results.

Usage: python tools/architecture_stations.py [--check]

With --check nothing is written, and the exit code says whether the text is what the code says
today. The target is fixed, so that the text is the same on every machine.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from pathlib import Path

import numpy as np

from pellucid import interp
from pellucid.driver.pipeline import lower
from pellucid.driver.relax_build import build
from pellucid.ir.module import IRModule
from pellucid.runtime.device import cpu
from pellucid.runtime.tensor import array
from pellucid.runtime.vm import VirtualMachine
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T

PAGE = Path(__file__).resolve().parent.parent / "ARCHITECTURE.md"
BEGIN, END = "<!-- stations -->", "<!-- /stations -->"
TARGET = "llvm -mcpu=x86-64-v3"
VECTOR_WORK = r"(?:load|fmul|store) <8 x float>|\bv\w+ps\b"


@I.ir_module
class Double:
    @T.prim_func
    def double(x: T.handle, y: T.handle):
        n = T.int64()
        X = T.match_buffer(x, (n, 8), "float32")
        Y = T.match_buffer(y, (n, 8), "float32")
        for i in range(n):
            for j in T.vectorized(8):
                with T.block("double"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    Y[vi, vj] = X[vi, vj] * T.float32(2)

    @R.function
    def main(x: R.Tensor(("n", 8), "float32")):
        n = T.int64()
        cls = Double
        with R.dataflow():
            twice = R.call_tir(cls.double, (x,), out_sinfo=R.Tensor((n, 8), "float32"))
            result = R.call_tir(cls.double, (twice,), out_sinfo=R.Tensor((n, 8), "float32"))
            R.output(result)
        return result


def stations() -> str:
    """The text between the markers."""
    x = np.arange(8, dtype="float32").reshape(1, 8)
    executable = build(Double, TARGET)
    lowered = IRModule({"double": lower(Double)["double"]})
    machine = VirtualMachine(build(Double, "llvm"), cpu())
    parts = [
        ("The module as script: `mod.script()`", "python", Double.script()),
        (
            "Its meaning: `interp.run(mod, x)` for x = 0 … 7",
            "text",
            str(np.asarray(interp.run(Double, x))),
        ),
        (
            "The loop function without blocks: `driver.pipeline.lower(mod)`",
            "python",
            lowered.script(),
        ),
        (
            "The plan of the graph function: `executable.as_text()`",
            "text",
            executable.as_text(),
        ),
        (
            "One turn of its loop in LLVM IR: `executable.get_source('ll')`",
            "llvm",
            one_turn(executable.get_source("ll"), r"[\w.]+:"),
        ),
        (
            "The same in assembly: `executable.get_source('asm')`",
            "asm",
            one_turn(executable.get_source("asm"), r"\.?\w+:"),
        ),
        (
            "What the virtual machine gives: `VirtualMachine(executable, cpu())['main'](x)`",
            "text",
            str(machine["main"](array(x)).numpy()),
        ),
    ]
    return "\n\n".join(
        f"**{title}**\n\n```{kind}\n{body.strip()}\n```" for title, kind, body in parts
    )


def one_turn(text: str, block_start: str) -> str:
    """The shortest block of `text` that loads, multiplies and stores a vector: one turn of the
    loop, which LLVM also unrolls. A block begins where a line matches `block_start`.
    """
    blocks = re.split(rf"^(?={block_start})", text, flags=re.MULTILINE)
    found = [each.strip() for each in blocks if len(re.findall(VECTOR_WORK, each)) >= 3]
    return min(found, key=len)


def main() -> int:
    """Write the text, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    old, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{PAGE.name} has no part between {BEGIN} and {END}")
    new = f"\n{stations()}\n"
    if not options.check:
        PAGE.write_text(f"{before}{BEGIN}{new}{END}{after}", "utf-8")
        return 0
    difference = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm=""))
    print("\n".join(difference))
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
