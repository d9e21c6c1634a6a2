# %% [markdown]
# # An operator of your own
#
# The graph level knows more than two hundred operators. Yours is missing? An operator is **one record**: its arguments, what is known
# of its result, how it is computed, and what NumPy says. With that, everything else in the system treats it like its own: scripts, shape
# inference, fusion, the interpreter, the code generator.
#
# The operator of this tutorial is the *hard shrink* with a soft knee: values near zero become zero, others move towards it.
#
# $$ f(x) = \operatorname{sign}(x) \cdot \max(|x| - \lambda, 0) $$

# %%
import matplotlib.pyplot as plt
import numpy as np

import pellucid
from pellucid import interp, relax, te
from pellucid.relax.op import rules
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.samples import case, t
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T

# %% [markdown]
# ## First, what one element of it is
#
# Tensor expressions (`te`) say what *one element* of the result is; the loops follow. This is enough to use an operation in a
# model: a `BlockBuilder` takes any such function.


# %%
def shrink_elements(x, lambd):
    def element(*place):
        value = x[place]
        size = te.abs(value) - lambd
        return te.if_then_else(size > 0, te.if_then_else(value > 0, size, -size), value * 0)

    return te.compute(x.shape, element, name="shrink")


X = te.placeholder((3, 4), "float32", name="X")
te.create_prim_func([X, shrink_elements(X, 0.5)]).show()

# %%
builder = relax.BlockBuilder()
x = relax.Var("x", relax.TensorStructInfo((3, 4), "float32"))
with builder.function("main", [x]):
    y = builder.emit_te(shrink_elements, x, 0.5)
    builder.emit_func_output(y)

data = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
print(interp.run(builder.get(), data).round(2))

# %% [markdown]
# ## Then, the record
#
# What is missing is a *name* that the graph level knows: something that passes can recognise and scripts can say. The decorator `op` makes
# the record. The body of the function is how the operator is computed; its signature says what a call takes.
#
# - `infer`: what is known of the result. `rules.like("x", "float")` is one of the ready-made rules: like `x`, which has to be of floats.
# - `numpy`: the reference. The interpreter uses it, and every other way of computing has to agree with it.
# - `samples`: arguments to try it with. A dimension given as a letter is also tried as a symbolic size.


# %%
def shrink_numpy(x, lambd=0.5):
    return (np.sign(x) * np.maximum(np.abs(x) - lambd, 0)).astype(x.dtype)


@op(
    "nn.shrink",
    infer=rules.like("x", "float"),
    numpy=shrink_numpy,
    samples=[case(t("n", 4)), case(t(3, dtype="float64"), 0.25), case(t(values=[0.0, 0.5, -0.5]))],
)
def shrink(x: Tensor, lambd: float = 0.5):
    """`x` moved towards zero by `lambd`, and zero where it is nearer than that."""
    return shrink_elements(x, lambd)


# %% [markdown]
# Now it is an operator like any other. In a graph, its result has a shape and a dtype before anything runs:

# %%
call = builder.normalize(shrink(x, 0.25))
print(call, "is a", call.struct_info)

# %% [markdown]
# Scripts say `R.nn.shrink`, for sizes that are known or not:


# %%
@I.ir_module
class Model:
    @R.function
    def main(x: R.Tensor(("n", 4), "float32"), w: R.Tensor((4, 2), "float32")):
        n = T.int64()
        with R.dataflow():
            product = R.matmul(x, w)
            result = R.nn.shrink(product, 0.1)
            R.output(result)
        return result


Model.show()

# %% [markdown]
# Wrong arguments are refused with a reason, as they are for every operator:

# %%
numbers = relax.Var("numbers", relax.TensorStructInfo((3,), "int32"))
try:
    builder.normalize(shrink(numbers))
except pellucid.TypeMismatchError as error:
    print(error)

# %% [markdown]
# And it is fused with what comes before it, since its kind (each element of the result needs one element of `x`) is read off its loops:

# %%
optimised = relax.get_pipeline("default")(Model)
print(
    "loop functions:", [each.name_hint for each in optimised.functions if "main" != each.name_hint]
)

machine = relax.VirtualMachine(relax.build(Model, target="llvm"), pellucid.cpu())
w = np.random.default_rng(1).standard_normal((4, 2)).astype("float32")
difference = np.abs(machine["main"](data, w).numpy() - shrink_numpy(data @ w, 0.1)).max()
print("largest difference to NumPy:", difference)

# %% [markdown]
# ## Test it
#
# The three descriptions of the operator (rule, loops, reference) have to agree. The samples of the record are there to check it:

# %%
from pellucid.relax.op.record import record_of
from pellucid.relax.transform import LegalizeOps

generator = np.random.default_rng(2)
for sample in record_of("nn.shrink").samples:
    tensor, *attributes = sample.args
    array = tensor.array(generator)
    variable = relax.Var("x", relax.TensorStructInfo(array.shape, str(array.dtype)))
    builder = relax.BlockBuilder()
    with builder.function("main", [variable]):
        builder.emit_func_output(builder.emit(shrink(variable, *attributes)))
    graph = builder.get()
    expected = shrink_numpy(array, *attributes)
    info = graph["main"].ret_struct_info
    assert (tuple(map(int, info.shape)), str(info.dtype)) == (expected.shape, str(expected.dtype))
    by_reference = interp.run(graph, array)
    by_loops = interp.run(LegalizeOps()(graph), array)
    compiled = relax.VirtualMachine(relax.build(graph, "llvm"), pellucid.cpu())["main"](
        array
    ).numpy()
    for found in (by_reference, by_loops, compiled):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    print(f"{array.dtype} {array.shape}: info, reference, loops and machine code agree")

# %% [markdown]
# At last, what it looks like. The compiled function takes any number of rows.

# %%
line = np.linspace(-2, 2, 201, dtype="float32")
pairs = np.stack([line, 0 * line, 0 * line, 0 * line], axis=1)
pick = np.eye(4, 2, dtype="float32")
plt.figure(figsize=(4, 2.5))
plt.plot(line, line, color="lightgray", label="x")
plt.plot(line, machine["main"](pairs, pick).numpy()[:, 0], color="teal", label="shrink(x, 0.1)")
plt.legend()
plt.show()

# %% [markdown]
# ## What you have seen
#
# - an operation by what one element of it is, used at once with `emit_te`;
# - a record, which makes it an operator with a name, an inference rule, a reference and samples;
# - how the parts are tested against each other.
#
# The system's own operators are made the same way; [the table of operators](../operators.md) is generated from their records.
