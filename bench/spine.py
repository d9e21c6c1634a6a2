"""The costs of the spine: import, build, nodes, calls, fork-join. `make bench-spine` prints them.

Each figure is the median (or, for imports, the least) of several runs. Call costs are the median of
batches. Nothing
here is a test: the limits that are printed beside the figures are targets.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

import pellucid
from bench.record import write
from bench.scripts import AddOne
from pellucid import relax
from pellucid.demo.model import DigitsMLP
from pellucid.ir import scalar as ir
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import Mutator, Visitor, pre_order
from pellucid.runtime import native, pool
from pellucid.runtime.support_library import runtime_symbols
from pellucid.script import from_source

Figure = tuple[str, float, str, float | None]


def best_import(module: str, *, hide_torch: bool) -> float:
    """Seconds that `import module` takes in a fresh process, the least of five."""
    hide = "sys.modules['torch'] = None; " if hide_torch else ""
    code = (
        f"import sys, time; {hide}start = time.perf_counter(); import {module}; "
        "print(time.perf_counter() - start)"
    )
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(5)
    ]
    return min(runs)


def imports() -> list[Figure]:
    """Import times with torch installed and with torch hidden."""
    found: list[Figure] = []
    for module, limit in (("pellucid", 0.4), ("pellucid.runtime", 0.2)):
        for hide, label in ((False, "torch installed"), (True, "torch hidden")):
            seconds = best_import(module, hide_torch=hide)
            found.append((f"import {module}, {label}", seconds, "s", limit))
    return found


def builds() -> list[Figure]:
    """Seconds to build the demo's two-layer network."""
    relax.build(DigitsMLP, target="llvm")
    runs = []
    for _ in range(5):
        start = time.perf_counter()
        relax.build(DigitsMLP, target="llvm")
        runs.append(time.perf_counter() - start)
    code = (
        "import time; start = time.perf_counter(); from pellucid.demo.model import DigitsMLP; "
        "from pellucid import relax; relax.build(DigitsMLP, target='llvm'); "
        "print(time.perf_counter() - start)"
    )
    first = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    return [
        ("build the MLP module", median(runs), "s", 1.0),
        ("import, parse and build it in a fresh process", float(first), "s", None),
    ]


def per_call(function: Callable[[], Any], batch: int = 2000, repeat: int = 15) -> float:
    """Nanoseconds a call, the median of batches."""
    return median(timeit.repeat(function, number=batch, repeat=repeat)) / batch * 1e9


class _Idle(Mutator):
    def visit_add_(self, node: Any) -> Any:
        return self.visit_default(node)


class _Count(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def visit_add_(self, node: Any) -> None:
        self.count += 1
        self.visit_default(node)


def nodes() -> list[Figure]:
    """Nanoseconds a node to build, visit, rewrite, compare, print and parse."""
    var = ir.Var("x", "int32")
    text = DigitsMLP.script()
    size = sum(len(list(pre_order(f))) for f in DigitsMLP.functions.values())
    copy = from_source(text)
    chain: Any = var
    for _ in range(500):
        chain = ir.Add(chain, var)
    count = 1001
    return [
        ("build a node", per_call(lambda: ir.Add(var, var)), "ns", None),
        ("visit a node", per_call(lambda: _Count().visit(chain), 5) / count, "ns", None),
        ("rewrite a node, idle", per_call(lambda: _Idle().visit(chain), 5) / count, "ns", None),
        (
            "compare a node",
            per_call(lambda: structural_equal(DigitsMLP, copy), 5) / size,
            "ns",
            None,
        ),
        ("print a node", per_call(DigitsMLP.script, 5) / size, "ns", None),
        ("parse a node", per_call(lambda: from_source(text), 3, 5) / size, "ns", None),
    ]


def calls() -> list[Figure]:
    """Nanoseconds that a call of a native graph function costs beyond its work (16 floats)."""
    vm = relax.VirtualMachine(relax.build(AddOne, target="llvm"), pellucid.cpu())
    main = vm["main"]
    array = np.ones(16, "float32")
    tensor = pellucid.nd.array(array)
    found: list[Figure] = [
        ("call with our tensors", per_call(lambda: main(tensor)), "ns", 1000),
        ("call with NumPy arrays", per_call(lambda: main(array)), "ns", None),
    ]
    try:
        import torch
    except ImportError:
        return found
    given = torch.ones(16)
    found.append(("call with torch tensors", per_call(lambda: main(given)), "ns", None))
    return found


FORK_JOIN = """
declare i32 @pellucid_parallel_for(ptr, ptr, i64)
declare void @pellucid_run_enter()
declare void @pellucid_run_leave()
define i32 @nothing(ptr %context, i64 %begin, i64 %end) noinline {
  store volatile i64 %begin, ptr %context
  ret i32 0
}
define void @warm(ptr %context, i64 %count, i64 %tasks) {
entry:
  call void @pellucid_run_enter()
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %status = call i32 @pellucid_parallel_for(ptr @nothing, ptr %context, i64 %tasks)
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  call void @pellucid_run_leave()
  ret void
}
"""


def fork_join() -> list[Figure]:
    """Microseconds of an empty parallel loop: many inside one run, and one after a rest."""
    library = native.load_object(native.compile_text(FORK_JOIN), ["warm"], runtime_symbols())
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    run = kind(library.address("warm"))
    cell = ctypes.c_int64()
    place, tasks = ctypes.addressof(cell), pool.num_threads()
    count = 100_000
    run(place, 1000, tasks)
    warm, cold = [], []
    for _ in range(7):
        start = time.perf_counter()
        run(place, count, tasks)
        warm.append((time.perf_counter() - start) / count * 1e6)
    for _ in range(50):
        time.sleep(0.02)
        start = time.perf_counter()
        run(place, 1, tasks)
        cold.append((time.perf_counter() - start) * 1e6)
    return [
        (f"fork-join inside a run, {tasks} threads", median(warm), "us", 0.5),
        (f"fork-join from cold, {tasks} threads", median(cold), "us", None),
    ]


def main() -> None:
    """Measure, print, and write `results/spine.json`."""
    figures = [*imports(), *builds(), *nodes(), *calls(), *fork_join()]
    width = max(len(name) for name, *_ in figures)
    for name, value, unit, limit in figures:
        target = "" if limit is None else f"  (target {limit:g} {unit})"
        print(f"{name:{width}}  {value:10.3f} {unit}{target}")
    table = {name: {"value": value, "unit": unit, "target": t} for name, value, unit, t in figures}
    print(f"written to {write('spine', table)}")


if __name__ == "__main__":
    main()
