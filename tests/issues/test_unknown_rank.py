"""Arguments of unknown rank: their layout is checked all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import pellucid
from pellucid import relax
from pellucid.script import ir as I
from pellucid.script import relax as R


@I.ir_module
class Passing:
    @R.function
    def main(x: R.Tensor("float32")) -> R.Tensor("float32"):
        return x


BASE = np.arange(24, dtype="float32").reshape(4, 6)


@pytest.fixture(scope="module")
def vm() -> Any:
    return relax.VirtualMachine(relax.build(Passing, target="llvm"), pellucid.cpu())


@pytest.mark.parametrize(
    "x",
    [
        BASE,
        BASE[2],
        np.array(3, dtype="float32"),
        BASE[:0],
        BASE[:, :1],
        BASE.T,
        BASE[::2, ::3],
        torch.arange(6.0).reshape(1, 2, 3),
        pellucid.nd.array(BASE),
    ],
)
def test_every_rank_and_layout(vm: Any, x: Any) -> None:
    found = vm["main"](x)
    expected = x.numpy() if hasattr(x, "numpy") else x
    np.testing.assert_array_equal(found.numpy(), expected)
    assert found.shape == tuple(expected.shape)
