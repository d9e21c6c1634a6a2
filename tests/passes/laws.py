"""What every pass over graph functions has to keep: form, and the object when idle."""

from __future__ import annotations

from pellucid.ir.module import IRModule
from pellucid.ir.structural import assert_structural_equal
from pellucid.ir.transform import Pass, PassContext


def check(the_pass: Pass, before: IRModule, expected: IRModule, idempotent: bool = True) -> None:
    """The pass makes `expected` of `before`, both well-formed, and finds nothing more to do."""
    text = before.script()
    with PassContext(config={"verify": True}):
        after = the_pass(before)
    assert_structural_equal(after, expected)
    assert before.script() == text
    if idempotent:
        assert the_pass(after) is after


def idle(the_pass: Pass, module: IRModule) -> None:
    """The pass has nothing to do, and says so by returning the very same module."""
    with PassContext(config={"verify": True}):
        assert the_pass(module) is module
