# %% [markdown]
# # Tracing a wrong result
#
# A model gives the wrong numbers. Is it the model, a pass, the code generator, a library? In a compiler that one can see through,
# this question has an answer that you can find in minutes, because **every stage can be run by itself**. This tutorial breaks a compiler on
# purpose and finds the fault in four steps.

# %%
import numpy as np

import pellucid
from pellucid import interp, ir, relax
from pellucid.script import ir as I
from pellucid.script import relax as R

# %% [markdown]
# ## The patient
#
# A small network, and a reference in NumPy that we believe.


# %%
@I.ir_module
class Network:
    @R.function
    def main(
        x: R.Tensor((4, 8), "float32"),
        w: R.Tensor((8, 8), "float32"),
        mean: R.Tensor((8,), "float32"),
        scale: R.Tensor((8,), "float32"),
    ):
        with R.dataflow():
            product = R.matmul(x, w)
            centred = R.subtract(product, mean)
            scaled = R.multiply(centred, scale)
            active = R.nn.relu(scaled)
            total = R.sum(active, axis=1)
            R.output(total)
        return total


generator = np.random.default_rng(7)
x, w = generator.standard_normal((4, 8)), generator.standard_normal((8, 8))
mean, scale = generator.standard_normal(8), generator.random(8)
inputs = [each.astype("float32") for each in (x, w, mean, scale)]


def reference(x, w, mean, scale):
    return np.maximum((x @ w - mean) * scale, 0).sum(axis=1)


def error(result):
    return float(np.abs(np.asarray(result) - reference(*inputs)).max())


# %% [markdown]
# ## The fault
#
# Somebody has written a pass that rewrites `a - b` as `b - a` when the right side is a parameter: a slip of the pen. You do not know that yet.
# All you have is the pipeline that it is part of.

# %%
SUBTRACT = ir.Op.get("relax.subtract")


@relax.expr_functor.mutator
class Canonical(relax.PyExprMutator):
    def visit_call_(self, call):
        call = self.visit_expr_post_order(call)
        if call.op is SUBTRACT and self.lookup_binding(call.args[1]) is None:
            return relax.op.subtract(call.args[1], call.args[0])
        return call


@ir.transform.module_pass(opt_level=1, name="CanonicalSubtract")
def canonical_subtract(mod, ctx):
    main = Canonical(mod).visit_expr(mod["main"])
    return pellucid.IRModule({mod.get_global_var("main"): main})


mine = ir.transform.Sequential(
    [
        relax.transform.Normalize(),
        relax.transform.CanonicalizeBindings(),
        canonical_subtract,
        relax.get_pipeline("default"),
    ],
    name="mine",
)
executable = relax.build(Network, target="llvm", relax_pipeline=mine)
machine = relax.VirtualMachine(executable, pellucid.cpu())
print("error of the compiled model:", error(machine["main"](*inputs).numpy()))

# %% [markdown]
# ## Step 1: is it the model?
#
# The interpreter runs the module as it was written, without any pass. If it is wrong too, the model is wrong.

# %%
print("error of the model as written:", error(interp.run(Network, *inputs)))

# %% [markdown]
# The model is right, so something on the way is not.
#
# ## Step 2: is it a pass, or the code generator?
#
# Run all passes, then *interpret* the result instead of compiling it. The interpreter and the code generator get the very same module.

# %%
prepared = mine(Network)
print("error after all passes, interpreted:", error(interp.run(prepared, *inputs)))

# %% [markdown]
# The interpreter is wrong by the same amount. The code generator is innocent: it compiled faithfully what it was given. (Had the interpreter
# been right here, the fault would be below, and you would compare the lowered loops in the same way, as in
# [tutorial 08](08_from_script_to_assembly.md).)
#
# ## Step 3: which pass?
#
# An *instrument* is called around every pass, also around those inside of others. This one interprets each module that comes
# out and remembers the first pass whose result differs.


# %%
class FirstWrong(ir.instrument.PassInstrument):
    """Interprets the module after each pass and compares with what came out before it."""

    def __init__(self, arguments, tolerance=1e-4):
        self.arguments = arguments
        self.tolerance = tolerance
        self.before = []
        self.found = None

    def run_before_pass(self, mod, info):
        self.before.append(mod)

    def run_after_pass(self, mod, info):
        before = self.before.pop()
        if self.found is not None or mod is before:
            return
        old, new = (np.asarray(interp.run(each, *self.arguments)) for each in (before, mod))
        if np.abs(old - new).max() > self.tolerance:
            self.found = (info.name, before, mod)


