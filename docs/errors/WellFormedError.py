# %% [markdown]
# # WellFormedError
#
# A program that can be read and breaks a rule of its level: a variable used outside of where it lives, a graph value defined twice, a write to what may not be written.
#
# Scripts are checked when they are read, modules before they are compiled, and by the instrument `Verify` between passes.

# %%
import pellucid
from pellucid.script import tir as T

# %%
try:

    @T.prim_func
    def copy(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        for i in range(8):
            with T.block("copy"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[i]

except pellucid.WellFormedError as error:
    print(error)

# %% [markdown]
# **Cure:** inside of a block, use the variables of the block. They say which places the block touches, whatever loops stand around it.
