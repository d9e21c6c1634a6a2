"""Two functions of a module with one global symbol are the user's error, not ours."""

from __future__ import annotations

import pytest

from pellucid.driver.build import build
from pellucid.ir.module import IRModule
from pellucid.script import tir as T
from pellucid.support.errors import WellFormedError


def test_it_is_refused():
    @T.prim_func
    def same(A: T.Buffer((4,), "float32")):
        for i in range(4):
            A[i] = T.float32(1)

    with pytest.raises(WellFormedError) as caught:
        build(IRModule({"f": same, "g": same}))
    assert caught.value.message == (
        "The function 'g' has the global_symbol 'same', which another one has too."
    )
