# %% [markdown]
# # ParseError
#
# A script that is not in the language: a name that does not exist, a statement that has no meaning here, a value used where it is not known.
#
# The body of a function under `T.prim_func` or `R.function` looks like Python and is not run as Python. What it may hold is in the language of
# [the two levels](../explanation/two_levels.md). The message shows the line.

# %%
import pellucid
from pellucid.script import tir as T

# %%
try:

    @T.prim_func
    def total(A: T.Buffer((8,), "float32"), B: T.Buffer((1,), "float32")):
        for i in range(8):
            with T.block("total"):
                vi = T.axis.reduced(8, i)
                with T.init():
                    B[0] = T.float32(0)
                B[0] = B[0] + A[vi]

except pellucid.ParseError as error:
    print(error)

# %% [markdown]
# **Cure:** what the last line says. Here the axis is called `reduce`:


# %%
@T.prim_func
def total(A: T.Buffer((8,), "float32"), B: T.Buffer((1,), "float32")):
    for i in range(8):
        with T.block("total"):
            vi = T.axis.reduce(8, i)
            with T.init():
                B[0] = T.float32(0)
            B[0] = B[0] + A[vi]


print("read:", total.params)
