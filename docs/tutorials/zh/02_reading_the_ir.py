# %% [markdown]
# # 阅读 IR
#
# 编译器处理的是*中间表示*（intermediate representation，IR）：以数据结构表示的程序。在 Pellucid 里，它同时也是可以读、可以写的文字。
# 这篇教程把一个小模型拆开：先看文字，再看 Python 对象，然后看通往机器码的每一站。

# %%
import numpy as np

import pellucid
from pellucid import interp, relax, tir
from pellucid.driver import pipeline
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T

# %% [markdown]
# ## 一个模块，两个层次
#
# 模型只有一层：`relu(x @ w)`。它的模块里有两个层次的函数。**图函数** `main` 说的是对哪些张量做哪些运算；
# **循环函数** `matmul` 和 `relu` 说的是每个运算怎样走过内存。


# %%
@I.ir_module
class Layer:
    @T.prim_func
    def matmul(x: T.handle, w: T.handle, y: T.handle):
        n, m, k = T.int64(), T.int64(), T.int64()
        X = T.match_buffer(x, (n, k), "float32")
        W = T.match_buffer(w, (k, m), "float32")
        Y = T.match_buffer(y, (n, m), "float32")
        for i, j, l in T.grid(n, m, k):
            with T.block("matmul"):
                vi, vj, vl = T.axis.remap("SSR", [i, j, l])
                with T.init():
                    Y[vi, vj] = T.float32(0)
                Y[vi, vj] = Y[vi, vj] + X[vi, vl] * W[vl, vj]

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
    def main(x: R.Tensor(("n", 8), "float32"), w: R.Tensor((8, 4), "float32")):
        n = T.int64()
        cls = Layer
        with R.dataflow():
            product = R.call_tir(cls.matmul, (x, w), out_sinfo=R.Tensor((n, 4), "float32"))
            result = R.call_tir(cls.relu, (product,), out_sinfo=R.Tensor((n, 4), "float32"))
            R.output(result)
        return result


Layer.show()

# %% [markdown]
# 你看到的词是什么意思：
#
# | 文字 | 名称 | 含义 |
# |---|---|---|
# | `T.grid(n, m, k)` | 循环嵌套 | 三个一层套一层的循环 |
# | `with T.block("matmul")` | 块 | 工作的单位；它外面的一切只决定它何时运行 |
# | `T.axis.remap("SSR", …)` | 块的轴 | `S`：空间轴，结果的每个位置迭代一次；`R`：归约轴，各次迭代累加到同一个位置 |
# | `T.reads`, `T.writes` | 区域 | 块的一次迭代碰到什么 |
# | `T.init()` | 初始化 | 归约的第一次迭代之前做什么 |
# | `R.Tensor((n, 4), …)` | 结构信息（struct info） | 程序运行之前对一个值所知道的：形状和 dtype |
# | `n` | 符号大小 | 调用函数时才知道的数 |
# | `with R.dataflow()` | 数据流块 | 纯运算：没有副作用，没有控制流，可以随意移动和融合 |
# | `R.call_tir(f, args, out_sinfo=…)` | 桥梁 | 为结果分配内存，把它连同 `args` 一起交出去，调用 `f` |
#
# 两个层次在 `call_tir` 相遇。图里是*值*，循环函数里是*内存*，所以总得有人分配内存；而在图这个层次上，谁都不必
# 为此操心。
#
# ## 文字就是程序
#
# 打印出来的文字可以再读回来，得到同一个程序。`structural_equal` 按两个程序做什么来比较它们：
# 变量叫什么名字不算数。

# %%
again = pellucid.script.from_source(Layer.script())
print("the same:", pellucid.ir.structural_equal(Layer, again))

# %% [markdown]
# ## 作为对象的程序
#
# 模块把名字对应到函数。图函数由参数和函数体组成；函数体是若干块绑定，每个绑定给一个值起
# 一个名字。

# %%
for var, function in Layer.functions.items():
    print(var.name_hint, "is a", type(function).__name__)

main = Layer["main"]
print(main.params, "->", main.ret_struct_info)
for binding in main.body.blocks[0].bindings:
    print(f"{binding.var}: {type(binding.value).__name__} of {binding.value.args[0].name_hint}")

# %% [markdown]
# 循环函数是一棵语句的树。它的函数体是一个叫 `root` 的块，一切都在里面。往下的节点，名字正如你所料；
# 任取一部分打印出来，就是它所代表的文字。

