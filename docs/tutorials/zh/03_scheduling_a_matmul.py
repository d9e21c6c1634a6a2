# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # 调度一个矩阵乘法
#
# 三个循环就说清了矩阵乘法是什么。它们没有说处理器该怎样去做；原样不动，只用得上处理器的百分之一。这里我们用五步，把这三个循环
# 带到单个核心能力的十分之九以上。每一步都是对 `Schedule` 的几次调用；每次调用改变程序怎样运行，都不改变它算什么；
# 每一步之后，我们再看一看程序，再计一次时。
#
# 我们需要知道“单个核心的能力”是多少。所以旁边有一个量具在运行。

# %%
import numpy as np
from matplotlib import pyplot as plt

from pellucid import tir
from pellucid.driver.build import build
from pellucid.script import tir as T
from pellucid.target import Target
from pellucid.testing.peak import PeakMeter, timed

SIZE = 1024

# %% [markdown]
# ## 上限
#
# 要紧的指令只有一条：向量上的*乘加*，对 16 个浮点数同时做 `sum = sum + a * b`（AVX-512 是 16 个；AVX2 是 8 个，更老的处理器
# 和 Arm 是 4 个）。量具把十几个向量放在寄存器里，只做这一件事。它还测一串整数运算的时间，其中每个都需要前一个的结果，恰好花一拍，
# 由此得到时钟频率。如果 通道数 × 每拍乘加数 × 每秒拍数 与第一个循环达到的相符，
# 这个上限就可以相信。

# %%
meter = PeakMeter()
peak = meter.measure()
LANES = meter.lanes
print(f"{LANES} lanes, {peak.clock / 1e9:.2f} GHz, multiply-adds a clock: {peak.nominal:g}")
print(f"ceiling: {peak.flops / 1e9:.0f} GFLOP/s, {peak.share:.0%} of the product of the three")

# %% [markdown]
# ## 程序
#
# 块 `C` 有两个*空间*变量，它们的不同取值代表结果的不同元素；还有一个*归约*变量。调度要保持的就是这些。


# %%
@T.prim_func
def matmul(
    A: T.Buffer((SIZE, SIZE), "float32"),
    B: T.Buffer((SIZE, SIZE), "float32"),
    C: T.Buffer((SIZE, SIZE), "float32"),
):
    for i, j, k in T.grid(SIZE, SIZE, SIZE):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


# %% [markdown]
# 一个小工具：把调度目前做出的程序编译出来，与 NumPy 核对，计时。所计的是我们的线程在核心上花的时间，取几次中最好的一次：
# 别的程序只会让它变慢。

# %%
rng = np.random.default_rng(0)
a, b = (rng.standard_normal((SIZE, SIZE), dtype="float32") for _ in range(2))
expected = a @ b
steps = {}


def measure(name, sch, runs=5):
    library = build(sch.mod)
    c = np.zeros((SIZE, SIZE), "float32")
    library(a, b, c)
    np.testing.assert_allclose(c, expected, rtol=1e-3, atol=1e-2)
    seconds = min(timed(lambda: library(a, b, c)) for _ in range(runs))
    steps[name] = 2 * SIZE**3 / seconds
    share = steps[name] / peak.flops
    print(
        f"{name}: {seconds * 1e3:.1f} ms, {steps[name] / 1e9:.1f} GFLOP/s, {share:.1%} of the peak"
    )
    return library


# %% [markdown]
# ## 第 0 步：原样

# %%
sch = tir.Schedule(matmul)
measure("as written", sch, runs=1)

# %% [markdown]
# 有两件事不对。最内层循环沿着 `k` 走，于是 `B[k, j]` 每次跳过一整行：每次访问都是一条新的缓存行。而且一次只加一个数，下一次加法
# 必须等前一次做完。
#
# ## 第 1 步：通道
#
# 我们把 `j` 切成与向量等长的段，把这些段移到最内层，变成通道。这样，一条指令碰到的 `B` 和 `C` 的元素彼此相邻，而 `A` 的元素
# 对所有通道都一样。

# %%
sch = tir.Schedule(matmul)
product = sch.get_block("C")
i, j, k = sch.get_loops(product)
block, lane = sch.split(j, [None, LANES])
sch.reorder(i, block, k, lane)
sch.vectorize(lane)
init = sch.decompose_reduction(product, k)
sch.show()
measure("lanes", sch)

# %% [markdown]
# `decompose_reduction` 把清零放到了 `k` 循环的前面。没有它，程序每一步都要问这是不是第一步。
#
# 现在是什么在限制我们？每做一次乘加，要读 `B` 的一个向量，再广播 `A` 的一个元素；而且每个和仍在等它前面的那一个，每次四拍。
#
# ## 第 2 步：寄存器里的瓦片
#
# 我们一次处理结果的一个*瓦片*：8 行乘 2 个向量。于是 `k` 的一步读入 `B` 的 2 个向量和 `A` 的 8 个数，用它们做 16 次乘加，其中没有
# 一个要等另一个。向量寄存器有 32 个：16 个放和，2 个放 `B` 的那一段，还剩几个。放不下的瓦片会*溢出*（spill）：它的和每一步都要到内存
# 走一个来回，一切都白费了。（AVX2 有 16 个寄存器，所以那里的瓦片小一些。）
#
# - `split` 和 `reorder` 把瓦片的循环带到最内层；
# - `unroll` 把这些循环展开写出，于是每个和有自己的名字：一个寄存器；
# - `cache_write` 累加到一块*局部*内存的缓冲区里，`reverse_compute_at` 在一个瓦片算完时把它复制到 `C`。所有下标都是常数，所以这个
#   缓冲区不过就是寄存器。

