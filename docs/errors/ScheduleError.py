# %% [markdown]
# # ScheduleError
#
# A schedule primitive whose conditions do not hold. The program and the history are left as they were.
#
# A primitive must not change what the program computes. It checks all of its conditions first and says which one fails, with the statement
# marked in the program.

# %%
import pellucid
from pellucid.script import tir as T


# %%
@T.prim_func
def running(A: T.Buffer((16,), "float32"), B: T.Buffer((1,), "float32")):
    for i in range(16):
        with T.block("sum"):
            vi = T.axis.reduce(16, i)
            with T.init():
                B[0] = T.float32(0)
            B[0] = B[0] + A[vi]


schedule = pellucid.tir.Schedule(running)
(i,) = schedule.get_loops("sum")
try:
    schedule.parallel(i)
except pellucid.ScheduleError as error:
    print(error)

# %% [markdown]
# **Cure:** the iterations of a sum write into the same place, so they cannot run at once. `rfactor` makes partial sums first, which can:

# %%
outer, inner = schedule.split(i, factors=[4, None])
partial = schedule.rfactor(outer, 0)
schedule.parallel(schedule.get_loops(partial)[0])
schedule.show()
