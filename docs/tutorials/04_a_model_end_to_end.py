# %% [markdown]
# # A model, end to end
#
# A trained classifier of handwritten digits goes all the way: from weights in NumPy arrays to a program that runs on images it has
# never seen, and into a file that runs without the compiler.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pellucid
from pellucid import interp, relax
from pellucid.demo.data import load_digits

# %% [markdown]
# ## What there is to start with
#
# Pellucid ships with a small trained model: two layers, 64 → 128 → 10, and 360 images of 8 × 8 pixels that were kept
# apart when it was trained. `w0` and `b0` are the weights and the bias of the first layer, `w1` and `b1` those of the second.

# %%
digits = load_digits()
images = digits.inputs()
print("images:", images.shape, images.dtype)
for name, array in digits.weights.items():
    print(name, array.shape)

figure, places = plt.subplots(1, 10, figsize=(8, 1))
for place, image in zip(places, digits.images, strict=False):
    place.imshow(image, cmap="gray_r")
    place.set_axis_off()
plt.show()

# %% [markdown]
# ## Build the graph
#
# A `BlockBuilder` writes a graph function step by step. Each `emit` adds an operation and returns a variable for its result, whose shape is
# worked out on the spot. The number of images in a call is left open: `n` is a symbolic size.

# %%
n = pellucid.tir.Var("n", "int64")
x = relax.Var("x", relax.TensorStructInfo((n, 64), "float32"))
weights = {
    name: relax.Var(name, relax.TensorStructInfo(array.shape, "float32"))
    for name, array in digits.weights.items()
}

builder = relax.BlockBuilder()
with builder.function("main", [x, *weights.values()]):
    with builder.dataflow():
        turned = builder.emit(relax.op.permute_dims(weights["w0"]))
        product = builder.emit(relax.op.matmul(x, turned))
        hidden = builder.emit(relax.op.nn.relu(product + weights["b0"]))
        turned = builder.emit(relax.op.permute_dims(weights["w1"]))
        product = builder.emit(relax.op.matmul(hidden, turned))
        scores = builder.emit_output(product + weights["b1"])
    builder.emit_func_output(scores)

model = builder.get()
model.show()

# %% [markdown]
# ## Give it its weights
#
# So far the weights are parameters of `main`. `BindParams` makes them constants: what remains is a function of the images alone. It is a
# *pass*, a function from module to module, as everything here is.

# %%
bound = relax.transform.BindParams("main", digits.weights)(model)
bound["main"].show()

# %% [markdown]
# Does it compute the right thing? The interpreter says so before anything is compiled.


# %%
def reference(x):
    """The model in NumPy."""
    w = digits.weights
    hidden = np.maximum(x @ w["w0"].T + w["b0"], 0)
    return hidden @ w["w1"].T + w["b1"]


few = images[:4]
print("largest difference:", np.abs(interp.run(bound, few) - reference(few)).max())

# %% [markdown]
# ## Compile it
#
# `relax.build` runs the default pipeline. It is worth looking at what that does to the graph: the transposes of the weights are
# computed once and for all, and each layer has become **one** loop function, product, bias and relu together.

# %%
optimised = relax.get_pipeline("default")(bound)
optimised["main"].show()
print("loop functions:", sorted(each.name_hint for each in optimised.functions))

# %%
executable = relax.build(bound, target="llvm")
print(executable.stats())

# %% [markdown]
# ## Run it
#
# A virtual machine runs the functions of an executable. It takes NumPy arrays (or torch tensors), batches of any size.

# %%
machine = relax.VirtualMachine(executable, pellucid.cpu())
scores = machine["main"](images).numpy()
predicted = scores.argmax(axis=1)
print("largest difference:", np.abs(scores - reference(images)).max())
print(f"right: {np.sum(predicted == digits.labels)} of {len(images)}")
print("one image:", machine["main"](images[:1]).numpy().argmax())

# %% [markdown]
# The images that it gets wrong, with what it says and what they are:

# %%
wrong = np.flatnonzero(predicted != digits.labels)
figure, places = plt.subplots(1, max(2, len(wrong)), figsize=(1.1 * max(2, len(wrong)), 1.4))
for place in places:
    place.set_axis_off()
for place, index in zip(places, wrong, strict=False):
    place.imshow(digits.images[index], cmap="gray_r")
    place.set_title(f"{predicted[index]}, is {digits.labels[index]}", fontsize=9)
plt.show()

# %% [markdown]
# ## Where the time goes
#
# `profile` runs the function once, step by step, and says what each loop function took.

# %%
print(machine.profile("main", images))

# %% [markdown]
# ## Ship it
#
# An executable is saved to one file: machine code, constants, and the plan of the graph. Loading it takes the runtime alone, not the compiler,
# and its contents are checked before any of it runs.

# %%
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "digits.plc"
    executable.save(file)
    print(f"{file.name}: {file.stat().st_size / 1024:.0f} KiB")
    loaded = relax.VirtualMachine(pellucid.runtime.load(file), pellucid.cpu())
    print("the same result:", np.array_equal(loaded["main"](images).numpy(), scores))

# %% [markdown]
# ## What you have seen
#
# - a graph built operation by operation, with a size left open;
# - weights bound by a pass; the interpreter as a check;
# - what the default pipeline makes of the graph;
# - running, profiling, saving, loading.
#
# Next: [your own pass](05_your_own_pass.md).
