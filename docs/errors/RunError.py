# %% [markdown]
# # RunError
#
# A compiled program that stopped while it ran: a failed assertion, shapes that a `match_cast` does not find, memory that may not be shared.
#
# The arguments fitted the signature; what went wrong depends on their values.

# %%
import numpy as np

import pellucid
from pellucid import relax
from pellucid.script import ir as I
from pellucid.script import relax as R


# %%
@I.ir_module
class Distinct:
    @R.function
    def main(x: R.Tensor((4,), "float32")):
        found = R.unique(x)
        three = R.match_cast(found, R.Tensor((3,), "float32"))
        return three


machine = relax.VirtualMachine(relax.build(Distinct, target="llvm"), pellucid.cpu())
print(machine["main"](np.array([3, 1, 2, 3], "float32")).numpy())
try:
    machine["main"](np.array([1, 1, 1, 1], "float32"))
except pellucid.RunError as error:
    print(error)

# %% [markdown]
# **Cure:** do not promise what depends on the data. A size that is not known gets a name, and everything behind it works for any:


# %%
@I.ir_module
class AnyNumber:
    @R.function
    def main(x: R.Tensor((4,), "float32")):
        found = R.unique(x)
        some = R.match_cast(found, R.Tensor(("m",), "float32"))
        return some


machine = relax.VirtualMachine(relax.build(AnyNumber, target="llvm"), pellucid.cpu())
print(machine["main"](np.array([1, 1, 1, 1], "float32")).numpy())
