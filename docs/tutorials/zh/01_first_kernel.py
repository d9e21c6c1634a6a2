# %% [markdown]
# # 第一个内核
#
# 在这篇教程里，你会写一个小小的循环程序，看一看它，不经编译就运行它，再把它编译，并看看它出错时会怎样。
# 你只需要会 Python，并对 NumPy 略有了解。

# %%
import numpy as np

import pellucid
from pellucid import interp
from pellucid.script import tir as T

# %% [markdown]
# ## 写出来
#
# *循环函数*（`T.prim_func`）看起来像 Python，却不作为 Python 运行：装饰器读取它的源代码，由此构造出一个程序。
# 下面这个函数把两个向量相加。


# %%
@T.prim_func
def add(a: T.handle, b: T.handle, c: T.handle):
    n = T.int64()
    A = T.match_buffer(a, (n,), "float32")
    B = T.match_buffer(b, (n,), "float32")
    C = T.match_buffer(c, (n,), "float32")
    for i in range(n):
        with T.block("add"):
            vi = T.axis.spatial(n, i)
            C[vi] = A[vi] + B[vi]


# %% [markdown]
# 逐行来看：
#
# - 参数就是内存。存放结果的内存（`c`）也由**调用者**交进来：循环函数自己不为结果分配内存。
# - `n = T.int64()` 是一个现在还不知道的大小。`T.match_buffer` 说明 `a` 存放 `n` 个 dtype 为 float32 的数，`b` 和 `c` 也一样：
#   三个大小必须一致，每次调用都会检查。
# - 循环走过所有位置。
# - **块**是工作的单位：`vi` 是这一次迭代所负责的结果位置，`spatial` 表示各次迭代互不依赖。只写循环、不写块也可以，但后面的步骤（调度、融合）
#   正是根据块来推理的。
#
# ## 看一看
#
# `show` 把程序打印出来。它就是你写的文字，只是把留给系统推断的部分也写全了：在这里，
# 就是块读什么、写什么。

# %%
add.show()

# %% [markdown]
# ## 不编译就运行
#
# *解释器*用 NumPy 一条语句一条语句地运行任何程序。它很慢，但它定义了程序的含义：编译器以后无论做什么，结果都必须与它相同。
# 程序如果碰到缓冲区之外的内存，它也会发现。

# %%
x = np.array([1, 2, 3, 4], "float32")
y = np.array([10, 20, 30, 40], "float32")
result = np.zeros(4, "float32")
interp.run(add, x, y, result)
print(result)

# %% [markdown]
# ## 编译
#
# `pellucid.build` 生成机器码。得到的结果可以用 NumPy 数组、torch 张量，或者它自己的张量（`pellucid.nd.array`）
# 来调用。

# %%
library = pellucid.build(add, target="llvm")

result = np.zeros(4, "float32")
library["add"](x, y, result)
print(result)

# %% [markdown]
# 大小没有写死，所以编译一次的函数可以接受任意长度的向量。

# %%
many = np.random.default_rng(0).standard_normal((2, 1_000_000)).astype("float32")
total = np.empty(1_000_000, "float32")
library["add"](many[0], many[1], total)
print("equal to NumPy:", np.array_equal(total, many[0] + many[1]))

# %% [markdown]
# ## 多用一些机器的能力
#
# 程序说的是算什么，**调度**说的是怎么算。这里把循环按 8 个数一组切开，每一组变成一条向量指令，外层循环则分给处理器的各个核。
# 每一步都会检查结果保持不变。（这里的大小是常数，
# 好让循环正好整除。）


# %%
@T.prim_func
def add_million(
    A: T.Buffer((1_000_000,), "float32"),
    B: T.Buffer((1_000_000,), "float32"),
    C: T.Buffer((1_000_000,), "float32"),
):
    for i in range(1_000_000):
        with T.block("add"):
            vi = T.axis.spatial(1_000_000, i)
            C[vi] = A[vi] + B[vi]


schedule = pellucid.tir.Schedule(add_million)
block = schedule.get_block("add")
(i,) = schedule.get_loops(block)
outer, middle, inner = schedule.split(i, factors=[4, None, 8])
schedule.parallel(outer)
schedule.vectorize(inner)
schedule.show()

# %% [markdown]
# `Schedule` 把程序保存在 `schedule.mod` 里；单独交给它的函数在里面叫作 `main`。

# %%
fast = pellucid.build(schedule.mod, target="llvm")
total[:] = 0
fast["main"](many[0], many[1], total)
print("equal to NumPy:", np.array_equal(total, many[0] + many[1]))

plain = pellucid.build(add_million, target="llvm")
for label, built, name in (("as written", plain, "add_million"), ("scheduled", fast, "main")):
    timer = built.time_evaluator(name, number=10, repeat=5)
    print(f"{label}: {timer(many[0], many[1], total).min * 1e6:.0f} µs")

# %% [markdown]
# ## 出错的时候
#
# 对错误的回答包含：位置、期望的是什么、实际是什么、怎样改正。下面这次调用的大小互不一致：

# %%
try:
    library["add"](x, y[:3], result)
except pellucid.ArgumentError as error:
    print(error)

# %% [markdown]
# 越过缓冲区末尾去读的程序，解释器会发现。（用 `bounds_check=True` 编译时机器码也会发现；不加的话，
# 什么都不检查。）


# %%
@T.prim_func
def shifted(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    for i in range(4):
        with T.block("shift"):
            vi = T.axis.spatial(4, i)
            B[vi] = A[vi + 1]


try:
    interp.run(shifted, x, result)
except pellucid.InterpreterError as error:
    print(error)

# %% [markdown]
# 语言里没有的写法，在读取的时候就被拒绝，远早于任何东西运行：

# %%
try:

    @T.prim_func
    def misspelt(A: T.Buffer((4,), "float32")):
        for i in range(4):
            with T.block("b"):
                vi = T.axis.spatail(4, i)
                A[vi] = T.float32(0)

except pellucid.ParseError as error:
    print(error)

# %% [markdown]
# ## 你看到了什么
#
# - 循环函数：缓冲区、循环、块；
# - 对待它的三种方式：打印、解释、编译；
# - 调度：改变的是怎样运行，而不是算什么。
#
# 下一篇：[阅读 IR](02_reading_the_ir.md)，把整个模块拆开来看。
