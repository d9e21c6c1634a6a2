# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # Scheduling a matrix product
#
# Three loops say what a matrix product is. They do not say how a processor should go about it, and
# left as they are they use a hundredth of it. Here we take the three loops to more than nine tenths
# of what one core can do, in five steps. Every step is a handful of calls on a `Schedule`; each
# changes how the program runs, none changes what it computes, and after each we look at the program
# again and time it.
#
# We need to know what "what one core can do" is. So a meter runs beside us.

# %%
import numpy as np
from matplotlib import pyplot as plt

from pellucid import tir
from pellucid.driver.build import build
from pellucid.script import tir as T
from pellucid.target import Target
from pellucid.testing.peak import PeakMeter, timed

SIZE = 1024

# %% [markdown]
# ## The ceiling
#
# The one instruction that matters is the *multiply-add* on vectors: `sum = sum + a * b` for 16
# floats at once (with AVX-512; 8 with AVX2, 4 on older processors and on Arm). The meter keeps a
# dozen vectors in registers and does nothing but that. It also times a chain of integer operations
# in which each needs the result of the one before and takes exactly one tick, which gives the
# clock. If lanes × multiply-adds a tick × ticks a second agrees with what the first loop reached,
# we can trust the ceiling.

# %%
meter = PeakMeter()
peak = meter.measure()
LANES = meter.lanes
print(f"{LANES} lanes, {peak.clock / 1e9:.2f} GHz, multiply-adds a clock: {peak.nominal:g}")
print(f"ceiling: {peak.flops / 1e9:.0f} GFLOP/s, {peak.share:.0%} of the product of the three")

# %% [markdown]
# ## The program
#
# The block `C` has two *spatial* variables, whose values stand for different elements of the
# result, and one *reduction* variable. This is all that the schedule has to keep.


# %%
@T.prim_func
def matmul(
    A: T.Buffer((SIZE, SIZE), "float32"),
    B: T.Buffer((SIZE, SIZE), "float32"),
    C: T.Buffer((SIZE, SIZE), "float32"),
):
    for i, j, k in T.grid(SIZE, SIZE, SIZE):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


# %% [markdown]
# A small harness: build what the schedule has made so far, check it against NumPy, time it. The
# time is what our thread spent on its core, and the best of a few runs counts: other programs can
# only make it slower.

# %%
rng = np.random.default_rng(0)
a, b = (rng.standard_normal((SIZE, SIZE), dtype="float32") for _ in range(2))
expected = a @ b
steps = {}


def measure(name, sch, runs=5):
    library = build(sch.mod)
    c = np.zeros((SIZE, SIZE), "float32")
    library(a, b, c)
    np.testing.assert_allclose(c, expected, rtol=1e-3, atol=1e-2)
    seconds = min(timed(lambda: library(a, b, c)) for _ in range(runs))
    steps[name] = 2 * SIZE**3 / seconds
    share = steps[name] / peak.flops
    print(
        f"{name}: {seconds * 1e3:.1f} ms, {steps[name] / 1e9:.1f} GFLOP/s, {share:.1%} of the peak"
    )
    return library


# %% [markdown]
# ## Step 0: as written

# %%
sch = tir.Schedule(matmul)
measure("as written", sch, runs=1)

# %% [markdown]
# Two things are wrong. The innermost loop runs over `k`, so that `B[k, j]` jumps a whole row
# further each time: every access is a new cache line. And one number is added at a time, where the
# next addition has to wait for the one before.
#
# ## Step 1: lanes
#
# We cut `j` in pieces as long as a vector, move those pieces innermost, and turn them into lanes.
# Now the elements of `B` and `C` that one instruction touches lie side by side, and the element of
# `A` is the same for all lanes.

# %%
sch = tir.Schedule(matmul)
product = sch.get_block("C")
i, j, k = sch.get_loops(product)
block, lane = sch.split(j, [None, LANES])
sch.reorder(i, block, k, lane)
sch.vectorize(lane)
init = sch.decompose_reduction(product, k)
sch.show()
measure("lanes", sch)

# %% [markdown]
# `decompose_reduction` put the zeros in front of the loop over `k`. Without it the program would
# ask in every step whether it is the first one.
#
# What limits us now? For each multiply-add we load a vector of `B` and broadcast an element of `A`;
# and each sum still waits for the one before it, four ticks every time.
#
# ## Step 2: a tile in registers
#
# Let us work on a *tile* of the result: 8 rows by 2 vectors. One step of `k` then loads 2 vectors
# of `B` and 8 numbers of `A`, and makes 16 multiply-adds of them, none of which waits for another.
# There are 32 vector registers: 16 hold the sums, 2 the piece of `B`, and a few are left. A tile
# that does not fit would be *spilled*: its sums would travel to memory and back in every step, and
# everything would be lost. (AVX2 has 16 registers, so that the tile is smaller there.)
#
# - `split` and `reorder` bring the loops of the tile innermost,
# - `unroll` writes those loops out, so that every sum has a name of its own: a register,
# - `cache_write` adds into a buffer of *local* memory, and `reverse_compute_at` copies it to `C`
#   when a tile is ready. With every index a constant, that buffer is nothing but registers.

