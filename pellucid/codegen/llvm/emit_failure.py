"""How generated code fails: raising an error with a message, in functions that stay out of the way.

In: a module being built. Out: names of small internal functions, made once a module, that set the
error of the present thread (`abi.py`) and return; what calls them then leaves its function with -1.
"""

from __future__ import annotations

from pellucid.codegen.llvm.graph_values import declare
from pellucid.codegen.llvm.text import Function, Module
from pellucid.codegen.llvm.value import Value
from pellucid.runtime import abi

_ATTRIBUTES = "cold noinline nounwind"
_BUFFER = 512


def raise_function(module: Module) -> str:
    """`void (ptr kind, ptr message)`: raises an error with a fixed message."""
    name = "pellucid_fail"
    if name not in module.functions:
        set_error = declare(module, "TVMFFIErrorSetRaisedFromCStr")
        f = module.function(
            name,
            "void",
            [("ptr", "kind"), ("ptr", "message")],
            linkage="internal",
            attributes=_ATTRIBUTES,
        )
        f.call(set_error, "void", f.params)
        f.ret()
    return name


def bounds_function(module: Module) -> str:
    """`void (ptr format, i64 index, i64 extent)`: raises a bounds error; the format takes both."""
    name = "pellucid_fail_bounds"
    if name not in module.functions:
        set_error = declare(module, "TVMFFIErrorSetRaisedFromCStr")
        printf = module.declare("snprintf", "i32", ["ptr", "i64", "ptr", "..."])
        f = module.function(
            name,
            "void",
            [("ptr", "format"), ("i64", "index"), ("i64", "extent")],
            linkage="internal",
            attributes=_ATTRIBUTES,
        )
        text = f.alloca("i8", _BUFFER, 1)
        size = f.iconst("i64", _BUFFER)
        f.call(printf, "i32", [text, size, *f.params], signature="i32 (ptr, i64, ptr, ...)")
        f.call(set_error, "void", [module.string(abi.BOUNDS_ERROR), text])
        f.ret()
    return name


def fail(f: Function, kind: str, message: str) -> None:
    """Raise an error of `kind` (one of those in `abi.py`) with `message`."""
    module = f.module
    f.call(raise_function(module), "void", [module.string(kind), module.string(message)])


def fail_bounds(f: Function, where: str, index: Value, extent: Value) -> None:
    """Raise a bounds error about `index`, which is not below `extent`; both are i64."""
    escaped = where.replace("%", "%%")
    text = f"{escaped}: the index %lld is outside 0 <= index < %lld"
    f.call(bounds_function(f.module), "void", [f.module.string(text), index, extent])
