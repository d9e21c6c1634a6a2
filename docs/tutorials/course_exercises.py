# %% [markdown]
# # The course's exercises, worked
#
# A well-known course on machine learning compilation sets two exercises around one small network for pictures of clothes: bring it
# into the compiler as tensor expressions, call a library from it, and reshape its convolution by hand. This page works them in today's
# spelling, with a network of the same shape and random weights, so that it needs no data. The same answers in the spelling of the
# course's documents stand in `examples/course/solutions.py`; with them, the documents run as they are:
#
#     pellucid run-doc DOCUMENT --data DIR --solutions examples/course/solutions.py

# %%
import matplotlib.pyplot as plt
import numpy as np

import pellucid
from pellucid import relax, te, topi
from pellucid.ir.structural import structural_equal
from pellucid.script import tir as T

BATCH = 4
rng = np.random.default_rng(7)


def random(*shape):
    """Numbers of a size that keeps sums near one."""
    return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype("float32")


weights = {
    "conv2d_weight": random(32, 1, 3, 3),
    "conv2d_bias": random(1, 32, 1, 1),
    "linear0_weight": random(100, 5408),
    "linear0_bias": random(1, 100),
    "linear1_weight": random(10, 100),
    "linear1_bias": random(1, 10),
}
images = rng.random((BATCH, 1, 28, 28), dtype="float32")

# %% [markdown]
# ## What the network computes
#
# NumPy says it in ten lines: a convolution, the larger of each 2 × 2 window, and two products with weights. Everything below is compared
# with this.


# %%
def numpy_convolution(x, weight, bias):
    windows = np.lib.stride_tricks.sliding_window_view(x[:, 0], (3, 3), axis=(1, 2))
    return np.einsum("nyxij,fij->nfyx", windows, weight[:, 0], dtype="float32") + bias


def numpy_network(x):
    planes = np.maximum(numpy_convolution(x, weights["conv2d_weight"], weights["conv2d_bias"]), 0)
    pooled = planes.reshape(BATCH, 32, 13, 2, 13, 2).max(axis=(3, 5)).reshape(BATCH, -1)
    hidden = np.maximum(pooled @ weights["linear0_weight"].T + weights["linear0_bias"], 0)
    scores = hidden @ weights["linear1_weight"].T + weights["linear1_bias"]
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


expected = numpy_network(images)
print(expected.round(3))

# %% [markdown]
# ## First exercise: the network out of tensor expressions
#
# `emit_te` takes a function that says what one element of a result is, makes a loop function of it, and puts a call of that into the
# graph. `topi` is an inventory of such functions. A layer of the network is two or three of them: the bias is an addition of its own,
# whose shape (1, 32, 1, 1) is spread over the picture.


# %%
def constant(name):
    return relax.const(weights[name], "float32")


def after_the_convolution(builder, value):
    """The layers that both answers share."""
    value = builder.emit_te(topi.nn.relu, value)
    value = builder.emit_te(topi.nn.pool2d, value, (2, 2), (2, 2), (1, 1), (0, 0, 0, 0), "max")
    value = builder.emit_te(topi.nn.flatten, value)
    value = builder.emit_te(topi.nn.dense, value, constant("linear0_weight"))
    value = builder.emit_te(topi.add, value, constant("linear0_bias"))
    value = builder.emit_te(topi.nn.relu, value)
    value = builder.emit_te(topi.nn.dense, value, constant("linear1_weight"))
    value = builder.emit_te(topi.add, value, constant("linear1_bias"))
    return builder.emit_te(topi.nn.softmax, value)


