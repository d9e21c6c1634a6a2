# %% [markdown]
# # TypeMismatchError
#
# Operands, arguments or annotations whose dtype, shape or kind do not fit together.
#
# Nothing is converted behind your back: int64 and float32 are not added, a (3, 4) tensor is not multiplied with a (3, 4) one.

# %%
import pellucid
from pellucid import relax

# %%
builder = relax.BlockBuilder()
a = relax.Var("a", relax.TensorStructInfo((3, 4), "float32"))
b = relax.Var("b", relax.TensorStructInfo((3, 4), "float32"))
try:
    with builder.function("main", [a, b]):
        builder.emit_func_output(builder.emit(relax.op.matmul(a, b)))
except pellucid.TypeMismatchError as error:
    print(error)

# %% [markdown]
# **Cure:** say what you mean. The product of `a` with the transpose of `b`:

# %%
builder = relax.BlockBuilder()
with builder.function("main", [a, b]):
    turned = builder.emit(relax.op.permute_dims(b))
    builder.emit_func_output(builder.emit(relax.op.matmul(a, turned)))
print(builder.get()["main"].ret_struct_info)
