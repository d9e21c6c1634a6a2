"""Passes and instruments under other names, and the registration of lowerings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pellucid.ir import hooks
from pellucid.ir.instruments import PrintAfter, PrintBefore, Save
from pellucid.ir.module import IRModule
from pellucid.ir.op import register_op_attr
from pellucid.ir.transform import Pass, PassContext, module_pass, register_pass_option

# Options of passes that are not needed here: they are taken, and change nothing.
_TAKEN: dict[str, type] = {
    "relax.backend.use_cuda_graph": bool,
    "relax.lift_transform_params.consume_params": bool,
    "relax.transform.apply_legalize_ops": bool,
    "tir.HoistIfThenElse": dict,
    "tir.LoopPartition": dict,
    "tir.Simplify": dict,
    "tir.UnrollLoop": dict,
    "tir.disable_assert": bool,
    "tir.disable_cse_tir": bool,
    "tir.disable_storage_rewrite": bool,
    "tir.disable_vectorize": bool,
    "tir.enable_debug": bool,
    "tir.enable_equiv_terms_in_cse_tir": bool,
    "tir.instrument_bound_checkers": bool,
    "tir.merge_static_smem": bool,
    "tir.noalias": bool,
    "tir.use_async_copy": int,
}
for _name, _kind in _TAKEN.items():
    if _name not in PassContext.list_configs():
        register_pass_option(_name, _kind, None, "taken from other programs, and not needed")


def PrintIR(header: str = "") -> Pass:
    """A pass that prints the module, after `header`, and leaves it."""

    @module_pass(opt_level=0, name="PrintIR")
    def printing(mod: IRModule, ctx: PassContext) -> IRModule:
        del ctx
        print(f"PrintIR({header}):\n{mod.script()}")
        return mod

    return printing


def PrintAfterAll() -> PrintAfter:
    """An instrument that prints the module after every pass."""
    return PrintAfter()


def PrintBeforeAll() -> PrintBefore:
    """An instrument that prints the module before every pass."""
    return PrintBefore()


def DumpIR(dump_dir: str | Path, refresh: bool = False) -> Save:
    """An instrument that writes the module after every pass into a folder."""
    folder = Path(dump_dir)
    if refresh:
        for each in folder.glob("*.py"):
            each.unlink()
    return Save(folder)


def register_legalize(op_name: str, legal_func: Any = None) -> Callable[..., Any]:
    """How an operator is lowered: `@register_legalize("relax.my_op")` above a function of the
    builder and the call.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        register_op_attr(op_name, "FLegalize", function)
        return function

    return decorate if legal_func is None else decorate(legal_func)


def cprint(printable: Any, style: str | None = None, black_format: bool | None = None) -> None:
    """Print a script, or anything that has one, in colour where that can be seen."""
    del black_format
    text = printable if isinstance(printable, str) else printable.script()
    hooks.show.get()(text, style)
