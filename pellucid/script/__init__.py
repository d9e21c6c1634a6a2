"""The script language: Python syntax that stands for IR. `T`, `R` and `I` are the
dialects' namespaces."""

from pellucid.script import ir, relax, tir
from pellucid.script.ir import ir_module
from pellucid.script.parser.entry import from_source

__all__ = ["from_source", "ir", "ir_module", "parse", "relax", "tir"]

parse = from_source
