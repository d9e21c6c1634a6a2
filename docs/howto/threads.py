# %% [markdown]
# # Threads
#
# A loop runs on several cores when its schedule says so. How many threads there are is up to you.

# %%
import numpy as np

import pellucid
from pellucid.script import tir as T


@T.prim_func
def squares(A: T.Buffer((1 << 20,), "float32"), B: T.Buffer((1 << 20,), "float32")):
    for i in range(1 << 20):
        with T.block("square"):
            vi = T.axis.spatial(1 << 20, i)
            B[vi] = A[vi] * A[vi]


schedule = pellucid.tir.Schedule(squares)
(i,) = schedule.get_loops("square")
chunk, vector, lane = schedule.split(i, factors=[16, None, 8])
schedule.parallel(chunk)
schedule.vectorize(lane)
library = pellucid.build(schedule.mod, target="llvm")

# %% [markdown]
# **How many**: as many as there are cores that this process may use, or `PELLUCID_NUM_THREADS`, or at any time:

# %%
from pellucid.runtime import pool

x = np.random.default_rng(0).random(1 << 20, dtype="float32")
y = np.empty_like(x)
before = pool.num_threads()
for threads in (1, 2):
    pool.set_num_threads(threads)
    timer = library.time_evaluator("main", number=20, repeat=3)
    print(f"{threads} thread(s): {timer(x, y).min * 1e6:.0f} µs, right: {np.array_equal(y, x * x)}")
pool.set_num_threads(before)

# %% [markdown]
# **Calling from several Python threads** is allowed: a compiled function holds no state between calls, and Python's lock is released while it
# runs. A parallel loop that starts while another one has the pool runs on its own thread alone, so nothing is oversubscribed.

# %%
from concurrent.futures import ThreadPoolExecutor


def one_call(seed):
    mine = np.random.default_rng(seed).random(1 << 20, dtype="float32")
    out = np.empty_like(mine)
    library["main"](mine, out)
    return np.array_equal(out, mine * mine)


with ThreadPoolExecutor(4) as executor:
    print(list(executor.map(one_call, range(4))))

# %% [markdown]
# **A result does not depend on the number of threads**: a parallel loop only moves data-parallel iterations. Sums are shared out by `rfactor`, which
# fixes the order in which the parts are added.
