"""The namespace `I`: modules, their attributes and global infos, as scripts spell them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, overload

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.relax.struct_info import VDevice
from pellucid.script.constructors import node
from pellucid.script.metadata import load_metadata
from pellucid.script.parser import entry
from pellucid.script.parser.core import Dialect, register_dialect
from pellucid.script.parser.module import ModuleAttrs, ModuleGlobalInfos, ModuleParser

__all__ = [
    "GlobalVar",
    "Op",
    "ir_module",
    "load_metadata",
    "module_attrs",
    "module_global_infos",
    "node",
    "vdevice",
]


@overload
def ir_module(cls: type) -> IRModule: ...
@overload
def ir_module(
    cls: None = None, *, check_well_formed: bool = True
) -> Callable[[type], IRModule]: ...


def ir_module(cls: type | None = None, *, check_well_formed: bool = True) -> Any:
    """Make a class of decorated functions into an `IRModule`.

    `check_well_formed=False` leaves out the check of the rules of both levels at the end.
    """
    if cls is not None:
        return entry.decorate_class(cls, sys._getframe(1), check_well_formed=check_well_formed)  # pyright: ignore[reportPrivateUsage]

    def decorator(cls: type) -> IRModule:
        return entry.decorate_class(cls, sys._getframe(1), check_well_formed=check_well_formed)  # pyright: ignore[reportPrivateUsage]

    return decorator


ir_module.dialect = "ir"  # pyright: ignore[reportFunctionMemberAccess]


def module_attrs(attrs: dict[str, Any]) -> ModuleAttrs:
    """In a module's class body: its attributes."""
    return ModuleAttrs(attrs)


def module_global_infos(infos: dict[str, Any]) -> ModuleGlobalInfos:
    """In a module's class body: its global infos (virtual devices and the like), lists by kind."""
    return ModuleGlobalInfos(infos)


def vdevice(target: Any = None, vdevice_id: int = 0, memory_scope: str = "global") -> VDevice:
    """A virtual device, as a global info."""
    return VDevice(target, vdevice_id, memory_scope)


register_dialect(Dialect("ir", "I", sys.modules[__name__], ModuleParser))