# %%
root = Layer["matmul"].body.block
loop = root.body
while isinstance(loop, tir.For):
    print(
        f"loop over {loop.loop_var.name} from {loop.min} to {loop.extent}, {loop.kind.name.lower()}"
    )
    loop = loop.body
block = loop.block
print("block", block.name_hint, "with axes", [axis.var.name for axis in block.iter_vars])
print("reads", block.reads)
print("writes", block.writes)
print("init:", block.init)
print("body:", block.body)

# %% [markdown]
# 被存储的值是一个表达式，表达式也是一棵树：


# %%
def tree(expr, indent=""):
    """Print an expression as a tree."""
    kind = type(expr).__name__
    if isinstance(expr, tir.BufferLoad | tir.Var | tir.IntImm | tir.FloatImm):
        print(f"{indent}{kind} {expr}: {expr.dtype}")
        return
    print(f"{indent}{kind}: {expr.dtype}")
    for part in (expr.a, expr.b):
        tree(part, indent + "    ")


tree(block.body.value)

# %% [markdown]
# 这样的遍历不必自己写。**访问者**（visitor）对它关心的每一种节点有一个方法，其余的由遍历自己
# 走过。


# %%
@relax.expr_functor.visitor
class CountCalls(relax.PyExprVisitor):
    """Counts which loop functions a graph function calls."""

    def __init__(self):
        super().__init__()
        self.found = []

    def visit_call_(self, call):
        self.found.append(call.args[0].name_hint)
        super().visit_call_(call)


visitor = CountCalls()
visitor.visit_expr(main)
print(visitor.found)

# %% [markdown]
# 节点从不改变。改一个程序，就是构造一个新程序，没变的部分两者共用，旧的程序还
# 在那里：

# %%
renamed = block.replace(name_hint="product")
print(
    block.name_hint, "->", renamed.name_hint, "| the same body object:", renamed.body is block.body
)

# %% [markdown]
# ## 一站一站走到机器
#
# 每一站都可以打印，也都可以用解释器运行。先是原样的模块：

# %%
generator = np.random.default_rng(0)
x = generator.standard_normal((2, 8)).astype("float32")
w = generator.standard_normal((8, 4)).astype("float32")
expected = np.maximum(x @ w, 0)
print(np.abs(interp.run(Layer, x, w) - expected).max())

# %% [markdown]
# 图的流水线看出：乘积还在手上的时候就可以做 `relu`，于是把两者融合。它还把 `call_tir` 换成它所代表的两件事：
# 先分配，再调用。（你写的函数仍在模块里，因为谁都可以调用它们；只为本模块服务的循环函数
# 写作 `@T.prim_func(private=True)`。）


# %%
def part(module, *names):
    """Some functions of a module, as a module of their own."""
    return pellucid.IRModule({module.get_global_var(name): module[name] for name in names})


prepared = relax.get_pipeline("default")(Layer)
part(prepared, "fused_matmul_relu", "main").show()

# %% [markdown]
# 然后块消失了：它们是为推理而存在的，而推理已经结束。剩下的是一维内存上的循环。

# %%
lowered = pipeline.lower(prepared)
part(lowered, "fused_matmul_relu").show()

# %% [markdown]
# 最后是机器码。`stats` 说明得到了什么；整个模块的汇编很长，这里只看几行。

# %%
executable = relax.build(Layer, target="llvm")
print(executable.stats())
lines = executable.get_source("asm").splitlines()
words = ("mulss", "mulps", "fmadd", "fmul", "fmla")
start = next(n for n, line in enumerate(lines) if any(word in line for word in words))
print("\n".join(lines[start - 6 : start + 8]))

# %%
machine = relax.VirtualMachine(executable, pellucid.cpu())
print(np.abs(machine["main"](x, w).numpy() - expected).max())

# %% [markdown]
# ## 你看到了什么
#
# - 一个含有两个层次函数的模块，以及它的文字里每个词的含义；
# - 把同一个模块看作对象，以及遍历它们的访问者；
# - 往下走的每一站：融合、展平、编译，任何一站都可以用解释器检查。
#
# 命令行也能看到同样的东西：`pellucid show file.py:Layer --as lowered`。
#
# 下一篇：[调度一个矩阵乘法](03_scheduling_a_matmul.md)，让这样的循环变快。
