# %% [markdown]
# # Your own pass
#
# Everything that a compiler does to a program is a **pass**: a function that takes a module and gives a module. In this tutorial you write
# one, test it, put it into the pipeline, and see what happens when a pass is wrong.

# %%
import numpy as np

import pellucid
from pellucid import interp, ir, relax
from pellucid.script import ir as I
from pellucid.script import relax as R

# %% [markdown]
# ## A program with something to do
#
# Importers and people write programs with detours. This one transposes a tensor twice, which is the tensor itself, with an
# operation in between that does not mind.


# %%
@I.ir_module
class Detour:
    @R.function
    def main(x: R.Tensor((3, 4), "float32"), w: R.Tensor((4, 3), "float32")):
        with R.dataflow():
            turned = R.permute_dims(x)
            positive = R.nn.relu(turned)
            back = R.permute_dims(positive)
            product = R.matmul(back, w)
            R.output(product)
        return product


x = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
w = np.random.default_rng(1).standard_normal((4, 3)).astype("float32")
before = interp.run(Detour, x, w)

# %% [markdown]
# ## A mutator
#
# The work is done by a *mutator*. It walks through a function and builds a new one; you say what becomes of the nodes that you care about.
# `visit_call_` is asked about each call of an operator. Two things help:
#
# - `visit_expr_post_order(call)` first rewrites what is inside of the call;
# - `lookup_binding(var)` says what a variable was bound to.
#
# The rule is: `transpose(relu(transpose(x)))` becomes `relu(x)`.

# %%
TRANSPOSE = ir.Op.get("relax.permute_dims")
RELU = ir.Op.get("relax.nn.relu")


def is_reversal(call):
    """Whether `call` is a transpose that reverses all axes."""
    return isinstance(call, relax.Call) and call.op is TRANSPOSE and call.attrs.get("axes") is None


@relax.expr_functor.mutator
class Straighten(relax.PyExprMutator):
    """transpose(relu(transpose(x)))  →  relu(x)"""

    def visit_call_(self, call):
        call = self.visit_expr_post_order(call)
        if not is_reversal(call):
            return call
        inner = self.lookup_binding(call.args[0])
        if not isinstance(inner, relax.Call) or inner.op is not RELU:
            return call
        innermost = self.lookup_binding(inner.args[0])
        if not is_reversal(innermost):
            return call
        return relax.op.nn.relu(innermost.args[0])


# %% [markdown]
# ## A pass
#
# The pass runs the mutator over all graph functions. Afterwards the old transposes are still there, with nobody to use their results;
# `remove_all_unused` clears them away. Functions of other kinds stay as they are.


# %%
@ir.transform.module_pass(opt_level=1, name="StraightenTransposes")
def straighten(mod, ctx):
    """Take out pairs of transposes around an element-wise relu."""
    functions = {}
    for var, function in mod.functions.items():
        if isinstance(function, relax.Function):
            function = Straighten(mod).visit_expr(function)
            function = relax.analysis.remove_all_unused(function)
        functions[var] = function
    return pellucid.IRModule(functions)


better = straighten(Detour)
better.show()

# %% [markdown]
# ## Is it right?
#
# A pass has a contract: a well-formed module in, a well-formed module out, **and the same results**. All three can be checked:

# %%
after = interp.run(better, x, w)
print("the same result:", np.array_equal(before, after))

with ir.transform.PassContext(instruments=[ir.instrument.Verify()]):
    straighten(Detour)
print("well-formed before and after")

# %% [markdown]
# One example is thin evidence. A rule should also leave alone what it is *not* about. Here the second transpose swaps other axes than the
# first, and nothing may happen:


# %%
@I.ir_module
class NoDetour:
    @R.function
    def main(x: R.Tensor((2, 3, 4), "float32")):
        with R.dataflow():
            turned = R.permute_dims(x, axes=[0, 2, 1])
            positive = R.nn.relu(turned)
            back = R.permute_dims(positive)
            R.output(back)
        return back


print("left alone:", ir.structural_equal(straighten(NoDetour), NoDetour))

# %% [markdown]
# ## The same rule as a pattern
#
# For rules of the form "this shape of graph becomes that one" there is a shorter way: describe the shape, and say what comes instead.

# %%
from pellucid.relax.dpl import is_op, rewrite_call, wildcard

anything = wildcard()
reversal = is_op("relax.permute_dims")
inner = reversal(anything).has_attr({"axes": None})
pattern = reversal(is_op("relax.nn.relu")(inner)).has_attr({"axes": None})


def instead(call, found):
    """What becomes of a call that matches; `found` says what the parts of the pattern stand for."""
    return relax.op.nn.relu(found[anything])


rewritten = rewrite_call(pattern, instead, Detour["main"])
print("the same as before:", ir.structural_equal(rewritten, better["main"]))

# %% [markdown]
# ## Into the pipeline
#
# A pass is a value, so a pipeline is a sequence of values. Yours goes in front of the default one; `relax.build` takes the result.
# An instrument tells how long each took.

# %%
pipeline = ir.transform.Sequential([straighten, relax.get_pipeline("default")], name="mine")
timing = ir.instrument.PassTimingInstrument()
with ir.transform.PassContext(instruments=[timing]):
    executable = relax.build(Detour, target="llvm", relax_pipeline=pipeline)
print(timing.render())

machine = relax.VirtualMachine(executable, pellucid.cpu())
print("largest difference:", np.abs(machine["main"](x, w).numpy() - before).max())

# %% [markdown]
# ## When a pass is wrong
#
# This one forgets what it has thrown away: it removes every binding of a transpose and leaves the uses behind. The verifier notices it at the very
# pass, and not three passes later when something falls over.


# %%
@ir.transform.module_pass(opt_level=1, name="Careless")
def careless(mod, ctx):
    main = mod["main"]
    block = main.body.blocks[0]
    kept = [each for each in block.bindings if not is_reversal(each.value)]
    body = main.body.replace(blocks=[block.replace(bindings=kept)])
    return pellucid.IRModule({mod.get_global_var("main"): main.replace(body=body)})


try:
    with ir.transform.PassContext(instruments=[ir.instrument.Verify()]):
        careless(Detour)
except pellucid.PassError as error:
    print(error)

# %% [markdown]
# ## What you have seen
#
# - a mutator, and a pass around it;
# - the contract of a pass, and how to check each part of it;
# - the same rule as a pattern;
# - a pipeline of one's own, timed;
# - what the verifier says about a broken pass.
#
# A pass that is well-formed and *computes something else* is harder to find: see
# [tracing a wrong result](09_tracing_a_wrong_result.md).
