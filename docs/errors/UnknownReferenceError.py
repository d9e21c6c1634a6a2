# %% [markdown]
# # UnknownReferenceError
#
# A block, a loop or a number that a schedule did not give, or that a later step has used up.
#
# References belong to the schedule that gave them. A loop that was split or fused is gone: what it became has references of its own.

# %%
import pellucid
from pellucid.script import tir as T


# %%
@T.prim_func
def twice(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(16):
        with T.block("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[vi] * T.float32(2)


schedule = pellucid.tir.Schedule(twice)
(i,) = schedule.get_loops("B")
outer, inner = schedule.split(i, factors=[4, None])
try:
    schedule.vectorize(i)
except pellucid.UnknownReferenceError as error:
    print(error)

# %% [markdown]
# **Cure:** use what the step gave, or ask again:

# %%
schedule.vectorize(inner)
print(schedule.get_loops("B"))
