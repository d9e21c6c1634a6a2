"""How graph-level passes are made: from functions over graph functions, or over dataflow blocks.

`function_pass` takes `f(func, mod, ctx)`, or a class with `transform_function`; loop functions of
the module stay as they are. `dataflowblock_pass` takes `f(block, mod, ctx)`, or a class with
`transform_dataflowblock`.
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
from pellucid.ir.visitor import Mutator
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.expr import DataflowBlock, DataflowVar, Function
from pellucid.support.errors import PassError


def function_pass(
    pass_func: Any = None,
    opt_level: int | None = None,
    name: str | None = None,
    required: Sequence[Any] | None = None,
    traceable: bool = False,
) -> Any:
    """Make a pass of `function(func, mod, ctx)`, or of a class with `transform_function`."""
    del traceable
    return decorate_pass(
        pass_func, function_pass_of(Function), "transform_function", opt_level, name, required
    )


def dataflowblock_pass(
    pass_func: Any = None,
    opt_level: int | None = None,
    name: str | None = None,
    required: Sequence[Any] | None = None,
    traceable: bool = False,
) -> Any:
    """Make a pass of `function(block, mod, ctx)`, or of a class with `transform_dataflowblock`.

    The block that comes back has to define the same variables that are known outside of it.
    """
    del traceable
    return decorate_pass(
        pass_func, _block_pass, "transform_dataflowblock", opt_level, name, required
    )


def _block_pass(info: PassInfo, function: Callable[..., Any]) -> Pass:
    def on_function(func: Function, mod: IRModule, ctx: PassContext) -> Function:
        new = _Blocks(lambda block: function(block, mod, ctx), info.name).visit(func)
        return func if new is func else normalized(new, mod)

    return FunctionPass(info, on_function, Function)


class _Blocks(Mutator):
    """Applies a function to each dataflow block."""

    def __init__(self, function: Callable[[DataflowBlock], DataflowBlock], name: str) -> None:
        super().__init__()
        self.function = function
        self.name = name

    def visit_dataflow_block_(self, block: DataflowBlock) -> DataflowBlock:
        """The block that the pass makes of this one."""
        new = self.function(block)
        if not isinstance(new, DataflowBlock):
            raise PassError(
                f"The pass {self.name!r} made no dataflow block of one.",
                found=type(new).__name__,
            )
        if new is not block:
            lost = [name for var, name in _outputs(block).items() if var not in _outputs(new)]
            if lost:
                raise PassError(
                    f"The pass {self.name!r} dropped variables that are known outside the block.",
                    found=", ".join(lost),
                    cure="bind the same variable object in the new block",
                )
        return new


def _outputs(block: DataflowBlock) -> dict[Any, str]:
    """The variables of a block that are known outside."""
    found = [each.var for each in block.bindings if not isinstance(each.var, DataflowVar)]
    return {var: var.name_hint for var in found}


def normalized(func: Function, mod: IRModule) -> Any:
    """A function in normal form, with struct infos filled in."""
    return BlockBuilder(mod).normalize(func)


__all__ = ["dataflowblock_pass", "function_pass", "normalized"]