watcher = FirstWrong(inputs)
with ir.transform.PassContext(instruments=[watcher]):
    mine(Network)

name, before, after = watcher.found
print("the first pass that changes the result:", name)

# %% [markdown]
# ## Step 4: which operation?
#
# Two modules, before and after the pass, and one line that tells them apart:

# %%
import difflib

lines = [each["main"].script().splitlines() for each in (before, after)]
print("\n".join(line for line in difflib.unified_diff(*lines, "before", "after", lineterm="", n=1)))

# %% [markdown]
# There it is: the arguments of `subtract` have changed places.
#
# In a larger model the texts may differ in a thousand lines. Then look at the *values*: a virtual machine in debug mode steps through the
# plan in Python, with a hook after every call. The kernels of two builds that do the same are compared one by one, and the
# first one whose result differs is where it begins. (The plain pipeline fuses nothing, so there is one kernel for each operation.)


# %%
def values(mod):
    """The result of each call of a loop function, in order."""
    seen = []

    def after(step, arguments, result):
        # A loop function writes its result into its last argument.
        seen.append((step.function, arguments[-1].numpy()))

    legal = relax.transform.LegalizeOps()(mod)
    built = relax.build(legal, target="llvm", relax_pipeline="plain")
    relax.VirtualMachine(built, pellucid.cpu(), debug=True, after=after)["main"](*inputs)
    return seen


for (function, good), (_, bad) in zip(values(before), values(after), strict=True):
    print(f"{function:10} {np.abs(good - bad).max():.3f}")

# %% [markdown]
# The product agrees, and `subtract` is the first that does not.
#
# ## The cure, and a test that stays
#
# Write down the smallest program that shows the fault, and keep it: one operation, two numbers.


# %%
@I.ir_module
class Smallest:
    @R.function
    def main(a: R.Tensor((1,), "float32"), b: R.Tensor((1,), "float32")):
        with R.dataflow():
            c = R.subtract(a, b)
            R.output(c)
        return c


def keeps_the_result(the_pass):
    one, two = np.array([1], "float32"), np.array([2], "float32")
    old, new = (np.asarray(interp.run(each, one, two)) for each in (Smallest, the_pass(Smallest)))
    return bool(np.array_equal(old, new))


print("the pass keeps the result:", keeps_the_result(canonical_subtract))

# %% [markdown]
# ## Other tools for other faults
#
# - **A pass makes a module that is not even a program**: run it under the instrument `Verify`, which checks each module between passes.
# - **A loop function reads what nobody has written, or out of bounds**: the interpreter stops at the very place.
# - **The numbers differ in the last digits only**: that is rounding, not a fault; `pellucid.testing.tolerance_of` says how far
#   two right results may be apart.
# - **You want to see everything**: `PELLUCID_DEBUG=2` prints each module that a pass has changed, `3` all of them, `4` LLVM IR and `5` assembly.
#
# Two of them in a few lines:

# %%
from pellucid.script import tir as T


@T.prim_func
def forgetful(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    partial = T.alloc_buffer((4,), "float32")
    for i in range(3):
        with T.block("double"):
            vi = T.axis.spatial(3, i)
            partial[vi] = A[vi] * T.float32(2)
    for i in range(4):
        with T.block("copy"):
            vi = T.axis.spatial(4, i)
            B[vi] = partial[vi]


try:
    interp.run(forgetful, np.ones(4, "float32"), np.zeros(4, "float32"))
except pellucid.InterpreterError as problem:
    print(problem)

close = pellucid.testing.tolerance_of("float32", "reduction")
print(f"two sums of float32 agree within {close.rtol:g} of their size, or {close.atol:g}")

# %% [markdown]
# ## What you have seen
#
# 1. as written, interpreted: is it the model?
# 2. after all passes, interpreted: is it a pass, or below?
# 3. an instrument around passes: which one?
# 4. the difference of two texts, or of the values of two runs: which operation?
