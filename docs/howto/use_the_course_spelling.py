# %% [markdown]
# # Use the course's spelling
#
# Course documents and older programs write `import tvm`. One line in front makes these names mean Pellucid's own classes and functions.

# %%
import pellucid.compat.tvm  # isort: skip

import tvm
from tvm import relax
from tvm.script import relax as R
from tvm.script import tir as T

import pellucid

print(tvm.IRModule is pellucid.IRModule, relax.VirtualMachine is pellucid.relax.VirtualMachine)


# %%
@tvm.script.ir_module
class Module:
    @T.prim_func
    def relu(x: T.Buffer((1, 4), "float32"), y: T.Buffer((1, 4), "float32")):
        T.func_attr({"global_symbol": "relu", "tir.noalias": True})
        for i, j in T.grid(1, 4):
            with T.block("Y"):
                vi, vj = T.axis.remap("SS", [i, j])
                y[vi, vj] = T.max(x[vi, vj], T.float32(0))

    @R.function
    def main(x: R.Tensor((1, 4), "float32")):
        cls = Module
        with R.dataflow():
            out = R.call_tir(cls.relu, (x,), out_sinfo=R.Tensor((1, 4), "float32"))
            R.output(out)
        return out


import numpy as np

vm = relax.VirtualMachine(relax.build(Module, target="llvm"), tvm.cpu())
print(vm["main"](tvm.nd.array(np.array([[-1, 2, -3, 4]], "float32"))))

# %% [markdown]
# In a notebook: `%load_ext pellucid.compat`. With pytest: `pytest -p pellucid.compat.tvm`. An Apache TVM that is installed keeps its name, unless
# `PELLUCID_COMPAT_TVM=shadow` says otherwise.
#
# A whole document (Markdown, notebook, percent script) runs with `pellucid run-doc lesson.md --data DIR`, which also fills exercises from a file of
# solutions.
#
# Forms of the first generation warn once and say today's spelling: see [PellucidDeprecationWarning](../errors/PellucidDeprecationWarning.md).

# %%
pellucid.compat.tvm.uninstall()
