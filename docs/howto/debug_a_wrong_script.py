# %% [markdown]
# # Debug a wrong script
#
# Work from the outside in: is it in the language, is it well-formed, does it compute what you mean?

# %%
import numpy as np

import pellucid
from pellucid import interp
from pellucid.script import tir as T

# %% [markdown]
# **1. Read the message.** It has a place and mostly a cure. The caret stands below the part that is meant.

# %%
try:

    @T.prim_func
    def scale(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
        for i in range(4):
            with T.block("scale"):
                vi = T.axis.spatial(4, i)
                B[vi] = A[vi, 0] * T.float32(2)

except pellucid.PellucidError as error:
    print(error)

# %% [markdown]
# **2. Print it.** The printed program spells out what was inferred. Are the regions what you think? Are sizes and dtypes?


# %%
@T.prim_func
def average(A: T.Buffer((6,), "float32"), B: T.Buffer((3,), "float32")):
    for i, k in T.grid(3, 2):
        with T.block("average"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi + vk] / T.float32(2)


average.show()

# %% [markdown]
# **3. Interpret it** on an input whose result you know. Small whole numbers are best.

# %%
result = np.zeros(3, "float32")
interp.run(average, np.array([1, 1, 2, 2, 3, 3], "float32"), result)
print(result, "instead of [1. 2. 3.]")

# %% [markdown]
# The regions above say it: `A[vi + vk]` is the place *after* the one before, and pairs begin at `vi * 2`.
#
# **4. Look inside.** A packed function called from a loop sees every value as it comes.

# %%
seen = []


@pellucid.register_func("howto.look", override=True)
def look(place, value):
    seen.append((place, value))


@T.prim_func
def fixed(A: T.Buffer((6,), "float32"), B: T.Buffer((3,), "float32")):
    for i, k in T.grid(3, 2):
        with T.block("average"):
            vi, vk = T.axis.remap("SR", [i, k])
            T.reads(A[vi * 2 + vk])
            T.writes(B[vi])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi * 2 + vk] / T.float32(2)
            T.evaluate(T.call_packed("howto.look", vi, B[vi]))


interp.run(fixed, np.array([1, 1, 2, 2, 3, 3], "float32"), result)
print(result, seen[:4])

# %% [markdown]
# **5. Compiled, and still strange?** Build with `bounds_check=True`, which checks every index. If only the compiled program is wrong, see
# [tracing a wrong result](../tutorials/09_tracing_a_wrong_result.md).
