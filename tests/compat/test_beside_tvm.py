"""Apache TVM from the registry and this package in one process, in an environment of its own.

The environment is made once and kept in `.cache/`: TVM itself is installed into it, everything else
is what the tests themselves run with.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "apache-tvm==0.27.0.post1"
HOME = ROOT / ".cache" / PACKAGE.replace("==", "-")


def _make(folder: Path) -> str | None:
    """Make the environment; why it cannot be made, or None."""
    venv.create(folder, with_pip=False, clear=True)
    site = next(folder.glob("lib/python*/site-packages"))
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
    ]
    done = subprocess.run(
        [*command, "--target", str(site), PACKAGE], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "pip failed"
    (site / "beside.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    return None


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of an environment with TVM in it."""
    if not (HOME / "ready").exists():
        reason = _make(HOME)
        if reason is not None:
            shutil.rmtree(HOME, ignore_errors=True)
            pytest.skip(f"{PACKAGE} cannot be installed here: {reason}")
        (HOME / "ready").touch()
    return HOME / "bin" / "python"


PROGRAM = """
import sys, warnings
import numpy as np

import pellucid
assert "tvm" not in sys.modules

import tvm
assert "site-packages" in tvm.__file__ and not hasattr(tvm, "_sources")

with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    import pellucid.compat.tvm
assert ["keeps the name `tvm`" in str(each.message) for each in found] == [True], found
assert sys.modules["tvm"] is tvm
try:
    pellucid.compat.tvm.install(shadow=True)
except ImportError as error:
    assert "imported already" in str(error)
else:
    raise AssertionError("an imported TVM was shadowed")

from pellucid import relax
from pellucid.script import ir as I, relax as R
from tvm.script import ir as TI, relax as TR

@I.ir_module
class Mine:
    @R.function
    def main(x: R.Tensor((4,), "float32")):
        y = R.add(x, x)
        return y

@TI.ir_module
class Theirs:
    @TR.function
    def main(x: TR.Tensor((4,), "float32")):
        y = TR.add(x, x)
        return y

assert type(Mine) is pellucid.IRModule and type(Theirs) is tvm.IRModule
x = np.arange(4, dtype="float32")
vm = relax.VirtualMachine(relax.build(Mine, "llvm"), pellucid.cpu())
assert vm["main"](x).numpy().tolist() == [0, 2, 4, 6]
ours = pellucid.nd.array(x)
theirs = tvm.runtime.tensor(x)
assert type(ours) is pellucid.nd.NDArray and type(theirs) is tvm.runtime.Tensor
assert pellucid.nd.from_dlpack(theirs).numpy().tolist() == x.tolist()
vm = tvm.relax.VirtualMachine(tvm.compile(Theirs, "llvm"), tvm.cpu())
assert vm["main"](theirs).numpy().tolist() == [0, 2, 4, 6]
assert vm["main"](tvm.runtime.from_dlpack(ours)).numpy().tolist() == [0, 2, 4, 6]
print("beside", tvm.__version__)
"""


def test_apache_tvm_beside_pellucid(python: Path, tmp_path: Path) -> None:
    program = tmp_path / "beside.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [str(python), str(program)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("beside 0.27")
