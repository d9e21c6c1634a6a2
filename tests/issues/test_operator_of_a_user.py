"""An operator defined outside of the package, with real annotations: scripts know it by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# No `from __future__ import annotations` here: the annotations are types, not text.
PROGRAM = '''
import numpy as np
from pellucid import interp, te
from pellucid.relax.op import rules
from pellucid.relax.op.record import Tensor, op, record_of
from pellucid.relax.op.samples import case, t
from pellucid.script import from_source

@op("scaled", infer=rules.like("x", "float"), samples=[case(t(3))],
    numpy=lambda x, bias=None, factor=3.0: x * np.float32(factor))
def scaled(x: Tensor, bias: Tensor | None = None, factor: float = 3.0):
    return te.compute(x.shape, lambda i: x[i] * te.const(factor, x.dtype))

print([each.kind for each in record_of("scaled").params])
main = from_source("""
@R.function
def main(x: R.Tensor((3,), "float32")):
    y = R.scaled(x, factor=2.0)
    z = R.scaled(y)
    return z
""")
print(interp.run(main, np.arange(3, dtype="float32")).tolist())
print(main.script().count("R.scaled("))
'''


def test_scripts_know_the_operator_by_name_and_signature(tmp_path: Path) -> None:
    # In a process of its own, since an operator cannot be taken back.
    file = tmp_path / "scaled_program.py"
    file.write_text(PROGRAM, "utf-8")
    run = subprocess.run([sys.executable, file], capture_output=True, text=True, check=False)
    assert run.stdout == "['Tensor', 'Tensor', 'attr']\n[0.0, 6.0, 12.0]\n2\n", run.stderr
