# %% [markdown]
# # ValidationError
#
# A step of a schedule that changed what the program computes. It is a [ScheduleError](ScheduleError.md).
#
# `Schedule(…, validate="test")` runs the program before and after every step on random inputs. Primitives check their conditions, so this is for
# primitives of your own, for schedules made with `enable_check=False`, and for peace of mind. The error carries the first element that
# differs, and a script that shows it again.

# %%
import pellucid
from pellucid.script import tir as T


# %%
@T.prim_func
def shift(A: T.Buffer((9,), "float32")):
    for i in range(8):
        with T.block("shift"):
            # Wrong: each iteration needs the one before it.
            vi = T.axis.spatial(8, i)
            A[vi + 1] = A[vi]


schedule = pellucid.tir.Schedule(shift, validate="test", enable_check=False)
(i,) = schedule.get_loops("shift")
outer, inner = schedule.split(i, factors=[None, 4])
try:
    schedule.reorder(inner, outer)
except pellucid.ValidationError as error:
    print(error)

# %% [markdown]
# **Cure:** say what is true. With `T.axis.opaque` (iterations that may not change places) the primitive refuses before it does any harm, and
# without `enable_check=False` it looks by itself.
