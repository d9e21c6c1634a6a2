# %% [markdown]
# # The compiler in 500 lines
#
# A tensor compiler looks like a large machine. Its ideas are few, and here you build all of them from nothing, with NumPy, LLVM, and not one
# import of Pellucid: **expressions** and **loop programs**, which are trees; an **interpreter**, which says what a program means; operations
# written as *what one element of the result is*; **schedules**, which make other loops with the same result; a **code generator**; and
# **fusion**, which computes two operations in one pass over the data.
#
# At the end there is a table that says where each idea lives in Pellucid.

# %%
from __future__ import annotations

import ctypes
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import llvmlite.binding as llvm
import matplotlib.pyplot as plt
import numpy as np
from llvmlite import ir

# %% [markdown]
# ## 1. Expressions are trees
#
# An expression computes one number: a constant, a loop variable, an element of a buffer, or an operation on two expressions. Python's
# operators are taught to *build a tree* instead of computing. All the rest of the compiler is functions over such trees; the first of them,
# `show`, prints one, since a tree that nobody can read is of no use.


# %%
class Node:  # its annotations are its fields, and it never changes
    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, eq=False)(cls)


class Expr(Node):
    def __add__(self, other: Any) -> Expr:
        return Binary("+", self, wrap(other))

    def __mul__(self, other: Any) -> Expr:
        return Binary("*", self, wrap(other))


class Number(Expr):
    value: float


class Variable(Expr):
    name: str


class Load(Expr):
    buffer: Buffer
    indices: tuple[Expr, ...]


class Binary(Expr):
    sign: str
    left: Expr
    right: Expr


class Buffer(Node):
    name: str  # memory for float32 numbers; `A[i, j]` is a `Load`
    shape: tuple[int, ...]

    def __getitem__(self, indices: Any) -> Expr:
        return Load(self, tuple(map(wrap, indices if isinstance(indices, tuple) else [indices])))


def wrap(value: Any) -> Expr:
    """A Python number as a constant; an expression as it is."""
    return value if isinstance(value, Expr) else Number(value)


def show(expr: Expr) -> str:
    match expr:
        case Number(value):
            return f"{value:g}"
        case Variable(name):
            return name
        case Load(buffer, indices):
            return f"{buffer.name}[{', '.join(map(show, indices))}]"
        case Binary("max", left, right):
            return f"max({show(left)}, {show(right)})"
        case Binary(sign, left, right):
            return f"({show(left)} {sign} {show(right)})"


A, i, j = Buffer("A", (4, 4)), Variable("i"), Variable("j")
print(show(Binary("max", A[i, j] * 2 + 1, Number(0))))

# %% [markdown]
# ## 2. Programs are trees as well
#
# Three statements are enough for dense tensor work: store a number, loop, and run several statements (a tuple of them). A loop knows *how* it
# runs: one iteration after another (`serial`), or all at once in a vector register (`vector`).


# %%
class Store(Node):
    buffer: Buffer
    indices: tuple[Expr, ...]
    value: Expr


class Loop(Node):
    variable: Variable
    extent: int
    body: Stmt
    kind: str = "serial"


Stmt = Store | Loop | tuple["Stmt", ...]


class Kernel(Node):
    name: str
    buffers: tuple[Buffer, ...]  # the last one is written, the others are read
    body: Stmt

    def __str__(self) -> str:
        arguments = ", ".join(f"{each.name}: {each.shape}" for each in self.buffers)
        return f"def {self.name}({arguments}):\n" + text(self.body, "    ")


def text(stmt: Stmt, indent: str) -> str:
    match stmt:
        case Store(buffer, indices, value):
            return f"{indent}{show(Load(buffer, indices))} = {show(value)}\n"
        case Loop(variable, extent, body, kind):
            head = f"{indent}for {variable.name} in {kind}({extent}):\n"
            return head + text(body, indent + "    ")
    return "".join(text(each, indent) for each in stmt)


# %% [markdown]
# ## 3. The interpreter says what a program means
#
# It is slow, obvious, and the most important part: whatever we do to a program later, its result has to be the same before and after.

# %%
OPERATIONS = {"+": lambda a, b: a + b, "*": lambda a, b: a * b, "max": max}


def value_of(expr: Expr, variables: dict[str, int], memory: dict[Buffer, np.ndarray]) -> Any:
    match expr:
        case Number(value):
            return value
        case Variable(name):
            return variables[name]
        case Load(buffer, indices):
            return memory[buffer][tuple(value_of(each, variables, memory) for each in indices)]
    a, b = (value_of(each, variables, memory) for each in (expr.left, expr.right))
    return OPERATIONS[expr.sign](a, b)


