"""Linking LLVM modules that users wrote to ours.

In: a parsed module of ours, and the texts of others (LLVM IR, as `pragma_import_llvm` gives them).
Out: the same module with their functions in it, internal, so that the optimiser may inline them. A
text that LLVM cannot read, a function of ours or of another text that it defines again, or one that
is called with other types than it has, is an `UnsupportedError` that names the place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.support.errors import UnsupportedError


def link_imports(llvm: Any, module: Any, imports: Mapping[str, str]) -> None:
    """Link each text of `imports` (to the place that wants it) into `module`; `llvm` is llvmlite's
    binding.
    """
    taken = {each.name for each in module.functions if not each.is_declaration}
    wanted = {each.name: str(each.global_value_type) for each in module.functions}
    added: set[str] = set()
    for text, where in imports.items():
        other = _parsed(llvm, module, text, where)
        try:
            added |= _checked(other, taken | added, wanted, where)
        except UnsupportedError:
            other.close()  # before its context goes
            raise
        module.link_in(other)
    for function in module.functions:
        if function.name in added:
            function.linkage = "internal"


def _checked(other: Any, taken: set[str], wanted: Mapping[str, str], where: str) -> set[str]:
    """The functions that a module defines, whose names and types must fit."""
    found: set[str] = set()
    for function in other.functions:
        if function.is_declaration:
            continue
        if function.name in taken:
            raise UnsupportedError(
                f"{where}: the linked LLVM module defines {function.name!r}, which is defined "
                "already.",
                cure="give the function another name",
            )
        _require_type(function, wanted.get(function.name), where)
        found.add(function.name)
    return found


def _parsed(llvm: Any, module: Any, text: str, where: str) -> Any:
    """A text as a module for the same machine, in the context of `module`."""
    other = None
    try:
        other = llvm.parse_assembly(text, module._context)
        other.triple = module.triple
        other.data_layout = module.data_layout
        other.verify()
    except RuntimeError as error:
        if other is not None:
            other.close()
        raise UnsupportedError(
            f"{where}: LLVM cannot read the module to be linked.",
            found=str(error).strip(),
            expected=f"LLVM IR as text, for LLVM {'.'.join(map(str, llvm.llvm_version_info))}",
            cure="pointers are written `ptr`; older compilers write their types out",
        ) from None
    return other


def _require_type(function: Any, wanted: str | None, where: str) -> None:
    found = str(function.global_value_type)
    if wanted is not None and wanted != found:
        raise UnsupportedError(
            f"{where}: the linked function {function.name!r} has other types than its call.",
            expected=wanted,
            found=found,
            cure="the dtype of T.call_extern is that of the result; pointers are `ptr`",
        )
