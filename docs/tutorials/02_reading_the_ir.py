# %% [markdown]
# # Reading the IR
#
# A compiler works on an *intermediate representation*: the program as a data structure. In Pellucid it is also text that you can read and
# write. This tutorial takes one small model apart: first as text, then as Python objects, then at each stage down to machine code.

# %%
import numpy as np

import pellucid
from pellucid import interp, relax, tir
from pellucid.driver import pipeline
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T

# %% [markdown]
# ## Two levels in one module
#
# The model is one layer: `relu(x @ w)`. Its module has functions of two levels. The **graph function** `main` says which operations happen on
# which tensors. The **loop functions** `matmul` and `relu` say how each of them goes through memory.


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
# Some words for what you see:
#
# | in the text | its name | what it says |
# |---|---|---|
# | `T.grid(n, m, k)` | loop nest | three loops inside each other |
# | `with T.block("matmul")` | block | the unit of work; everything outside of it only decides when it runs |
# | `T.axis.remap("SSR", …)` | block axes | `S`: spatial, one iteration for each place of the result; `R`: reduction, iterations that add up in the same place |
# | `T.reads`, `T.writes` | regions | what one iteration of the block touches |
# | `T.init()` | init | what happens before the first iteration of a reduction |
# | `R.Tensor((n, 4), …)` | struct info | what is known of a value before the program runs: shape and dtype |
# | `n` | symbolic size | a number that is known only when the function is called |
# | `with R.dataflow()` | dataflow block | pure operations: no side effects, no control flow, free to be moved and fused |
# | `R.call_tir(f, args, out_sinfo=…)` | the bridge | allocate the result, hand it over together with `args`, call `f` |
#
# `call_tir` is where the two levels meet. A graph has *values*; a loop function has *memory*; so somebody has to allocate, and at this level
# nobody should have to think about it.
#
# ## The text is the program
#
# Text that is printed can be read back, and gives the same program. `structural_equal` compares two programs by
# what they do: names of variables do not count.

# %%
again = pellucid.script.from_source(Layer.script())
print("the same:", pellucid.ir.structural_equal(Layer, again))

# %% [markdown]
# ## The program as objects
#
# A module maps names to functions. A graph function is parameters and a body; the body is blocks of bindings, each of which gives a value a
# name.

# %%
for var, function in Layer.functions.items():
    print(var.name_hint, "is a", type(function).__name__)

main = Layer["main"]
print(main.params, "->", main.ret_struct_info)
for binding in main.body.blocks[0].bindings:
    print(f"{binding.var}: {type(binding.value).__name__} of {binding.value.args[0].name_hint}")

# %% [markdown]
# A loop function is a tree of statements. Its body is a block called `root` that everything stands in. Below it, nodes have
# the names that you would guess, and any part prints as the text that it stands for.

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
# The value that is stored is an expression, which is a tree as well:


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
# You do not have to write such walks yourself. A **visitor** has a method for each kind of node that it cares about, and the walk goes
# through everything else by itself.


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
# Nodes never change. To change a program is to build a new one that shares all parts that stay the same, and the old one is
# still there:

# %%
renamed = block.replace(name_hint="product")
print(
    block.name_hint, "->", renamed.name_hint, "| the same body object:", renamed.body is block.body
)

# %% [markdown]
# ## Down to the machine, one stage at a time
#
# Every stage can be printed, and run by the interpreter. First the module as it is:

# %%
generator = np.random.default_rng(0)
x = generator.standard_normal((2, 8)).astype("float32")
w = generator.standard_normal((8, 4)).astype("float32")
expected = np.maximum(x @ w, 0)
print(np.abs(interp.run(Layer, x, w) - expected).max())

# %% [markdown]
# The pipeline for graphs sees that `relu` can be applied while the product is still at hand, and fuses the two. It also replaces
# `call_tir` by what it stands for: allocate, then call. (The functions as you wrote them are still in the module, since anybody may call
# them; a loop function that only serves this module is written `@T.prim_func(private=True)`.)


# %%
def part(module, *names):
    """Some functions of a module, as a module of their own."""
    return pellucid.IRModule({module.get_global_var(name): module[name] for name in names})


prepared = relax.get_pipeline("default")(Layer)
part(prepared, "fused_matmul_relu", "main").show()

# %% [markdown]
# Then blocks go away: they were there to reason about, and reasoning is over. What is left are loops over flat memory.

# %%
lowered = pipeline.lower(prepared)
part(lowered, "fused_matmul_relu").show()

# %% [markdown]
# At last, machine code. `stats` says what came out; the assembly of the whole module is long, so here are a few lines of it.

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
# ## What you have seen
#
# - a module with functions of two levels, and what each word of its text means;
# - the same module as objects, with visitors to walk them;
# - each stage on the way down: fused, flat, compiled, with the interpreter to check any of them.
#
# The command line shows the same: `pellucid show file.py:Layer --as lowered`.
#
# Next: [scheduling a matmul](03_scheduling_a_matmul.md), which makes such loops fast.
