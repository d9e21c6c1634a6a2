"""The law of the printer, as a check: what is printed reads back as the same program; and
operators for tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pellucid.ir import op as op_module
from pellucid.ir.op import register_op
from pellucid.ir.structural import first_difference, structural_hash
from pellucid.script import from_source


def assert_round_trip(program: Any, *, check_well_formed: bool = False) -> str:
    """Print `program`, read it back, compare; returns the text."""
    text = program.script(show_meta=True)
    again = from_source(text, check_well_formed=check_well_formed)
    difference = first_difference(program, again)
    assert difference is None, f"{difference}\n{text}"
    assert structural_hash(program) == structural_hash(again)
    # What is read back prints the same: names are stable.
    assert again.script(show_meta=True) == text
    return text


@contextmanager
def operators(*names: str) -> Iterator[None]:
    """Operators for a test: pure, with a result like their first argument; forgotten afterwards."""
    for name in names:
        register_op(name, FPurity=True, FInferStructInfo=lambda call, _: call.args[0].struct_info)
    try:
        yield
    finally:
        for name in names:
            op_module._ops.remove(name)
            del op_module._attributes[name]
