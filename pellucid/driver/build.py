"""From loop functions to native code: `build` makes an executable, `build_kernels` the LLVM module.

In: a module of loop functions (or one), and a target. Out: `BuiltModule`, whose functions are
called with tensors, arrays and numbers. Graph functions are compiled by `relax.build`, which puts
its entries into the module that `build_kernels` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.codegen.llvm.compile import CompiledObject, compile_module
from pellucid.codegen.llvm.emit_support import defined_symbols, problems, refuse, require_extern
from pellucid.codegen.llvm.instruction_sets import missing_instructions
from pellucid.codegen.llvm.kernel import emit_kernel
from pellucid.codegen.llvm.text import Module
from pellucid.driver.pipeline import lower
from pellucid.ir.module import IRModule
from pellucid.runtime.executable import Executable
from pellucid.runtime.kernel import Kernel, TargetInfo
from pellucid.support.errors import TypeMismatchError, UnsupportedError
from pellucid.target import Target
from pellucid.tir.analysis.well_formed import assert_well_formed
from pellucid.tir.function import PrimFunc


@dataclass(frozen=True, slots=True)
class CompiledKernels:
    """The loop functions of a module as LLVM IR.

    `module` takes further functions before it is compiled. `kernels` are the records of the
    executable, by name; `lowered` is the module that the code was emitted from.
    """

    module: Module
    kernels: Mapping[str, Kernel]
    lowered: IRModule

    @property
    def exports(self) -> list[str]:
        """The symbols of the packed entries."""
        return [each.symbol for each in self.kernels.values()]


class BuiltModule(Executable):
    """An executable of loop functions.

    `lib["name"](...)` calls one, `lib(...)` the only one (or `main`). `get_source("ll" | "asm" |
    "tir")` shows what was made.
    """


def build_kernels(
    mod: IRModule,
    target: Target | str = "llvm",
    *,
    bounds_check: bool = False,
    name: str = "module",
) -> CompiledKernels:
    """Lower and emit all loop functions of a module; other functions are left to the caller."""
    machine = target if isinstance(target, Target) else Target(target)
    for var, func in mod.items():
        if isinstance(func, PrimFunc):
            assert_well_formed(func, var.name_hint, mod)
    lowered = lower(mod, bounds_check=bounds_check)
    functions = {var.name_hint: func for var, func in lowered.items() if isinstance(func, PrimFunc)}
    found: list[str] = []
    for key, func in functions.items():
        found += problems(func, key, functions)
        found += missing_instructions(func, key, machine)
    refuse(found)
    if machine.is_host:
        linked = defined_symbols(functions.values())
        for key, func in functions.items():
            require_extern(func, key, linked)
    module = Module(machine, name)
    kernels: dict[str, Kernel] = {}
    for key, func in functions.items():
        symbol = str(func.attrs.get("global_symbol", key))
        kernels[key] = emit_kernel(module, func, key, symbol, functions)
    return CompiledKernels(module, kernels, lowered)


def target_info(target: Target) -> TargetInfo:
    """What an executable remembers of the target it was built for."""
    return TargetInfo(str(target), target.triple, target.cpu, tuple(sorted(target.features)))


def sources(compiled: CompiledObject, lowered: IRModule) -> dict[str, str | Callable[[], str]]:
    """The texts of an executable, made when they are asked for."""
    return {
        "ll": lambda: compiled.ir,
        "asm": lambda: compiled.assembly,
        "tir": lambda: lowered.script(),
    }


def _as_module(mod: Any) -> IRModule:
    if isinstance(mod, PrimFunc):
        return IRModule({str(mod.attrs.get("global_symbol", "main")): mod})
    if not isinstance(mod, IRModule):
        raise TypeMismatchError(
            "build compiles a module or a loop function.",
            expected="an IRModule or a PrimFunc",
            found=f"{type(mod).__name__}",
        )
    others = [var.name_hint for var, func in mod.items() if not isinstance(func, PrimFunc)]
    if others:
        raise UnsupportedError(
            "build compiles loop functions; this module has graph functions too.",
            found=", ".join(others),
            cure="use relax.build(mod, target)",
        )
    return mod


def build(
    mod: Any,
    target: Target | str | None = None,
    *,
    bounds_check: bool = False,
    opt_level: int = 1,
    name: str = "module",
) -> BuiltModule:
    """Compile a module of loop functions, or one loop function.

    `target` is a `Target` or its text; None takes the current target, else this machine.
    `bounds_check` makes every access check its indices. `opt_level` (0 to 3) is that of LLVM's
    optimiser; the schedule decides about loops, so that 1 is enough.
    """
    module = _as_module(mod)
    machine = Target.current(allow_none=False) if target is None else Target(target)
    assert machine is not None
    kernels = build_kernels(module, machine, bounds_check=bounds_check, name=name)
    compiled = compile_module(
        kernels.module.text(), machine, opt_level, imports=kernels.module.imports
    )
    return BuiltModule(
        kernels=kernels.kernels,
        graphs={},
        constants=(),
        object_code=compiled.object,
        target=target_info(machine),
        sources=sources(compiled, kernels.lowered),
    )