# %%
ROWS, VECTORS = (8, 2) if Target("llvm").registers >= 32 else (4, 2)
COLUMNS = VECTORS * LANES


def tile(sch, product, write_back):
    i, j, k = sch.get_loops(product)
    panel, row = sch.split(i, [None, ROWS])
    block, vector, lane = sch.split(j, [None, VECTORS, LANES])
    sch.reorder(panel, block, k, row, vector, lane)
    sch.reverse_compute_at(write_back, block)
    init = sch.decompose_reduction(product, k)
    for part in (init, product):
        *_, row, vector, lane = sch.get_loops(part)
        sch.unroll(row)
        sch.unroll(vector)
        sch.vectorize(lane)
    *_, row, column = sch.get_loops(write_back)
    vector, lane = sch.split(column, [None, LANES])
    sch.unroll(row)
    sch.unroll(vector)
    sch.vectorize(lane)


sch = tir.Schedule(matmul)
product = sch.get_block("C")
write_back = sch.cache_write(product, 0, "local")
tile(sch, product, write_back)
sch.show()
measure("a tile in registers", sch)

# %% [markdown]
# ## 第 3 步：让内层循环读的东西排成一行
#
# 瓦片在一个 1024 宽的矩阵里沿着 `B` 的一条 32 宽的带子往下走：`k` 每走一步就落到 4 KB 之外的另一页上，而且总是落在缓存的同样几个组里。
# 所以我们先复制一份 `B`，让每条带子连成一片。`cache_read` 做这份副本，`transform_layout` 说每个元素去哪里：`(k, j)` 变成
# `(j // COLUMNS, k, j % COLUMNS)`。所有碰到这份副本的块会自动跟着改。
#
# 复制要搬动两百万次；而乘法的工作量是它的一千倍。（在神经网络里 `B` 是权重，副本在编译时只做
# 一次。）

# %%
sch = tir.Schedule(matmul)
product = sch.get_block("C")
write_back = sch.cache_write(product, 0, "local")
pack = sch.cache_read(product, 1, "global")
tile(sch, product, write_back)
sch.transform_layout(pack, ("write", 0), lambda k, j: (j // COLUMNS, k, j % COLUMNS))
measure("B in panels", sch)

# %% [markdown]
# ## 第 4 步：复制也用向量
#
# 复制本身还是三个普通的循环。它也应该有通道。

# %%
k, j = sch.get_loops(pack)
block, vector, lane = sch.split(j, [None, VECTORS, LANES])
sch.reorder(block, k, vector, lane)
sch.unroll(vector)
sch.vectorize(lane)
sch.show()
library = measure("and copied in vectors", sch, runs=15)

# %% [markdown]
# ## 在寄存器里吗？
#
# 相信固然好，读汇编更好。内层循环里应该有 16 次乘加，没有一个向量跑到栈上去。

# %%
assembly = library.get_source("asm").splitlines()
products = [n for n, line in enumerate(assembly) if "vfmadd" in line or "fmla" in line]
if products:
    inner = assembly[products[0] - 4 : products[-1] + 6]
    print("\n".join(inner))
    spills = [line for line in inner if "mm" in line and ("(%rsp)" in line or "(%rbp)" in line)]
    print(f"{len(products)} multiply-adds, {len(spills)} spills")

# %% [markdown]
# ## 我们走了多远

# %%
figure, axes = plt.subplots(figsize=(8, 3.2))
axes.barh(list(steps), [rate / 1e9 for rate in steps.values()], color="#3b6ea5")
axes.axvline(peak.flops / 1e9, color="#b5403a", linestyle="--", label="what one core can do")
for position, rate in enumerate(steps.values()):
    axes.text(rate / 1e9, position, f" {rate / peak.flops:.0%}", va="center")
axes.invert_yaxis()
axes.set_xlabel(f"GFLOP/s, {SIZE}³ in float32 on one thread")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(loc="lower right", frameon=False)
figure.tight_layout()
figure.savefig("03_scheduling_a_matmul.svg")
plt.show()

# %% [markdown]
# 整个调度是一段历史，可以打印、保存，并在一个新的程序上重放：

# %%
print(sch.trace)

# %% [markdown]
# ## 试一试
#
# - 把瓦片改成 8 × 4 个向量。为什么慢了这么多？看看汇编。
# - 改成 4 × 4，或 2 × 8。为什么差不多一样快，或者不一样快？
# - 对各个面板的循环用 `sch.parallel` 就会用上所有核心。应该是哪个循环？`B` 的副本会怎样？
# - `Schedule(matmul, validate="test")` 在每次调用前后都用随机数运行程序并比较。用一个小的 `SIZE` 试试。
