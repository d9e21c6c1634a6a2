"""A loop function as native code: its body, and the entry that checks arguments.

In: a lowered `PrimFunc` and the LLVM module it goes to. Out: `pellucid_raw_<name>` (internal) and
`__tvm_ffi_<symbol>` with the conventions of `runtime/abi.py`, and the `Kernel` record of the
executable.
"""

from __future__ import annotations

from collections.abc import Mapping

from pellucid.codegen.llvm.emit_failure import fail
from pellucid.codegen.llvm.emit_parallel import KernelEmitter
from pellucid.codegen.llvm.emit_state import Shared
from pellucid.codegen.llvm.entry import EntryChecks, ScalarArgument, TensorArgument
from pellucid.codegen.llvm.graph_values import declare, pointer_table
from pellucid.codegen.llvm.kernel_signature import KernelNames, kernel_signature
from pellucid.codegen.llvm.overlap import refuse_overlaps
from pellucid.codegen.llvm.text import Module
from pellucid.codegen.llvm.types import register_type
from pellucid.codegen.llvm.value import Value
from pellucid.ir.scalar import Var
from pellucid.runtime import abi
from pellucid.runtime.kernel import Kernel
from pellucid.runtime.signature import ScalarSpec, Signature, TensorSpec
from pellucid.support.errors import WellFormedError
from pellucid.tir.analysis.call_cycle import DEEPEST_CALL, call_cycle
from pellucid.tir.function import PrimFunc
from pellucid.tir.transform.index_ranges import MAX_EXTENT


def emit_kernel(
    module: Module, func: PrimFunc, name: str, symbol: str, functions: Mapping[str, PrimFunc]
) -> Kernel:
    """Emit one loop function; `functions` are all of the module, by name."""
    signature, names = kernel_signature(func, name)
    shared = Shared(module, name, functions, cycle=call_cycle(name, functions))
    if isinstance(signature.result, ScalarSpec):
        shared.return_dtype = signature.result.dtype
    _body(shared, func, signature, names)
    if shared.packed:
        pointer_table(module, f"{abi.PACKED_HANDLES_PREFIX}{name}", len(shared.packed))
    entry = f"{abi.ENTRY_PREFIX}{symbol}"
    if entry in module.functions:
        raise WellFormedError(
            f"The function {name!r} has the global_symbol {symbol!r}, which another one has too.",
            cure=f'func.with_attr("global_symbol", {name!r})',
        )
    _entry(shared, signature, entry, apart=bool(func.attrs.get("tir.noalias", True)))
    return Kernel(name, signature, entry, tuple(shared.packed))


def extra_symbols(signature: Signature) -> list[str]:
    """The symbolic dimensions that the body takes behind its parameters."""
    bound = {s.value for s in signature.params if isinstance(s, ScalarSpec)}
    return [name for name in signature.symbols() if name not in bound]


def _body(shared: Shared, func: PrimFunc, signature: Signature, names: KernelNames) -> None:
    """The function that runs the body, without any check."""
    noalias = func.attrs.get("tir.noalias", True)
    pointer = "ptr noalias" if noalias else "ptr"
    params: list[tuple[str, str]] = []
    for position, spec in enumerate(signature.params):
        scalar = isinstance(spec, ScalarSpec)
        params.append((register_type(spec.dtype) if scalar else pointer, f"p{position}"))
    extra = extra_symbols(signature)
    params += [("i64", f"s{position}") for position in range(len(extra))]
    if shared.return_dtype:
        params.append(("ptr", "result"))
    symbol = f"{abi.RAW_PREFIX}{shared.name}"
    if shared.cycle:
        symbol = _counted(shared, symbol, params)
        params.append(("i64", "calls_around"))
    f = shared.module.function(symbol, "i32", params, linkage="internal")
    emitter = KernelEmitter(shared, f)
    if shared.cycle:
        _limit_depth(emitter, f.params[-1])
    for param, value in zip(func.params, f.params, strict=False):
        buffer = func.buffer_map.get(param)
        if buffer is None:
            _bind_scalar(emitter, param, value)
            continue
        emitter.bind(param, value)
        emitter.bind(buffer.data, value, private=bool(noalias))
        if isinstance(buffer.elem_offset, Var):
            emitter.bind_wide(buffer.elem_offset, f.iconst("i64", 0))
            shared.ranges.bind(buffer.elem_offset, 0, 0)
    for name, value in zip(extra, f.params[len(func.params) :], strict=False):
        var = names.variables[name]
        emitter.bind_wide(var, value)
        if var in names.extents:
            # A dimension is never negative, and never larger than memory.
            emitter.ranges.bind(var, 0, MAX_EXTENT)
    if shared.return_dtype:
        emitter.result = f.params[-2 if shared.cycle else -1]
    emitter.run(func.body)
    emitter.finish()


def _counted(shared: Shared, symbol: str, params: list[tuple[str, str]]) -> str:
    """Make `symbol` start the count of calls inside each other; gives the name of what counts."""
    counted = f"{abi.COUNTED_PREFIX}{shared.name}"
    f = shared.module.function(symbol, "i32", params, linkage="internal")
    f.ret(f.call(counted, "i32", [*f.params, f.iconst("i64", 0)]))
    return counted


def _limit_depth(emitter: KernelEmitter, calls_around: Value) -> None:
    """Stop a recursion without end before it leaves the stack."""
    emitter.calls_around = calls_around
    emitter.fail_unless(
        emitter.f.icmp("slt", calls_around, DEEPEST_CALL),
        abi.RUN_ERROR,
        f"{emitter.shared.name} is called too deeply.\n"
        f"  expected: at most {DEEPEST_CALL} calls inside each other\n"
        "  cure: look for a recursion that does not end",
    )


def _bind_scalar(emitter: KernelEmitter, param: Var, value: Value) -> None:
    if param.dtype in ("int32", "int64"):
        emitter.bind_wide(param, emitter.f.cast("sext", value, "i64"))
    else:
        emitter.bind(param, value)


def _entry(shared: Shared, signature: Signature, symbol: str, *, apart: bool) -> None:
    """The function that checks the arguments and calls the body."""
    module = shared.module
    f = module.function(
        symbol, "i32", [("ptr", "handle"), ("ptr", "args"), ("i32", "count"), ("ptr", "result")]
    )
    _, args, count, result = f.params
    refuse = f.block("refuse")
    checks = EntryChecks(f, refuse)
    found = checks.check(signature, args, count)
    operands: list[Value] = []
    for argument in found:
        if isinstance(argument, TensorArgument):
            operands.append(argument.data)
        elif isinstance(argument, ScalarArgument):
            operands.append(argument.value)
    operands += [checks.symbols[name] for name in extra_symbols(signature)]
    if apart:
        refuse_overlaps(f, signature, found)
    f.store(f.iconst("i64", abi.NONE), result, 8)
    f.store(f.iconst("i64", 0), f.gep("i8", result, abi.ANY_VALUE), 8)
    if shared.return_dtype:
        operands.append(result)
    if shared.parallel:
        f.call(declare(module, "pellucid_run_enter"), "void", [])
    status = f.call(f"{abi.RAW_PREFIX}{shared.name}", "i32", operands)
    if shared.parallel:
        f.call(declare(module, "pellucid_run_leave"), "void", [])
    f.ret(status)
    f.start(refuse)
    fail(f, abi.CHECK_ERROR, signature.name)
    f.ret(f.iconst("i32", -1))


def writes(signature: Signature) -> list[str]:
    """The names of the tensors that a function writes."""
    return [s.name for s in signature.params if isinstance(s, TensorSpec) and s.writable]
