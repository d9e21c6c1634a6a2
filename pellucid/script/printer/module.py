"""Modules: `@I.ir_module`, their attributes, and their functions: loop functions, external ones,
graph functions.

Within each kind the functions go by name; `main` comes last.
"""

from __future__ import annotations

import keyword
from typing import Any

from pellucid.ir.function import BaseFunc
from pellucid.ir.module import IRModule
from pellucid.ir.types import PrimType
from pellucid.relax.expr import ExternFunc, Function
from pellucid.script.printer import values
from pellucid.script.printer.context import Printer, string_text
from pellucid.script.printer.prim_func import print_prim_func
from pellucid.script.printer.relax_func import print_relax_func
from pellucid.support.errors import UnsupportedError
from pellucid.support.naming import NameSupply, identifier
from pellucid.tir.function import PrimFunc

_ORDER: tuple[type, ...] = (PrimFunc, ExternFunc, Function)


def _position(name: str, func: Any) -> tuple[bool, int, str]:
    kind = next((i for i, each in enumerate(_ORDER) if isinstance(func, each)), len(_ORDER))
    return name == "main", kind, name


def function_names(module: IRModule) -> dict[str, str]:
    """What each function is called in the text: its own name, unless Python cannot define that."""
    names = [var.name_hint for var in module]
    plain = [name for name in names if name.isidentifier() and not keyword.iskeyword(name)]
    supply = NameSupply(tuple(plain))
    table = {name: name for name in plain}
    for name in names:
        if name not in table:
            table[name] = supply.fresh(identifier(name, "f"))
    return table


def print_module(p: Printer, module: IRModule) -> None:
    """A module."""
    name = p.config.name or "Module"
    p.global_names = function_names(module)
    for var, func in module.items():
        if isinstance(func, PrimFunc) and isinstance(func.ret_type, PrimType):
            p.result_dtypes[var.name_hint] = func.ret_type.dtype
    p.names.reserve(name)
    p.line(f"@{p.ir('ir_module')}")
    p.line(f"class {name}:")
    p.depth += 1
    start = len(p.lines)
    if len(module.attrs):
        p.line(f"{p.ir('module_attrs')}({values.text(p, module.attrs)})")
    if module.global_infos:
        infos = {key: tuple(each) for key, each in sorted(module.global_infos.items())}
        p.line(f"{p.ir('module_global_infos')}({values.text(p, infos)})")
    functions = {var.name_hint: func for var, func in module.items()}
    for each in sorted(functions, key=lambda name: _position(name, functions[name])):
        if len(p.lines) > start:
            p.line("")
        print_member(p, functions[each], each, name)
    if len(p.lines) == start:
        p.line("pass")
    p.depth -= 1


def print_member(p: Printer, func: BaseFunc, name: str, module_name: str) -> None:
    """A function of a module."""
    written = p.global_names[name]
    options = [] if written == name else [f"name={string_text(name)}"]
    p.uses_module = False
    start = len(p.lines)
    if isinstance(func, PrimFunc):
        print_prim_func(p, func, written, options)
    elif isinstance(func, Function):
        print_relax_func(p, func, written, options)
    elif isinstance(func, ExternFunc):
        p.line(f"{written} = {p.expr(func)}")
    else:
        raise UnsupportedError(
            f"A module function of the class {type(func).__name__} has no script."
        )
    if p.uses_module:
        _insert_alias(p, start, module_name)


def _insert_alias(p: Printer, start: int, module_name: str) -> None:
    """`cls = Module` as the first line of the body."""
    for index in range(start, len(p.lines)):
        if p.lines[index].lstrip().startswith("def ") or " def " in p.lines[index][:40]:
            indent = " " * (p.config.indent_spaces * (p.depth + 1))
            p.lines.insert(index + 1, f"{indent}{p.config.module_alias} = {module_name}")
            return
