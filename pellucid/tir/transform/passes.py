"""How passes over loop functions are made.

`prim_func_pass` takes `f(func, mod, ctx)`, or a class with `transform_function`; graph functions of
the module stay as they are. `stage` makes a pass out of a lowering stage, a function from loop
function to loop function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.transform import (
    FunctionPass,
    Pass,
    PassContext,
    PassInfo,
    decorate_pass,
    function_pass_of,
)
from pellucid.tir.function import PrimFunc


def prim_func_pass(
    pass_func: Any = None,
    opt_level: int | None = None,
    name: str | None = None,
    required: Sequence[Any] | None = None,
    traceable: bool = False,
) -> Any:
    """Make a pass of `function(func, mod, ctx)`, or of a class with `transform_function`."""
    del traceable
    return decorate_pass(
        pass_func, function_pass_of(PrimFunc), "transform_function", opt_level, name, required
    )


class Stage(FunctionPass):
    """A lowering stage: `function` of every loop function, and the contract of what it makes.

    The contract is checked where the context asks for verification; it raises a `PassError`.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[PrimFunc], PrimFunc],
        contract: Callable[[PrimFunc], None] | None,
    ) -> None:
        super().__init__(PassInfo(0, f"tir.{name}"), self._lowered, PrimFunc)
        self.stage = function
        self.contract = contract
        self.__doc__ = function.__doc__

    def _lowered(self, func: PrimFunc, mod: IRModule, ctx: PassContext) -> PrimFunc:
        del mod
        result = self.stage(func)
        if self.contract is not None and ctx.get("verify"):
            self.contract(result)
        return result


def stage(
    name: str,
    function: Callable[[PrimFunc], PrimFunc],
    contract: Callable[[PrimFunc], None] | None = None,
) -> Pass:
    """The pass `name` that replaces every loop function by `function` of it."""
    return Stage(name, function, contract)
