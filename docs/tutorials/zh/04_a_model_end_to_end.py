# %% [markdown]
# # 一个模型，从头到尾
#
# 一个训练好的手写数字分类器走完全程：从 NumPy 数组里的权重，到一个能在从未见过的图像上运行的程序，
# 再到一个不需要编译器就能运行的文件。

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pellucid
from pellucid import interp, relax
from pellucid.demo.data import load_digits

# %% [markdown]
# ## 一开始有什么
#
# Pellucid 自带一个训练好的小模型：两层，64 → 128 → 10；还有 360 张 8 × 8 像素的图像，它们在训练时
# 被单独留出。`w0` 和 `b0` 是第一层的权重和偏置，`w1` 和 `b1` 是第二层的。

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
# ## 构造图
#
# `BlockBuilder` 一步一步地写出图函数。每次 `emit` 加入一个运算，并返回代表其结果的变量，结果的形状当场
# 算出。一次调用有多少张图像不写死：`n` 是符号大小。

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
# ## 交给它权重
#
# 到这里，权重还是 `main` 的参数。`BindParams` 把它们变成常数：剩下的是只以图像为参数的函数。它是一个*遍*（pass），即从模块到模块的
# 函数，这里的一切都是如此。

# %%
bound = relax.transform.BindParams("main", digits.weights)(model)
bound["main"].show()

# %% [markdown]
# 它算得对吗？在编译任何东西之前，解释器就能回答。


# %%
def reference(x):
    """The model in NumPy."""
    w = digits.weights
    hidden = np.maximum(x @ w["w0"].T + w["b0"], 0)
    return hidden @ w["w1"].T + w["b1"]


few = images[:4]
print("largest difference:", np.abs(interp.run(bound, few) - reference(few)).max())

# %% [markdown]
# ## 编译
#
# `relax.build` 运行默认的流水线。它对图做了什么，值得一看：权重的转置一次算好、
# 不再重算，每一层变成了**一个**循环函数，乘积、偏置和 relu 一起完成。

# %%
optimised = relax.get_pipeline("default")(bound)
optimised["main"].show()
print("loop functions:", sorted(each.name_hint for each in optimised.functions))

# %%
executable = relax.build(bound, target="llvm")
print(executable.stats())

# %% [markdown]
# ## 运行
#
# 虚拟机运行可执行文件里的函数。它接受 NumPy 数组（或 torch 张量），一批多少张都行。

# %%
machine = relax.VirtualMachine(executable, pellucid.cpu())
scores = machine["main"](images).numpy()
predicted = scores.argmax(axis=1)
print("largest difference:", np.abs(scores - reference(images)).max())
print(f"right: {np.sum(predicted == digits.labels)} of {len(images)}")
print("one image:", machine["main"](images[:1]).numpy().argmax())

# %% [markdown]
# 它认错的图像，以及它说是什么、实际是什么：

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
# ## 时间花在哪里
#
# `profile` 把函数一步一步地运行一次，并说明每个循环函数用了多少时间。

# %%
print(machine.profile("main", images))

# %% [markdown]
# ## 交付
#
# 可执行文件保存为一个文件：机器码、常数和图的计划。加载它只需要运行时，不需要编译器；
# 它的内容在运行之前会先检查。

# %%
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "digits.plc"
    executable.save(file)
    print(f"{file.name}: {file.stat().st_size / 1024:.0f} KiB")
    loaded = relax.VirtualMachine(pellucid.runtime.load(file), pellucid.cpu())
    print("the same result:", np.array_equal(loaded["main"](images).numpy(), scores))

# %% [markdown]
# ## 你看到了什么
#
# - 一个运算一个运算地构造出来的图，其中一个大小没有写死；
# - 用遍绑定权重；用解释器检查；
# - 默认流水线把图变成什么；
# - 运行、剖析、保存、加载。
#
# 下一篇：[自己的遍](../05_your_own_pass.md)。
