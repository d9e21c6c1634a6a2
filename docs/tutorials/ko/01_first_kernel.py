# %% [markdown]
# # 첫 번째 커널
#
# 이 튜토리얼에서는 작은 반복문 프로그램을 직접 쓰고, 들여다보고, 컴파일하지 않고 실행해 보고, 컴파일하고, 틀렸을 때 어떤 일이 일어나는지 살펴봅니다.
# 파이썬과 NumPy에 대한 약간의 지식만 있으면 됩니다.

# %%
import numpy as np

import pellucid
from pellucid import interp
from pellucid.script import tir as T

# %% [markdown]
# ## 써 보기
#
# *반복문 함수*(`T.prim_func`)는 파이썬처럼 생겼지만 파이썬으로 실행되지 않습니다. 데코레이터가 소스 코드를 읽어서 프로그램을 만들어 냅니다. 아래 함수는 두
# 벡터를 더합니다.


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
# 한 줄씩 보겠습니다.
#
# - 매개변수는 메모리입니다. 결과를 담을 메모리(`c`)도 **호출하는 쪽**이 넘겨줍니다. 반복문 함수는 결과를 스스로 할당하지 않습니다.
# - `n = T.int64()`는 아직 알 수 없는 크기입니다. `T.match_buffer`는 `a`가 dtype이 float32인 수를 `n`개 담고 있으며 `b`와 `c`도 그렇다고 말합니다.
#   세 크기는 같아야 하고, 호출할 때마다 검사됩니다.
# - 반복문은 모든 자리를 지나갑니다.
# - **블록**은 일의 단위입니다. `vi`는 이번 반복이 다루는 결과의 자리이고, `spatial`은 각 반복이 서로 독립이라는 뜻입니다. 블록 없이 반복문만 써도 되지만,
#   뒤에 나오는 단계들(스케줄, 융합)은 블록을 보고 판단합니다.
#
# ## 들여다보기
#
# `show`는 프로그램을 출력합니다. 여러분이 쓴 글과 같지만, 생략해서 추론에 맡긴 것까지 모두 적혀 있습니다. 여기서는 블록이 무엇을 읽고 쓰는지가
# 그렇습니다.

# %%
add.show()

# %% [markdown]
# ## 컴파일하지 않고 실행하기
#
# *인터프리터*는 어떤 프로그램이든 NumPy로 한 문장씩 실행합니다. 느리지만 프로그램의 뜻을 정의합니다. 컴파일러가 나중에 무엇을 하든 결과는 이것과 같아야
# 합니다. 프로그램이 버퍼 바깥의 메모리를 건드리면 그것도 알아챕니다.

# %%
x = np.array([1, 2, 3, 4], "float32")
y = np.array([10, 20, 30, 40], "float32")
result = np.zeros(4, "float32")
interp.run(add, x, y, result)
print(result)

# %% [markdown]
# ## 컴파일하기
#
# `pellucid.build`는 기계어를 만듭니다. 결과는 NumPy 배열, torch 텐서, 또는 자체 텐서(`pellucid.nd.array`)로
# 호출합니다.

# %%
library = pellucid.build(add, target="llvm")

result = np.zeros(4, "float32")
library["add"](x, y, result)
print(result)

# %% [markdown]
# 크기를 열어 두었으므로, 한 번 컴파일한 함수가 모든 길이의 벡터를 받습니다.

# %%
many = np.random.default_rng(0).standard_normal((2, 1_000_000)).astype("float32")
total = np.empty(1_000_000, "float32")
library["add"](many[0], many[1], total)
print("equal to NumPy:", np.array_equal(total, many[0] + many[1]))

# %% [markdown]
# ## 기계를 더 많이 쓰기
#
# 프로그램은 무엇을 계산할지 말하고, **스케줄**은 어떻게 계산할지 말합니다. 여기서는 반복문을 8개씩 묶어 각 묶음을 벡터 명령 하나로 만들고, 바깥 반복문은 프로세서의
# 코어들에 나누어 줍니다. 단계마다 결과가 그대로인지 검사합니다. (반복문이 나누어떨어지도록 여기서는 크기가
# 상수입니다.)


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
# `Schedule`은 프로그램을 `schedule.mod`에 보관합니다. 함수 하나만 주면 그 안에서 이름이 `main`이 됩니다.

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
# ## 틀렸을 때
#
# 잘못을 하면 자리, 기대한 것, 실제로 있는 것, 고치는 법이 답으로 옵니다. 크기가 서로 맞지 않는 호출입니다.

# %%
try:
    library["add"](x, y[:3], result)
except pellucid.ArgumentError as error:
    print(error)

# %% [markdown]
# 버퍼의 끝을 지나서 읽는 프로그램은 인터프리터가 찾아냅니다. (`bounds_check=True`로 컴파일하면 기계어도 찾아냅니다. 그렇지 않으면 아무것도
# 검사하지 않습니다.)


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
# 언어에 없는 문장은 무엇이 실행되기 훨씬 전, 읽는 순간에 거절됩니다.

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
# ## 지금까지 본 것
#
# - 반복문 함수: 버퍼, 반복문, 블록
# - 그것을 다루는 세 가지 방법: 출력하기, 인터프리터로 실행하기, 컴파일하기
# - 무엇을 계산하는지는 바꾸지 않고 어떻게 실행되는지를 바꾸는 스케줄
#
# 다음: 모듈 전체를 뜯어보는 [IR 읽기](02_reading_the_ir.md).
