"""Extents that have to agree and cannot be proved equal are an error, never a clamped read."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid
from pellucid import relax
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.support.errors import RunError, UnsupportedError


@I.ir_module
class Unproved:
    @R.function
    def main(x: R.Tensor((4,), "float32"), y: R.Tensor(("n",), "float32")):
        with R.dataflow():
            z = R.add(x, y)
            R.output(z)
        return z


@I.ir_module
class Matched:
    @R.function
    def main(x: R.Tensor((4,), "float32"), y: R.Tensor(("n",), "float32")):
        with R.dataflow():
            same = R.match_cast(y, R.Tensor((4,), "float32"))
            z = R.add(x, same)
            R.output(z)
        return z


def test_the_build_names_the_operator_and_the_way_round() -> None:
    with pytest.raises(UnsupportedError) as caught:
        relax.build(Unproved, target="llvm")
    assert "relax.add" in str(caught.value)
    assert "R.match_cast" in str(caught.value)


def test_a_match_cast_checks_when_the_program_runs() -> None:
    vm = relax.VirtualMachine(relax.build(Matched, target="llvm"), pellucid.cpu())
    x = np.arange(4, dtype="float32")
    np.testing.assert_array_equal(vm["main"](x, x).numpy(), x + x)
    with pytest.raises(RunError):
        vm["main"](x, x[:3])