def execute(stmt: Stmt, variables: dict[str, int], memory: dict[Buffer, np.ndarray]) -> None:
    match stmt:
        case Store(buffer, indices, value):
            place = tuple(value_of(each, variables, memory) for each in indices)
            memory[buffer][place] = value_of(value, variables, memory)
        case Loop(variable, extent, body):
            for number in range(extent):
                execute(body, {**variables, variable.name: number}, memory)
        case _:
            for each in stmt:
                execute(each, variables, memory)


def interpret(kernel: Kernel, *arrays: np.ndarray) -> np.ndarray:
    result = np.zeros(kernel.buffers[-1].shape, "float32")
    execute(kernel.body, {}, dict(zip(kernel.buffers, (*arrays, result), strict=True)))
    return result


# %% [markdown]
# ## 4. One element says it all
#
# Nobody wants to write loops for every operation. It is enough to say what *one element* of the result is: element (i, j) of a matrix product
# is the sum over k of `A[i, k] * B[k, j]`. The loops follow: one for each dimension of the result, and one for what is summed over.


# %%
class Sum(Expr):
    variable: Variable
    extent: int
    body: Expr


def nest(loops: Sequence[Loop], body: Stmt) -> Stmt:
    for each in reversed(loops):
        body = replace(each, body=body)
    return body


def compute(name: str, shape: tuple[int, ...], inputs: Sequence[Buffer], element: Any) -> Kernel:
    axes = tuple(Variable(letter) for letter in "ijlmn"[: len(shape)])
    out, value = Buffer(name, shape), element(*axes)
    loops = [Loop(axis, extent, ()) for axis, extent in zip(axes, shape, strict=True)]
    body: Stmt = nest(loops, Store(out, axes, value))
    if isinstance(value, Sum):
        add = Store(out, axes, Load(out, axes) + value.body)
        zeros = nest(loops, Store(out, axes, Number(0.0)))
        body = (zeros, nest([*loops, Loop(value.variable, value.extent, ())], add))
    return Kernel(name.lower(), (*inputs, out), body)


def matmul(a: Buffer, b: Buffer) -> Kernel:
    shape, n, k = (a.shape[0], b.shape[1]), a.shape[1], Variable("k")
    return compute("C", shape, [a, b], lambda i, j: Sum(k, n, a[i, k] * b[k, j]))


small = matmul(Buffer("A", (4, 6)), Buffer("B", (6, 8)))
print(small)

random = np.random.default_rng(0)
left = random.standard_normal((4, 6)).astype("float32")
right = random.standard_normal((6, 8)).astype("float32")
print("largest error:", np.abs(interpret(small, left, right) - left @ right).max())

# %% [markdown]
# ## 5. Schedules: other loops, same result
#
# The same additions can be done in many orders, and the machine likes some of them a hundred times better. A **schedule** is a series of
# small steps, each of which takes a kernel and gives another one that computes the same: `split` makes two loops of one, `reorder` changes
# which loop is inside which, and `vectorise` says that the innermost loop runs in a vector register. All of them rebuild the tree and
# leave the old one alone: a kernel never changes under your feet.


# %%
def loops_of(stmt: Stmt) -> tuple[list[Loop], Stmt]:
    found: list[Loop] = []
    while isinstance(stmt, Loop):
        found.append(stmt)
        stmt = stmt.body
    return found, stmt


