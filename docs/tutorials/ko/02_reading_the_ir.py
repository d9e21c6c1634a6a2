# %% [markdown]
# # IR 읽기
#
# 컴파일러는 *중간 표현*(intermediate representation, IR)을 다룹니다. 자료 구조로 나타낸 프로그램이지요. Pellucid에서는 그것이 읽고 쓸 수 있는 글이기도 합니다. 이 튜토리얼에서는
# 작은 모델 하나를 뜯어봅니다. 먼저 글로, 다음에는 파이썬 객체로, 그다음에는 기계어에 이르는 각 단계에서 살펴봅니다.

# %%
import numpy as np

import pellucid
from pellucid import interp, relax, tir
from pellucid.driver import pipeline
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T

# %% [markdown]
# ## 한 모듈 안의 두 수준
#
# 모델은 층 하나, `relu(x @ w)`입니다. 이 모듈에는 두 수준의 함수가 있습니다. **그래프 함수** `main`은 어떤 텐서에 어떤 연산이 일어나는지를 말합니다.
# **반복문 함수** `matmul`과 `relu`는 각 연산이 메모리를 어떻게 지나가는지를 말합니다.


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
# 화면에 보이는 말들의 뜻은 다음과 같습니다.
#
# | 글에서 | 이름 | 뜻 |
# |---|---|---|
# | `T.grid(n, m, k)` | 반복문 둥지 | 서로 안에 들어 있는 세 반복문 |
# | `with T.block("matmul")` | 블록 | 일의 단위. 그 바깥의 모든 것은 언제 실행될지만 정합니다 |
# | `T.axis.remap("SSR", …)` | 블록 축 | `S`: 공간 축. 결과의 자리마다 한 번씩 반복. `R`: 축약 축. 같은 자리에 더해 가는 반복 |
# | `T.reads`, `T.writes` | 영역 | 블록의 한 번 반복이 건드리는 것 |
# | `T.init()` | 초기화 | 축약의 첫 반복 앞에 일어나는 일 |
# | `R.Tensor((n, 4), …)` | 구조 정보(struct info) | 프로그램이 실행되기 전에 값에 대해 아는 것: 모양과 dtype |
# | `n` | 기호 크기 | 함수가 호출될 때에야 알게 되는 수 |
# | `with R.dataflow()` | 데이터플로 블록 | 순수한 연산: 부작용도 제어 흐름도 없어서 마음대로 옮기고 융합할 수 있습니다 |
# | `R.call_tir(f, args, out_sinfo=…)` | 다리 | 결과를 할당하고, `args`와 함께 넘겨서 `f`를 호출합니다 |
#
# 두 수준은 `call_tir`에서 만납니다. 그래프에는 *값*이 있고 반복문 함수에는 *메모리*가 있으니 누군가는 할당을 해야 하는데, 이 수준에서는 아무도 그것을 생각할 필요가
# 없어야 합니다.
#
# ## 글이 곧 프로그램
#
# 출력한 글은 다시 읽을 수 있고, 읽으면 같은 프로그램이 됩니다. `structural_equal`은 두 프로그램을 하는 일로 비교합니다.
# 변수의 이름은 따지지 않습니다.

# %%
again = pellucid.script.from_source(Layer.script())
print("the same:", pellucid.ir.structural_equal(Layer, again))

# %% [markdown]
# ## 객체로 본 프로그램
#
# 모듈은 이름을 함수에 대응시킵니다. 그래프 함수는 매개변수와 본문입니다. 본문은 바인딩의 블록들이고, 바인딩은 값에 이름을
# 붙입니다.

# %%
for var, function in Layer.functions.items():
    print(var.name_hint, "is a", type(function).__name__)

main = Layer["main"]
print(main.params, "->", main.ret_struct_info)
for binding in main.body.blocks[0].bindings:
    print(f"{binding.var}: {type(binding.value).__name__} of {binding.value.args[0].name_hint}")

# %% [markdown]
# 반복문 함수는 문장의 나무입니다. 본문은 `root`라는 블록이고, 모든 것이 그 안에 있습니다. 그 아래의 노드들은 짐작할 만한 이름을
# 가지며, 어느 부분이든 출력하면 그것이 나타내는 글이 나옵니다.

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
# 저장되는 값은 식이고, 식 또한 나무입니다.


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
# 이런 순회를 직접 쓸 필요는 없습니다. **방문자**(visitor)는 관심 있는 노드 종류마다 메서드를 가지며, 나머지는 순회가 알아서
# 지나갑니다.


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
# 노드는 결코 바뀌지 않습니다. 프로그램을 바꾼다는 것은, 그대로인 부분을 모두 공유하는 새 프로그램을 만든다는 뜻입니다. 옛 프로그램은 그대로
# 남아 있습니다.

# %%
renamed = block.replace(name_hint="product")
print(
    block.name_hint, "->", renamed.name_hint, "| the same body object:", renamed.body is block.body
)

# %% [markdown]
# ## 한 단계씩 기계까지
#
# 모든 단계는 출력할 수 있고, 인터프리터로 실행할 수 있습니다. 먼저 있는 그대로의 모듈입니다.

# %%
generator = np.random.default_rng(0)
x = generator.standard_normal((2, 8)).astype("float32")
w = generator.standard_normal((8, 4)).astype("float32")
expected = np.maximum(x @ w, 0)
print(np.abs(interp.run(Layer, x, w) - expected).max())

# %% [markdown]
# 그래프 파이프라인은 곱이 아직 손에 있을 때 `relu`를 적용할 수 있음을 알아보고 둘을 융합합니다. 또 `call_tir`을 그것이 뜻하는 것, 즉 할당과
# 호출로 바꿉니다. (여러분이 쓴 함수들은 모듈에 그대로 있습니다. 누구든 호출할 수 있기 때문입니다. 이 모듈에서만 쓰이는 반복문 함수는
# `@T.prim_func(private=True)`라고 씁니다.)


# %%
def part(module, *names):
    """Some functions of a module, as a module of their own."""
    return pellucid.IRModule({module.get_global_var(name): module[name] for name in names})


prepared = relax.get_pipeline("default")(Layer)
part(prepared, "fused_matmul_relu", "main").show()

# %% [markdown]
# 그다음에는 블록이 사라집니다. 블록은 판단하기 위해 있었고, 판단은 끝났습니다. 남은 것은 일차원 메모리 위의 반복문입니다.

# %%
lowered = pipeline.lower(prepared)
part(lowered, "fused_matmul_relu").show()

# %% [markdown]
# 마지막은 기계어입니다. `stats`는 무엇이 나왔는지 말해 줍니다. 모듈 전체의 어셈블리는 길기 때문에 여기서는 몇 줄만 봅니다.

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
# ## 지금까지 본 것
#
# - 두 수준의 함수가 있는 모듈, 그리고 글 속 낱말 하나하나의 뜻
# - 같은 모듈을 객체로 보기, 그리고 그것을 지나가는 방문자
# - 아래로 내려가는 각 단계: 융합, 일차원화, 컴파일. 어느 단계든 인터프리터로 확인할 수 있습니다.
#
# 명령줄에서도 같은 것을 볼 수 있습니다: `pellucid show file.py:Layer --as lowered`.
#
# 다음: 이런 반복문을 빠르게 만드는 [행렬 곱 스케줄링](03_scheduling_a_matmul.md).
