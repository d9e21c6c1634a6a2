# %% [markdown]
# # A first kernel
#
# In this tutorial you write a small loop program, look at it, run it without compiling, compile it, and see what happens when it is wrong.
# You need nothing but Python and an idea of NumPy.

# %%
import numpy as np

import pellucid
from pellucid import interp
from pellucid.script import tir as T

# %% [markdown]
# ## Write it
#
# A *loop function* (`T.prim_func`) looks like Python. It is not run as Python: the decorator reads its source and builds a program out of
# it. This one adds two vectors.


# %%
@T.prim_func
def add(a: T.handle, b: T.handle, c: T.handle):
    n = T.int64()
    A = T.match_buffer(a, (n,), "float32")
    B = T.match_buffer(b, (n,), "float32")
    C = T.match_buffer(c, (n,), "float32")
    for i in range(n):
        with T.block("add"):
            vi = T.axis.spatial(n, i)
            C[vi] = A[vi] + B[vi]


# %% [markdown]
# Line by line:
#
# - The parameters are memory. The **caller** hands over the memory for the result as well (`c`): a loop function allocates no results.
# - `n = T.int64()` is a size that is not known yet. `T.match_buffer` says that `a` holds `n` numbers of dtype float32, and so do `b` and `c`:
#   the three sizes have to agree, and a call is checked for that.
# - The loop runs over all places.
# - The **block** is the unit of work: `vi` is the place in the result that this iteration is about, and `spatial` says that the iterations
#   are independent of each other. You could do with a bare loop, but it is blocks that later steps (schedules, fusion) reason about.
#
# ## Look at it
#
# `show` prints the program. It is the text that you wrote, with everything spelled out that you left to be inferred: here, what
# the block reads and writes.

# %%
add.show()

# %% [markdown]
# ## Run it without compiling
#
# The *interpreter* runs any program, one statement after another, in NumPy. It is slow, and it defines what the program means; whatever the
# compiler does later has to give the same result. It also notices when a program touches memory outside of a buffer.

# %%
x = np.array([1, 2, 3, 4], "float32")
y = np.array([10, 20, 30, 40], "float32")
result = np.zeros(4, "float32")
interp.run(add, x, y, result)
print(result)

# %% [markdown]
# ## Compile it
#
# `pellucid.build` makes machine code. The result is called with NumPy arrays, torch tensors, or tensors of its own
# (`pellucid.nd.array`).

# %%
library = pellucid.build(add, target="llvm")

result = np.zeros(4, "float32")
library["add"](x, y, result)
print(result)

# %% [markdown]
# The size was left open, so one compiled function takes vectors of every length.

# %%
many = np.random.default_rng(0).standard_normal((2, 1_000_000)).astype("float32")
total = np.empty(1_000_000, "float32")
library["add"](many[0], many[1], total)
print("equal to NumPy:", np.array_equal(total, many[0] + many[1]))

# %% [markdown]
# ## Use more of the machine
#
# The program says what to compute; a **schedule** says how. Here the loop is split into blocks of 8 numbers, each of which becomes one
# vector instruction, and the outer loop is shared out over the processor's cores. Each step checks that the result stays the same.
# (The size is a constant here, so that the loop divides evenly.)


# %%
@T.prim_func
def add_million(
    A: T.Buffer((1_000_000,), "float32"),
    B: T.Buffer((1_000_000,), "float32"),
    C: T.Buffer((1_000_000,), "float32"),
):
    for i in range(1_000_000):
        with T.block("add"):
            vi = T.axis.spatial(1_000_000, i)
            C[vi] = A[vi] + B[vi]


schedule = pellucid.tir.Schedule(add_million)
block = schedule.get_block("add")
(i,) = schedule.get_loops(block)
outer, middle, inner = schedule.split(i, factors=[4, None, 8])
schedule.parallel(outer)
schedule.vectorize(inner)
schedule.show()

# %% [markdown]
# A `Schedule` keeps the program in `schedule.mod`; a function given alone is called `main` in it.

# %%
fast = pellucid.build(schedule.mod, target="llvm")
total[:] = 0
fast["main"](many[0], many[1], total)
print("equal to NumPy:", np.array_equal(total, many[0] + many[1]))

plain = pellucid.build(add_million, target="llvm")
for label, built, name in (("as written", plain, "add_million"), ("scheduled", fast, "main")):
    timer = built.time_evaluator(name, number=10, repeat=5)
    print(f"{label}: {timer(many[0], many[1], total).min * 1e6:.0f} µs")

# %% [markdown]
# ## When it is wrong
#
# Mistakes are answered with the place, what was expected, what was found, and a cure. A call with sizes that do not agree:

# %%
try:
    library["add"](x, y[:3], result)
except pellucid.ArgumentError as error:
    print(error)

# %% [markdown]
# A program that reads behind the end of a buffer is found by the interpreter. (Compiled with `bounds_check=True`, the machine code
# finds it too; without, nothing checks.)


# %%
@T.prim_func
def shifted(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    for i in range(4):
        with T.block("shift"):
            vi = T.axis.spatial(4, i)
            B[vi] = A[vi + 1]


try:
    interp.run(shifted, x, result)
except pellucid.InterpreterError as error:
    print(error)

# %% [markdown]
# And a sentence that is not in the language is refused when it is read, long before anything runs:

# %%
try:

    @T.prim_func
    def misspelt(A: T.Buffer((4,), "float32")):
        for i in range(4):
            with T.block("b"):
                vi = T.axis.spatail(4, i)
                A[vi] = T.float32(0)

except pellucid.ParseError as error:
    print(error)

# %% [markdown]
# ## What you have seen
#
# - a loop function: buffers, loops, blocks;
# - three ways to deal with it: print it, interpret it, compile it;
# - a schedule, which changes how it runs and not what it computes.
#
# Next: [reading the IR](02_reading_the_ir.md), which takes a whole module apart.
