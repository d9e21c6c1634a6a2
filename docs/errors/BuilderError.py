# %% [markdown]
# # BuilderError
#
# A `BlockBuilder` was used out of order: a value emitted outside of a function, a dataflow block where none can be.
#
# What is emitted goes into the innermost open block of the innermost open function.

# %%
import pellucid
from pellucid import relax

# %%
builder = relax.BlockBuilder()
try:
    with builder.dataflow():
        pass
except pellucid.PellucidError as error:
    print(type(error).__name__ + ":", error)

# %% [markdown]
# **Cure:** the order is function, dataflow block, values, outputs, end.

# %%
x = relax.Var("x", relax.TensorStructInfo((4,), "float32"))
with builder.function("main", [x]):
    with builder.dataflow():
        result = builder.emit_output(relax.op.nn.relu(x))
    builder.emit_func_output(result)
builder.get().show()