def rewrite(expr: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    if (new := change(expr)) is not None:
        return new
    match expr:
        case Load(buffer, indices):
            return Load(buffer, tuple(rewrite(each, change) for each in indices))
        case Binary(sign, left, right):
            return Binary(sign, rewrite(left, change), rewrite(right, change))
    return expr


def on_sum(step: Callable[..., Stmt]) -> Callable[..., Kernel]:
    def apply(kernel: Kernel, *options: Any) -> Kernel:
        zeros, sums = kernel.body
        return replace(kernel, body=(zeros, step(*loops_of(sums), *options)))

    return apply


@on_sum
def split(loops: list[Loop], store: Store, name: str, factor: int) -> Stmt:
    at = next(n for n, each in enumerate(loops) if each.variable.name == name)
    old, outer, inner = loops[at], Variable(name + "o"), Variable(name + "i")
    assert old.extent % factor == 0, f"{old.extent} is no multiple of {factor}"
    index = {old.variable: outer * factor + inner}
    place = tuple(rewrite(each, index.get) for each in store.indices)
    pair = [Loop(outer, old.extent // factor, ()), Loop(inner, factor, ())]
    body = Store(store.buffer, place, rewrite(store.value, index.get))
    return nest([*loops[:at], *pair, *loops[at + 1 :]], body)


@on_sum
def reorder(loops: list[Loop], store: Store, *names: str) -> Stmt:
    by_name = {each.variable.name: each for each in loops}
    return nest([by_name[each] for each in names], store)


@on_sum
def vectorise(loops: list[Loop], store: Store) -> Stmt:
    return nest([*loops[:-1], replace(loops[-1], kind="vector")], store)


stages = {"as written": small, "split": split(small, "j", 4)}
stages["reordered"] = reorder(stages["split"], "i", "jo", "k", "ji")
stages["vectorised"] = vectorise(stages["reordered"])
print(stages["vectorised"])
for name, kernel in stages.items():
    same = np.allclose(interpret(kernel, left, right), left @ right, rtol=1e-4)
    print(f"{name:12} {'same result' if same else 'WRONG'}")

# %% [markdown]
# ## 6. From loops to machine code
#
# LLVM takes a low-level language of its own and makes machine code of it. Loops become *blocks* with jumps between them; the loop
# variable becomes a *phi*, a value that depends on where the jump came from. `A[i, j]` becomes an address: `i * columns + j`.
#
# In a vector loop the body is emitted once, for all iterations together. The only question is how far each element moves when the loop goes
# on by one (its *stride*): by one place (load a vector), or not at all (load one number, copy it to all lanes).

# %%
FLOAT, INT = ir.FloatType(), ir.IntType(64)


@dataclass
class Emitter:
    builder: ir.IRBuilder
    pointers: dict[Buffer, ir.Value]
    variables: dict[str, ir.Value] = field(default_factory=dict)
    lanes: tuple[str, int] | None = None  # the vector loop that we are in: variable and extent

    def integer(self, expr: Expr) -> ir.Value:
        match expr:
            case Number(value):
                return INT(int(value))
            case Variable(name):
                return self.variables[name]
        a, b = self.integer(expr.left), self.integer(expr.right)
        return self.builder.add(a, b) if expr.sign == "+" else self.builder.mul(a, b)

    def pointer(self, load: Load) -> ir.Value:
        where: Expr = Number(0)  # the number of the element in memory, row after row
        for index, extent in zip(load.indices, load.buffer.shape, strict=True):
            where = where * extent + index
        start = self.builder.gep(self.pointers[load.buffer], [self.integer(where)])
        if self.lanes is None:
            return start
        zeros = dict.fromkeys(self.variables, 0)
        stride = value_of(where, {**zeros, self.lanes[0]: 1}, {}) - value_of(where, zeros, {})
        kind = ir.VectorType(FLOAT, self.lanes[1]).as_pointer()
        return self.builder.bitcast(start, kind) if stride == 1 else start

    def spread(self, value: ir.Value) -> ir.Value:
        if self.lanes is None or isinstance(value.type, ir.VectorType):
            return value
        vector = ir.VectorType(FLOAT, self.lanes[1])(ir.Undefined)
        for lane in range(self.lanes[1]):
            vector = self.builder.insert_element(vector, value, INT(lane))
        return vector

    def number(self, expr: Expr) -> ir.Value:
        match expr:
            case Number(value):
                return self.spread(FLOAT(float(value)))
            case Load():
                return self.spread(self.builder.load(self.pointer(expr), align=4))
        a, b = self.number(expr.left), self.number(expr.right)
        if expr.sign == "max":
            return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)
        build = self.builder.fadd if expr.sign == "+" else self.builder.fmul
        return build(a, b, flags=("contract",))  # a * b + c may be one instruction

    def statement(self, stmt: Stmt) -> None:
        match stmt:
            case Store(buffer, indices, value):
                result, place = self.number(value), self.pointer(Load(buffer, indices))
                self.builder.store(result, place, align=4)
            case Loop(variable, extent, body, "vector"):
                self.variables[variable.name] = INT(0)
                self.lanes = (variable.name, extent)
                self.statement(body)
                self.lanes = None
            case Loop(variable, extent, body):
                before, head = self.builder.block, self.builder.append_basic_block("loop")
                self.builder.branch(head)
                self.builder.position_at_end(head)
                counter = self.variables[variable.name] = self.builder.phi(INT, variable.name)
                counter.add_incoming(INT(0), before)
                self.statement(body)
                following = self.builder.add(counter, INT(1))
                counter.add_incoming(following, self.builder.block)
                more = self.builder.icmp_signed("<", following, INT(extent))
                after = self.builder.append_basic_block("after")
                self.builder.cbranch(more, head, after)
                self.builder.position_at_end(after)
            case _:
                for each in stmt:
                    self.statement(each)


def emit(kernel: Kernel) -> str:
    module = ir.Module(kernel.name)
    kind = ir.FunctionType(ir.VoidType(), [FLOAT.as_pointer() for _ in kernel.buffers])
    function = ir.Function(module, kind, kernel.name)
    for each in function.args:
        each.add_attribute("noalias")  # buffers do not overlap
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    Emitter(builder, dict(zip(kernel.buffers, function.args, strict=True))).statement(kernel.body)
    builder.ret_void()
    return str(module)


print(emit(stages["vectorised"])[:700], "…")

# %% [markdown]
# What remains is plumbing. LLVM's own vectorisers are switched off, so that every vector is one that *the schedule* asked for.

# %%
llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


def compiled(kernel: Kernel) -> Callable[..., np.ndarray]:
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    machine = target.create_target_machine(llvm.get_host_cpu_name(), features, opt=2)
    module = llvm.parse_assembly(emit(kernel))
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = False
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(kernel.buffers))
    function = kind(engine.get_function_address(kernel.name))

    def call(*arrays: np.ndarray) -> np.ndarray:
        result = np.zeros(kernel.buffers[-1].shape, "float32")
        function(*[each.ctypes.data for each in (*arrays, result)])
        return result

    call.engine = engine  # keeps the machine code alive
    return call


# Was it worth it? A larger product, after each step of the schedule:
N = 256
big = matmul(Buffer("A", (N, N)), Buffer("B", (N, N)))
steps = {"as written": big, "reordered": reorder(big, "i", "k", "j")}
steps["vectorised"] = vectorise(reorder(split(big, "j", 64), "jo", "i", "k", "ji"))

x, y = (random.standard_normal((N, N)).astype("float32") for _ in range(2))
milliseconds = {}
for name, kernel in steps.items():
    function = compiled(kernel)
    assert np.allclose(function(x, y), x @ y, rtol=1e-3, atol=1e-3)
    milliseconds[name] = min(timeit.repeat(lambda: function(x, y), number=1, repeat=5)) * 1e3  # noqa: B023
    print(f"{name:12} {milliseconds[name]:7.2f} ms")

plt.figure(figsize=(6, 2.2))
plt.barh(list(milliseconds)[::-1], list(milliseconds.values())[::-1], color="teal")
plt.xlabel(f"milliseconds for a {N} × {N} matrix product")
plt.show()

# %% [markdown]
# ## 7. A graph, and fusion
#
# A model is a *graph* of kernels: each takes tensors and makes one. Run one after another, each of them writes its result to memory
# and the next reads it back. When the second kernel needs element (i, j) and nothing else to make its own element (i, j), the two can be
# **fused**: where the second one loads the element, it computes it on the spot. The tensor between them is never made.


# %%
def fuse(first: Kernel, second: Kernel) -> Kernel:
    """One kernel for `second(first(…), …)`; `first` computes each element by one store."""
    between = first.buffers[-1]
    axes, store = loops_of(first.body)
    assert isinstance(store, Store), "only an element-wise first kernel can be fused"

    def on_the_spot(expr: Expr) -> Expr | None:
        if not isinstance(expr, Load) or expr.buffer is not between:
            return None
        here = dict(zip([each.variable for each in axes], expr.indices, strict=True))
        return rewrite(store.value, here.get)

    loops, last = loops_of(second.body)
    body = nest(loops, replace(last, value=rewrite(last.value, on_the_spot)))
    buffers = [each for each in first.buffers + second.buffers if each is not between]
    return Kernel(f"{first.name}_{second.name}", tuple(buffers), body)


shape = (4, 8)
C, bias = Buffer("C", shape), Buffer("bias", (8,))
add = compute("Sum", shape, [C, bias], lambda i, j: C[i, j] + bias[j])
S = add.buffers[-1]
relu = compute("Relu", shape, [S], lambda i, j: Binary("max", S[i, j], Number(0)))
fused = fuse(add, relu)
print(fused)

b = random.standard_normal(8).astype("float32")
layer = compiled(fused)(compiled(stages["vectorised"])(left, right), b)
expected = np.maximum(left @ right + b, 0)
print("the layer agrees with NumPy:", np.allclose(layer, expected, atol=1e-4))

# %% [markdown]
# ## Where these ideas live in Pellucid
#
# | here | in Pellucid | and there it also has |
# |---|---|---|
# | `Expr`, `Store`, `Loop` | `pellucid.tir` | types, conditions, *blocks* that say what an iteration reads and writes, symbolic sizes |
# | `show`, `text` | `mod.script()` | a parser: every program prints as text that parses back |
# | `interpret` | `pellucid.interp` | checks of every index and of reads before writes |
# | `compute`, `Sum` | `pellucid.te`, `pellucid.topi` | 200 operators |
# | `split`, `reorder`, … | `pellucid.tir.Schedule` | sixty steps, each of which *checks* that the result stays the same |
# | `Emitter` | `pellucid.codegen.llvm` | all dtypes, threads, checked arguments |
# | the graph, `fuse` | `pellucid.relax` | a language for graphs, and a fusion that decides by itself |
#
# Two exercises: `fuse` demands an element-wise first kernel; what goes wrong if the first one is the matrix product? And `reorder` believes
# you that the result stays the same; find a kernel of this language for which it does not.
