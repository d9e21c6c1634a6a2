"""parse(print(m)) = m at every station: between the stages of lowering, between graph passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.demo.model import DigitsMLP
from pellucid.driver.pipeline import lower_stages
from pellucid.ir.module import IRModule
from pellucid.relax import transform
from pellucid.script import from_source
from pellucid.tir.function import PrimFunc
from tests.script.roundtrip import assert_round_trip
from tests.script.test_parse_programs import PROGRAMS

DEMO = {var.name_hint: func for var, func in DigitsMLP.items() if isinstance(func, PrimFunc)}


def program(name: str) -> Any:
    found = DEMO[name] if name in DEMO else from_source(PROGRAMS[name])
    # Of a module of loop functions the last one stands for all.
    return list(found.values())[-1] if isinstance(found, IRModule) else found


@pytest.mark.parametrize("name", [*DEMO, *PROGRAMS])
def test_stages_of_lowering(name: str) -> None:
    func = program(name)
    for stage in lower_stages(bounds_check=True):
        func = stage(func)
        assert_round_trip(func)


WEIGHTS = {
    "w0": np.ones((8, 6), "float32"),
    "b0": np.ones(8, "float32"),
    "w1": np.ones((3, 8), "float32"),
    "b1": np.ones(3, "float32"),
}


def test_graph_passes() -> None:
    module = transform.BindParams("main", WEIGHTS)(DigitsMLP)
    for step in (
        transform.Normalize(),
        transform.CanonicalizeBindings(),
        transform.ToNonDataflow(),
        transform.RemovePurityChecking(),
        transform.CallTIRRewrite(),
        transform.StaticPlanBlockMemory(),
        transform.KillAfterLastUse(),
        transform.AttachGlobalSymbol(),
    ):
        module = step(module)
        assert_round_trip(module)
