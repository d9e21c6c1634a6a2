# %% [markdown]
# # What the machine runs: from script to assembly
#
# One small loop goes all the way down in this tutorial, and at each station you look at what has become of it. At the end you can
# answer for your own kernels: is it vectorised? Does it use fused multiply-adds? What is checked when it is called?

# %%
import re

import numpy as np

import pellucid
from pellucid import interp, ir, tir
from pellucid.driver import pipeline
from pellucid.script import tir as T

# %% [markdown]
# ## Station 1: the script
#
# `y = a * x + y`, for a whole number of vectors of 8. The target is fixed here (an x86-64 processor with AVX2), so that the text below is
# the same wherever this runs.

# %%
TARGET = "llvm -mcpu=x86-64-v3"


@T.prim_func
def axpy(
    A: T.Buffer((1,), "float32"), X: T.Buffer((1024,), "float32"), Y: T.Buffer((1024,), "float32")
):
    for i in range(1024):
        with T.block("axpy"):
            vi = T.axis.spatial(1024, i)
            Y[vi] = A[0] * X[vi] + Y[vi]


axpy.show()

# %% [markdown]
# ## Station 2: scheduled
#
# The loop is split, and its inner part becomes a vector.

# %%
schedule = tir.Schedule(axpy)
(i,) = schedule.get_loops("axpy")
outer, inner = schedule.split(i, factors=[None, 8])
schedule.vectorize(inner)
module = schedule.mod
schedule.show()

# %% [markdown]
# ## Station 3: lowered, pass by pass
#
# The pipeline that takes blocks and vectors apart is a list of passes. You can run them one by one and look at the program wherever
# something happened. Each of these programs can still be interpreted.

# %%
generator = np.random.default_rng(0)
a = generator.standard_normal(1).astype("float32")
x = generator.standard_normal(1024).astype("float32")
start = generator.standard_normal(1024).astype("float32")

for step in pipeline.lowering().passes:
    before, module = module, step(module)
    if ir.structural_equal(before, module):
        continue
    y = start.copy()
    interp.run(module["main"], a, x, y)
    print(f"# after {step.name}: largest difference {np.abs(y - (a * x + start)).max():.1g}")
    print(module["main"].script().split("\n\n", 1)[-1])

# %% [markdown]
# What happened, in order: the block became plain statements; loops with one iteration went away; the buffers became one-dimensional; and
# the vectorised loop became operations on whole vectors: `T.Ramp(base, 1, 8)` is eight places in a row, `T.Broadcast(v, 8)` is one number in
# eight lanes.
#
# ## Station 4: LLVM IR
#
# The code generator writes LLVM's language, and LLVM optimises it. The function that does the work has the loop:

# %%
scheduled = pellucid.build(schedule.mod, target=TARGET)


def blocks_with(text, words, start=r"^[\w.]+:"):
    """The shortest block of `text` in which all of `words` occur."""
    parts = re.split(rf"(?={start})", text, flags=re.MULTILINE)
    found = [part for part in parts if all(re.search(word, part) for word in words)]
    return min(found, key=len).strip()


print(blocks_with(scheduled.get_source("ll"), ["fmul|fma|muladd", "store <8 x float>"]))

# %% [markdown]
# ## Station 5: assembly
#
# And this is what the processor reads. `ymm` registers hold 8 floats; `vfmadd` multiplies and adds in one instruction; the loop
# may be unrolled, so that several vectors are worked on in one turn.

# %%
LABEL = r"^\.?\w+:"
print(blocks_with(scheduled.get_source("asm"), ["vfmadd.*ymm|vmulps.*ymm", r"\bj\w+"], LABEL))

# %% [markdown]
# The same loop *without* the schedule works on one number at a time: `ss` means "scalar, single precision".

# %%
plain = pellucid.build(axpy, target=TARGET)
print(blocks_with(plain.get_source("asm"), ["vfmadd.*ss|vmulss", r"\bj\w+"], LABEL))


# %% [markdown]
# ## Other machines
#
# A target is text. The same module gives other instructions for other machines; nothing but the target changes. Code for a machine that
# you do not have can be looked at, and not run.


# %%
def instructions(text):
    """How often each arithmetic instruction on floats occurs."""
    found = {}
    for word in re.findall(
        r"^\t(v?(?:fm\w+|mulp\w+|addp\w+|muls\w+|adds\w+|fmla|fmul|fadd))\b", text, re.MULTILINE
    ):
        found[word] = found.get(word, 0) + 1
    return found


for target in (
    "llvm -mcpu=x86-64",
    "llvm -mcpu=x86-64-v3",
    "llvm -mtriple=aarch64-linux-gnu -mcpu=generic",
):
    built = pellucid.build(schedule.mod, target=target)
    print(f"{target}: {instructions(built.get_source('asm'))}")

# %% [markdown]
# ## What is checked at the door
#
# Around the loop there is an *entry* that checks the arguments: their number, dtypes, shapes, alignment, and that what is written does not
# overlap what is read. Behind it, the loop needs no checks: every index was proved to be inside when it was compiled. This is what it says:

# %%
host = pellucid.build(schedule.mod, target="llvm")
y = start.copy()
for arguments in ((a, x), (a, x.astype("float64"), y), (a, x, y[:512]), (a, y, y)):
    try:
        host["main"](*arguments)
    except pellucid.PellucidError as error:
        print(error, end="\n\n")

# %% [markdown]
# A loop that does run out of its buffers is no business of the entry. For such programs there is `bounds_check=True`, which compares every index
# when it is used:


# %%
@T.prim_func
def gather(
    X: T.Buffer((4,), "float32"), places: T.Buffer((2,), "int32"), Y: T.Buffer((2,), "float32")
):
    for i in range(2):
        with T.block("gather"):
            vi = T.axis.spatial(2, i)
            Y[vi] = X[places[vi]]


checked = pellucid.build(gather, target="llvm", bounds_check=True)
try:
    checked["gather"](x[:4].copy(), np.array([1, 9], "int32"), np.zeros(2, "float32"))
except pellucid.RunError as error:
    print(error)

# %% [markdown]
# ## What you have seen
#
# - the five stations of a loop, each of them readable, the first three also runnable without being compiled;
# - how to find out whether a loop is vectorised, and for which machine;
# - what is checked when a compiled function is called, and what is not.
#
# The command line does the same for a file: `pellucid show kernels.py:axpy --as asm --target "llvm -mcpu=x86-64-v3"`.
