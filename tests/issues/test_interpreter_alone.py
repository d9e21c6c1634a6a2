"""The interpreter knows every intrinsic when nothing else of the package was imported."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import numpy as np
from pellucid.ir import arithmetic as ar
from pellucid.tir.buffer import decl_buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore
from pellucid.interp import run

cell = decl_buffer([1], "int32", "cell")
value = ar.bitwise_xor(cell[0], ar.const(5))
array = np.array([3], "int32")
run(PrimFunc([cell], BufferStore(cell, value, [0])), array)
print(array[0])
"""


def test_intrinsics_have_their_meaning() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "6"
