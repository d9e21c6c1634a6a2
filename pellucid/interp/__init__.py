"""The interpreter: the meaning of both IR levels in NumPy, slow and obvious.

Whatever else runs a program must agree with it. `run(func_or_module, *args)` takes NumPy arrays; a
loop function writes
into the arrays it is given, a graph function gives new ones. Out-of-bounds access, reading what was
never written, and
a block binding outside its domain are errors here.
"""

from __future__ import annotations

from typing import Any

from pellucid.interp.foreign import register_meaning, remove_meaning
from pellucid.interp.graph import Interpreter
from pellucid.interp.loops import run_prim_func
from pellucid.ir import hooks
from pellucid.ir.module import IRModule
from pellucid.tir.function import PrimFunc


def run(program: Any, *args: Any, name: str = "main") -> Any:
    """Run a loop function, a graph function, or the function `name` of a module."""
    if isinstance(program, PrimFunc):
        return run_prim_func(program, args, None, str(program.attrs.get("global_symbol", name)))
    module = program if isinstance(program, IRModule) else IRModule({name: program})
    return Interpreter(module)[name](*args)


hooks.evaluator.fill(run)

__all__ = ["Interpreter", "register_meaning", "remove_meaning", "run", "run_prim_func"]
