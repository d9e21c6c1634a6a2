# %% [markdown]
# # Dynamic shapes
#
# A size that is known only at run time has a name. What is computed from it is computed at run time, and everything else is compiled once.

# %%
import numpy as np

import pellucid
from pellucid import relax
from pellucid.script import ir as I
from pellucid.script import relax as R

# %% [markdown]
# In the signature a name is text; sizes with one name have to agree, and the call is checked for that:


# %%
@I.ir_module
class Model:
    @R.function
    def main(x: R.Tensor(("n", "m"), "float32"), w: R.Tensor(("m", 3), "float32")):
        with R.dataflow():
            y = R.matmul(x, w)
            z = R.reshape(y, (-1,))
            R.output(z)
        return z


print(Model["main"].ret_struct_info)
machine = relax.VirtualMachine(relax.build(Model, target="llvm"), pellucid.cpu())
for n, m in ((1, 4), (5, 2)):
    print(machine["main"](np.ones((n, m), "float32"), np.ones((m, 3), "float32")).shape)
try:
    machine["main"](np.ones((1, 4), "float32"), np.ones((5, 3), "float32"))
except pellucid.ArgumentError as error:
    print(error)

# %% [markdown]
# **Fix a size** when you know it after all: loops with constant extents are faster, and can be scheduled exactly.

# %%
fixed = relax.transform.BindSymbolicVars({"m": 4})(Model)
print(fixed["main"].params[0].struct_info, "->", fixed["main"].ret_struct_info)


# %% [markdown]
# **A size that depends on the data** (how many numbers are not zero) is not known even at entry. `R.match_cast` gives it a name behind the
# operation, and checks what the name promises:


# %%
@I.ir_module
class NonZero:
    @R.function
    def main(x: R.Tensor(("n",), "float32")):
        places = R.nonzero(x)
        named = R.match_cast(places, R.Tensor((1, "k"), "int64"))
        row = R.reshape(named, (-1,))
        return row


machine = relax.VirtualMachine(relax.build(NonZero, target="llvm"), pellucid.cpu())
print(machine["main"](np.array([0, 3, 0, 5], "float32")).numpy())