# %%
ROWS, VECTORS = (8, 2) if Target("llvm").registers >= 32 else (4, 2)
COLUMNS = VECTORS * LANES


def tile(sch, product, write_back):
    i, j, k = sch.get_loops(product)
    panel, row = sch.split(i, [None, ROWS])
    block, vector, lane = sch.split(j, [None, VECTORS, LANES])
    sch.reorder(panel, block, k, row, vector, lane)
    sch.reverse_compute_at(write_back, block)
    init = sch.decompose_reduction(product, k)
    for part in (init, product):
        *_, row, vector, lane = sch.get_loops(part)
        sch.unroll(row)
        sch.unroll(vector)
        sch.vectorize(lane)
    *_, row, column = sch.get_loops(write_back)
    vector, lane = sch.split(column, [None, LANES])
    sch.unroll(row)
    sch.unroll(vector)
    sch.vectorize(lane)


sch = tir.Schedule(matmul)
product = sch.get_block("C")
write_back = sch.cache_write(product, 0, "local")
tile(sch, product, write_back)
sch.show()
measure("a tile in registers", sch)

# %% [markdown]
# ## Step 3: what the inner loop reads lies in a row
#
# The tile walks down a strip of `B` that is 32 floats wide in a matrix that is 1024 wide: every
# step of `k` lands 4 KB further, on another page, and always in the same few sets of the cache. So
# we make a copy of `B` first in which each strip lies in one piece. `cache_read` makes the copy,
# and `transform_layout` says where each element goes: `(k, j)` becomes `(j // COLUMNS, k, j %
# COLUMNS)`. All blocks that touch the copy follow by themselves.
#
# Copying costs two million moves; the product is a thousand times as much work. (In a network `B`
# is a weight, and the copy is made once, when it is compiled.)

# %%
sch = tir.Schedule(matmul)
product = sch.get_block("C")
write_back = sch.cache_write(product, 0, "local")
pack = sch.cache_read(product, 1, "global")
tile(sch, product, write_back)
sch.transform_layout(pack, ("write", 0), lambda k, j: (j // COLUMNS, k, j % COLUMNS))
measure("B in panels", sch)

# %% [markdown]
# ## Step 4: the copy, too, in vectors
#
# The copy itself is still three plain loops. It deserves lanes as well.

# %%
k, j = sch.get_loops(pack)
block, vector, lane = sch.split(j, [None, VECTORS, LANES])
sch.reorder(block, k, vector, lane)
sch.unroll(vector)
sch.vectorize(lane)
sch.show()
library = measure("and copied in vectors", sch, runs=15)

# %% [markdown]
# ## Is it in registers?
#
# Believing is good, reading the assembly is better. In the inner loop there should be 16
# multiply-adds and no vector that goes to the stack.

# %%
assembly = library.get_source("asm").splitlines()
products = [n for n, line in enumerate(assembly) if "vfmadd" in line or "fmla" in line]
if products:
    inner = assembly[products[0] - 4 : products[-1] + 6]
    print("\n".join(inner))
    spills = [line for line in inner if "mm" in line and ("(%rsp)" in line or "(%rbp)" in line)]
    print(f"{len(products)} multiply-adds, {len(spills)} spills")

# %% [markdown]
# ## How far we came

# %%
figure, axes = plt.subplots(figsize=(8, 3.2))
axes.barh(list(steps), [rate / 1e9 for rate in steps.values()], color="#3b6ea5")
axes.axvline(peak.flops / 1e9, color="#b5403a", linestyle="--", label="what one core can do")
for position, rate in enumerate(steps.values()):
    axes.text(rate / 1e9, position, f" {rate / peak.flops:.0%}", va="center")
axes.invert_yaxis()
axes.set_xlabel(f"GFLOP/s, {SIZE}³ in float32 on one thread")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(loc="lower right", frameon=False)
figure.tight_layout()
figure.savefig("03_scheduling_a_matmul.svg")
plt.show()

# %% [markdown]
# The whole schedule is a history that can be printed, saved, and replayed on a fresh program:

# %%
print(sch.trace)

# %% [markdown]
# ## To try
#
# - Make the tile 8 × 4 vectors. Why is it so much slower? Look at the assembly.
# - Make it 4 × 4, or 2 × 8. Why are they about as fast, or not?
# - `sch.parallel` on the loop over panels uses all cores. Which loop should it be, and what happens
#   to the copy of `B`?
# - `Schedule(matmul, validate="test")` runs the program before and after every call on random
#   numbers and compares. Do it with a small `SIZE`.
