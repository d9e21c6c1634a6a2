# %% [markdown]
# # InterpreterError
#
# A program that the interpreter found to be wrong while it ran: an index outside of a buffer, data read that nobody has written, a block variable outside of its domain.
#
# Compiled code does not look for these (only with `bounds_check=True` for indices). Interpret a program whose results look like
# garbage.

# %%
import numpy as np

import pellucid
from pellucid import interp
from pellucid.script import tir as T


# %%
@T.prim_func
def neighbours(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    for i in range(4):
        with T.block("neighbours"):
            vi = T.axis.spatial(4, i)
            B[vi] = A[vi] + A[vi + 1]


try:
    interp.run(neighbours, np.ones(4, "float32"), np.zeros(4, "float32"))
except pellucid.InterpreterError as error:
    print(error)

# %% [markdown]
# **Cure:** say what happens at the border. `T.if_then_else` looks at its second part only where the condition holds:


# %%
@T.prim_func
def neighbours(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    for i in range(4):
        with T.block("neighbours"):
            vi = T.axis.spatial(4, i)
            B[vi] = A[vi] + T.if_then_else(vi < 3, A[vi + 1], T.float32(0))


result = np.zeros(4, "float32")
interp.run(neighbours, np.ones(4, "float32"), result)
print(result)
