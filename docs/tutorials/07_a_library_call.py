# %% [markdown]
# # A library call
#
# Not everything has to be compiled. Somebody may have a fast matrix product already, a solver, or a Python function that is not
# worth translating. In this tutorial a graph calls such functions, side by side with compiled loops.

# %%
import numpy as np

import pellucid
from pellucid import interp, relax
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T

# %% [markdown]
# ## Register a function
#
# A *packed function* has a name. Compiled programs call it by that name. Its arguments are tensors of Pellucid's. `np.from_dlpack` makes a NumPy
# array that *is* such a tensor: nothing is copied, and what is written into the array is in the tensor. (`tensor.numpy()`, by contrast, is
# a copy that you may keep.)
#
# The last argument is the **destination**: the caller has allocated the result already, and the function fills it in. It is the same
# convention that loop functions follow, so the two can be exchanged for each other.


# %%
@pellucid.register_func("tutorial.linear", override=True)
def linear(x, w, b, out):
    """out = x @ w.T + b, by NumPy's own matrix product."""
    x, w, b, out = (np.from_dlpack(each) for each in (x, w, b, out))
    np.matmul(x, w.T, out=out)
    out += b


# %% [markdown]
# ## Call it from a graph
#
# `R.call_dps_packed` ("destination-passing style") does for a name what `R.call_tir` does for a loop function. Here the first layer is
# a library call, the activation a loop function, the second layer an operator that the compiler lowers by itself.


# %%
@I.ir_module
class Mixed:
    @T.prim_func
    def relu(x: T.handle, y: T.handle):
        n, m = T.int64(), T.int64()
        X = T.match_buffer(x, (n, m), "float32")
        Y = T.match_buffer(y, (n, m), "float32")
        for i, j in T.grid(n, m):
            with T.block("relu"):
                vi, vj = T.axis.remap("SS", [i, j])
                Y[vi, vj] = T.max(X[vi, vj], T.float32(0))

    @R.function
    def main(
        x: R.Tensor(("n", 64), "float32"),
        w0: R.Tensor((128, 64), "float32"),
        b0: R.Tensor((128,), "float32"),
        w1: R.Tensor((128, 10), "float32"),
    ):
        n = T.int64()
        cls = Mixed
        with R.dataflow():
            product = R.call_dps_packed(
                "tutorial.linear", (x, w0, b0), out_sinfo=R.Tensor((n, 128), "float32")
            )
            hidden = R.call_tir(cls.relu, (product,), out_sinfo=R.Tensor((n, 128), "float32"))
            scores = R.matmul(hidden, w1)
            R.output(scores)
        return scores


# %%
generator = np.random.default_rng(0)
x = generator.standard_normal((5, 64)).astype("float32")
w0, b0, w1 = (
    generator.standard_normal(shape).astype("float32") for shape in ((128, 64), (128,), (128, 10))
)
expected = np.maximum(x @ w0.T + b0, 0) @ w1

executable = relax.build(Mixed, target="llvm")
print(executable.stats())
machine = relax.VirtualMachine(executable, pellucid.cpu())
print("largest difference:", np.abs(machine["main"](x, w0, b0, w1).numpy() - expected).max())

# %% [markdown]
# The interpreter calls the function as well, so the whole model still runs without being compiled:

# %%
print("largest difference:", np.abs(interp.run(Mixed, x, w0, b0, w1) - expected).max())

# %% [markdown]
# ## A function of another library
#
# PyTorch's tensors and Pellucid's share memory through DLPack, a common format. `torch.from_dlpack` makes a torch tensor that *is* our tensor:
# what torch writes with `out=` is written into our result.

# %%
try:
    import torch
except ImportError:
    torch = None
    print("PyTorch is not installed here; the function above stays")
else:

    @pellucid.register_func("tutorial.linear", override=True)
    def torch_linear(x, w, b, out):
        """The same by PyTorch."""
        x, w, b, out = (torch.from_dlpack(each) for each in (x, w, b, out))
        torch.addmm(b, x, w.T, out=out)

    print("largest difference:", np.abs(machine["main"](x, w0, b0, w1).numpy() - expected).max())

# %% [markdown]
# The executable was not built again: it holds the *name*, and the function is looked up when it is called. Nobody has to register it
# before the model is built.
#
# ## Calling back from inside of a loop function
#
# A loop function may call a packed function too, with whatever numbers it has at hand. That is slow (Python runs in the middle of the
# loop), and good for looking into one.

# %%
seen = []


@pellucid.register_func("tutorial.watch", override=True)
def watch(place, value):
    seen.append((place, round(value, 3)))


@T.prim_func
def running_sum(A: T.Buffer((6,), "float32"), B: T.Buffer((6,), "float32")):
    for i in range(6):
        with T.block("sum"):
            vi = T.axis.opaque(6, i)
            T.reads(A[vi], B[0:6])
            T.writes(B[vi])
            if vi == 0:
                B[vi] = A[vi]
            else:
                B[vi] = B[vi - 1] + A[vi]
            T.evaluate(T.call_packed("tutorial.watch", vi, B[vi]))


numbers = np.arange(1, 7, dtype="float32")
sums = np.zeros(6, "float32")
pellucid.build(running_sum, target="llvm")["running_sum"](numbers, sums)
print(seen)

# %% [markdown]
# ## When it goes wrong
#
# A name that nobody has registered is an error when it is called, with what is close to it:

# %%
builder = relax.BlockBuilder()
v = relax.Var("v", relax.TensorStructInfo((2, 64), "float32"))
with builder.function("main", [v]):
    out = relax.TensorStructInfo((2, 128), "float32")
    builder.emit_func_output(builder.emit(relax.call_dps_packed("tutorial.linaer", (v,), out)))

wrong = relax.VirtualMachine(relax.build(builder.get(), "llvm"), pellucid.cpu())
try:
    wrong["main"](x[:2])
except pellucid.RegistryError as error:
    print(error)

# %% [markdown]
# An exception in your function goes through the compiled program and comes out where you called it, unchanged:


# %%
@pellucid.register_func("tutorial.linaer", override=True)
def failing(x, out):
    raise ZeroDivisionError("one of my own")


try:
    wrong["main"](x[:2])
except ZeroDivisionError as error:
    print(type(error).__name__, "-", error)

# %% [markdown]
# ## What you have seen
#
# - packed functions: registered by name, given the destination, sharing memory;
# - library calls, loop functions and operators in one graph;
# - PyTorch as the library, without building again;
# - what happens to wrong names and exceptions.
