"""The law of the printer, as a check: what is printed reads back as the same program."""

from __future__ import annotations

from typing import Any

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