def network_of_expressions():
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((BATCH, 1, 28, 28), "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            # Stride 1, no padding, no dilation: (4, 1, 28, 28) becomes (4, 32, 26, 26).
            value = builder.emit_te(topi.nn.conv2d, x, constant("conv2d_weight"), 1, 0, 1)
            value = builder.emit_te(topi.add, value, constant("conv2d_bias"))
            result = builder.emit_output(after_the_convolution(builder, value))
        builder.emit_func_output(result)
    return builder.get()


module = network_of_expressions()
module["main"].show()

# %% [markdown]
# Compiled, it has to say what NumPy said.


# %%
def compiled(mod):
    machine = relax.VirtualMachine(relax.build(mod, target="llvm"), pellucid.cpu())
    return machine["main"](pellucid.nd.array(images)).numpy()


np.testing.assert_allclose(compiled(module), expected, rtol=1e-4, atol=1e-6)
print("the module agrees with NumPy")

# %% [markdown]
# ## Second exercise: one layer from a library
#
# A function of yours becomes part of a graph under a name. It gets its inputs and, last, the tensor that it has to fill; all of them
# share their memory with NumPy, so nothing is copied. In the graph, `call_dps_packed` calls it.


# %%
@pellucid.register_func("exercise.convolution", override=True)
def library_convolution(x, weight, bias, out):
    arrays = [np.from_dlpack(each) for each in (x, weight, bias)]
    np.from_dlpack(out)[...] = numpy_convolution(*arrays)


def network_with_a_library():
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((BATCH, 1, 28, 28), "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            arguments = (x, constant("conv2d_weight"), constant("conv2d_bias"))
            planes = relax.TensorStructInfo((BATCH, 32, 26, 26), "float32")
            call = relax.op.call_dps_packed("exercise.convolution", arguments, planes)
            value = builder.emit(call)
            result = builder.emit_output(after_the_convolution(builder, value))
        builder.emit_func_output(result)
    return builder.get()


np.testing.assert_allclose(compiled(network_with_a_library()), expected, rtol=1e-4, atol=1e-6)
print("the module with a library call agrees with NumPy")

# %% [markdown]
# ## Third exercise: the convolution, step by step
#
# The convolution is seven loops around one multiplication. Two small steps first, on programs that show nothing else: `compute_inline`
# puts a block's formula where it is used, `fuse` makes one loop of two.


# %%
@T.prim_func
def twice_and_one(a: T.handle, c: T.handle):
    A = T.match_buffer(a, (128, 128))
    B = T.alloc_buffer((128, 128))
    C = T.match_buffer(c, (128, 128))
    for i, j in T.grid(128, 128):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(128, 128):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


small = pellucid.tir.Schedule(twice_and_one)
small.compute_inline(small.get_block("B"))
small.fuse(*small.get_loops("C"))
small.mod["main"].show()

# %% [markdown]
# Now the convolution itself. The plan:
#
# 1. Without padding, the padded copy of the input is a copy and nothing else: inline it.
# 2. Cut the result into tiles of 2 × 4 × 2 × 2 elements, and move the loops of the sum around the tile: what a tile reads stays near.
# 3. Take the zeros out of the sum, so that its body is a multiplication and an addition and nothing else.
# 4. The tiles are independent: run them in parallel. Inside, eight unrolled rows of four lanes.

# %%
sch = pellucid.tir.Schedule(module)
conv = sch.get_block(name="conv2d_nchw", func_name="conv2d")
sch.compute_inline(sch.get_block(name="pad_temp", func_name="conv2d"))

n, f, y, x, rc, ry, rx = sch.get_loops(conv)
cuts = [sch.split(loop, factors=[None, size]) for loop, size in ((n, 2), (f, 4), (y, 2), (x, 2))]
outer, inner = ([cut[side] for cut in cuts] for side in (0, 1))
sch.reorder(*outer, rc, ry, rx, *inner)
tiles = sch.fuse(*outer)
rows, lanes = sch.fuse(*inner[:2]), sch.fuse(*inner[2:])

zeros = sch.decompose_reduction(conv, rc)
sch.parallel(tiles)
for block_rows, block_lanes in ((rows, lanes), sch.get_loops(zeros)[1:]):
    sch.unroll(block_rows)
    sch.vectorize(block_lanes)
sch.mod["conv2d"].show()

# %%
np.testing.assert_allclose(compiled(sch.mod), expected, rtol=1e-4, atol=1e-6)
print("the scheduled module agrees with NumPy")

# %% [markdown]
# A schedule is a list of steps, and the list is a program: applied to a fresh module it gives the same one again.

# %%
again = pellucid.tir.Schedule(network_of_expressions())
sch.trace.apply_to_schedule(again)
print("the same module again:", structural_equal(again.mod, sch.mod))

# %% [markdown]
# ## What the four lanes write
#
# The target cuts the picture into windows of 2 × 2: the four lanes of a vector are one such window. A picture of one plane, with a number
# for each tile, shows the order in which the tiles come.

# %%
order = np.add.outer(np.arange(26) // 2 * 13, np.arange(26) // 2)
figure, axes = plt.subplots(figsize=(4, 4))
axes.imshow(order, cmap="viridis")
axes.set_title("tiles of one plane, in order")
plt.show()

# %% [markdown]
# `te` was not needed by name so far, and it is what `topi` is written in. The convolution in its own words, for whoever wants the bias inside:


# %%
def convolution_with_bias(data, weight, bias):
    ry, rx = te.reduce_axis((0, 3), "ry"), te.reduce_axis((0, 3), "rx")
    shape = (BATCH, 32, 26, 26)
    products = te.compute(
        shape,
        lambda n, f, y, x: te.sum(data[n, 0, y + ry, x + rx] * weight[f, 0, ry, rx], axis=[ry, rx]),
        name="products",
    )
    return te.compute(
        shape, lambda n, f, y, x: products[n, f, y, x] + bias[0, f, 0, 0], name="biased"
    )


builder = relax.BlockBuilder()
data = relax.Var("x", relax.TensorStructInfo((BATCH, 1, 28, 28), "float32"))
with builder.function("main", [data]):
    with builder.dataflow():
        value = builder.emit_te(
            convolution_with_bias, data, constant("conv2d_weight"), constant("conv2d_bias")
        )
        result = builder.emit_output(after_the_convolution(builder, value))
    builder.emit_func_output(result)
np.testing.assert_allclose(compiled(builder.get()), expected, rtol=1e-4, atol=1e-6)
print("so does the convolution with its bias inside")
