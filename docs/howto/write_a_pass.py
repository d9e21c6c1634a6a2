# %% [markdown]
# # Write a pass
#
# A pass is a function from module to module. Three ways, from the most general to the shortest; [tutorial 05](../tutorials/05_your_own_pass.md) explains
# each step.

# %%
import pellucid
from pellucid import ir, relax, tir
from pellucid.demo.model import DigitsMLP
from pellucid.relax.dpl import is_op, rewrite_call, wildcard

# %% [markdown]
# **Over the whole module**, when functions come and go:


# %%
@ir.transform.module_pass(opt_level=0, name="OnlyLoops")
def only_loops(mod, ctx):
    """Keep the loop functions."""
    kept = {var: func for var, func in mod.functions.items() if isinstance(func, tir.PrimFunc)}
    return pellucid.IRModule(kept)


print([var.name_hint for var in only_loops(DigitsMLP).functions])

# %% [markdown]
# **Over each function** of one level. Return the function itself where nothing changes:


# %%
@tir.transform.prim_func_pass(opt_level=0, name="NoAlias")
def no_alias(func, mod, ctx):
    """Promise that the buffers of a loop function do not overlap."""
    return func if "tir.noalias" in func.attrs else func.with_attr("tir.noalias", True)


print(no_alias(DigitsMLP)["relu"].attrs)

# %% [markdown]
# **By a pattern**, when one shape of graph becomes another:

# %%
x = wildcard()
pattern = is_op("relax.nn.relu")(is_op("relax.nn.relu")(x))


@relax.transform.function_pass(opt_level=0, name="OneRelu")
def one_relu(func, mod, ctx):
    """relu(relu(x)) is relu(x)."""
    return rewrite_call(pattern, lambda call, found: relax.op.nn.relu(found[x]), func)


builder = relax.BlockBuilder()
v = relax.Var("v", relax.TensorStructInfo((4,), "float32"))
with builder.function("main", [v]):
    with builder.dataflow():
        twice = builder.emit(relax.op.nn.relu(builder.emit(relax.op.nn.relu(v))))
        out = builder.emit_output(twice)
    builder.emit_func_output(out)
one_relu(builder.get())["main"].show()

# %% [markdown]
# **Around passes**: printing, timing, checking and saving are instruments.

# %%
timing = ir.instrument.PassTimingInstrument()
instruments = [timing, ir.instrument.Verify()]
with ir.transform.PassContext(instruments=instruments):
    ir.transform.Sequential([no_alias, one_relu, only_loops], name="mine")(DigitsMLP)
print(timing.render())
