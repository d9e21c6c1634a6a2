# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # 행렬 곱 스케줄링
#
# 행렬 곱이 무엇인지는 반복문 세 개로 말할 수 있습니다. 그러나 반복문은 프로세서가 그것을 어떻게 해야 하는지 말하지 않으며, 그대로 두면 프로세서의 백분의 일밖에 쓰지 못합니다. 여기서는
# 세 반복문을 다섯 단계로, 코어 하나가 할 수 있는 것의 십분의 구 이상까지 끌어올립니다. 각 단계는 `Schedule`에 대한 호출 몇 개입니다. 호출은 프로그램이 어떻게 실행되는지를 바꿀 뿐
# 무엇을 계산하는지는 바꾸지 않습니다. 단계마다 프로그램을 다시 들여다보고 시간을 잽니다.
#
# "코어 하나가 할 수 있는 것"이 얼마인지 알아야 합니다. 그래서 계량기 하나가 우리 곁에서 돕니다.

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
# ## 천장
#
# 중요한 명령은 하나, 벡터에 대한 *곱셈-덧셈*입니다. 한 번에 실수 16개에 대해 `sum = sum + a * b`를 합니다(AVX-512의 경우. AVX2는 8개, 더 오래된 프로세서와
# Arm은 4개). 계량기는 벡터 열두 개를 레지스터에 두고 그것만 합니다. 또 각 연산이 앞 연산의 결과를 필요로 하며 정확히 한 박자가 걸리는 정수 연산의 사슬도 재는데, 여기서 클록이 나옵니다.
# 레인 수 × 박자당 곱셈-덧셈 수 × 초당 박자 수가 첫 번째 반복문이 이른 값과 맞으면 그 천장을 믿을 수
# 있습니다.

# %%
meter = PeakMeter()
peak = meter.measure()
LANES = meter.lanes
print(f"{LANES} lanes, {peak.clock / 1e9:.2f} GHz, multiply-adds a clock: {peak.nominal:g}")
print(f"ceiling: {peak.flops / 1e9:.0f} GFLOP/s, {peak.share:.0%} of the product of the three")

# %% [markdown]
# ## 프로그램
#
# 블록 `C`에는 값이 결과의 서로 다른 원소를 뜻하는 *공간* 변수 두 개와 *축약* 변수 하나가 있습니다. 스케줄이 지켜야 하는 것은 이것이 전부입니다.


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
# 작은 도구 하나: 스케줄이 지금까지 만든 것을 빌드하고, NumPy와 비교하고, 시간을 잽니다. 시간은 우리 스레드가 자기 코어에서 쓴 시간이고, 몇 번 실행한 것 가운데 가장 좋은 것을 셉니다.
# 다른 프로그램들은 느리게만 할 수 있기 때문입니다.

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
# ## 0단계: 쓴 그대로

# %%
sch = tir.Schedule(matmul)
measure("as written", sch, runs=1)

# %% [markdown]
# 두 가지가 잘못되어 있습니다. 가장 안쪽 반복문이 `k`를 따라 돌기 때문에 `B[k, j]`는 매번 한 행씩 건너뜁니다. 접근할 때마다 새 캐시 라인입니다. 그리고 수를 한 번에 하나씩 더하며, 다음 덧셈은
# 앞 덧셈을 기다려야 합니다.
#
# ## 1단계: 레인
#
# `j`를 벡터 길이의 조각으로 자르고, 그 조각들을 가장 안쪽으로 옮겨 레인으로 바꿉니다. 이제 명령 하나가 건드리는 `B`와 `C`의 원소들은 나란히 놓여 있고, `A`의 원소는 모든 레인에
# 같습니다.

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
# `decompose_reduction`은 0으로 채우는 일을 `k` 반복문 앞에 두었습니다. 이것이 없으면 프로그램은 매 단계마다 이번이 첫 번째인지 물어야 합니다.
#
# 이제 무엇이 발목을 잡을까요? 곱셈-덧셈 하나마다 `B`의 벡터를 하나 읽고 `A`의 원소를 하나 퍼뜨립니다. 그리고 각각의 합은 여전히 앞의 합을 매번 네 박자씩 기다립니다.
#
# ## 2단계: 레지스터 속의 타일
#
# 결과의 *타일* 하나, 곧 8행 × 벡터 2개를 한꺼번에 다루어 봅시다. 그러면 `k`의 한 단계가 `B`의 벡터 2개와 `A`의 수 8개를 읽어서 곱셈-덧셈 16개를 하며, 그 가운데 서로 기다리는 것은
# 없습니다. 벡터 레지스터는 32개입니다. 16개는 합을 담고, 2개는 `B`의 조각을 담고, 몇 개가 남습니다. 들어가지 않는 타일은 *흘러넘칩니다*(spill). 합들이 매 단계마다 메모리로 갔다가
# 돌아오게 되고, 얻은 것을 모두 잃습니다. (AVX2는 레지스터가 16개라서 거기서는 타일이 더 작습니다.)
#
# - `split`과 `reorder`는 타일의 반복문들을 가장 안쪽으로 가져옵니다.
# - `unroll`은 그 반복문들을 풀어 써서 합마다 자기 이름, 곧 레지스터를 갖게 합니다.
# - `cache_write`는 *지역* 메모리의 버퍼에 더해 가고, `reverse_compute_at`은 타일이 다 되면 그것을 `C`로 복사합니다. 인덱스가 모두 상수이므로 그 버퍼는 레지스터일
#   뿐입니다.

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
# ## 3단계: 안쪽 반복문이 읽는 것을 한 줄로
#
# 타일은 폭이 1024인 행렬에서 폭이 32인 `B`의 띠를 따라 내려갑니다. `k`의 한 단계마다 4 KB 떨어진 다른 페이지에, 그리고 늘 캐시의 같은 몇 집합에 내려앉습니다. 그래서 먼저
# 띠 하나하나가 한 덩어리로 놓이도록 `B`를 복사합니다. `cache_read`가 복사를 하고, `transform_layout`이 각 원소가 어디로 가는지 말합니다. `(k, j)`는 `(j // COLUMNS, k, j % COLUMNS)`가
# 됩니다. 복사본을 건드리는 블록들은 모두 저절로 따라옵니다.
#
# 복사에는 이백만 번의 이동이 듭니다. 곱은 그 천 배의 일입니다. (신경망에서 `B`는 가중치이고, 복사는 컴파일할 때 한 번만
# 합니다.)

# %%
sch = tir.Schedule(matmul)
product = sch.get_block("C")
write_back = sch.cache_write(product, 0, "local")
pack = sch.cache_read(product, 1, "global")
tile(sch, product, write_back)
sch.transform_layout(pack, ("write", 0), lambda k, j: (j // COLUMNS, k, j % COLUMNS))
measure("B in panels", sch)

# %% [markdown]
# ## 4단계: 복사도 벡터로
#
# 복사 자체는 아직 평범한 반복문 셋입니다. 이것도 레인을 가질 만합니다.

# %%
k, j = sch.get_loops(pack)
block, vector, lane = sch.split(j, [None, VECTORS, LANES])
sch.reorder(block, k, vector, lane)
sch.unroll(vector)
sch.vectorize(lane)
sch.show()
library = measure("and copied in vectors", sch, runs=15)

# %% [markdown]
# ## 레지스터 안에 있는가?
#
# 믿는 것도 좋지만 어셈블리를 읽는 것이 더 좋습니다. 안쪽 반복문에는 곱셈-덧셈이 16개 있어야 하고, 스택으로 가는 벡터는 없어야 합니다.

# %%
assembly = library.get_source("asm").splitlines()
products = [n for n, line in enumerate(assembly) if "vfmadd" in line or "fmla" in line]
if products:
    inner = assembly[products[0] - 4 : products[-1] + 6]
    print("\n".join(inner))
    spills = [line for line in inner if "mm" in line and ("(%rsp)" in line or "(%rbp)" in line)]
    print(f"{len(products)} multiply-adds, {len(spills)} spills")

# %% [markdown]
# ## 얼마나 왔는가

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
# 스케줄 전체는 출력하고, 저장하고, 새 프로그램에서 다시 실행할 수 있는 역사입니다.

# %%
print(sch.trace)

# %% [markdown]
# ## 해 볼 것
#
# - 타일을 8 × 벡터 4개로 만들어 보세요. 왜 그렇게 훨씬 느릴까요? 어셈블리를 보세요.
# - 4 × 4나 2 × 8로 만들어 보세요. 왜 비슷하게 빠를까요, 또는 빠르지 않을까요?
# - 패널을 도는 반복문에 `sch.parallel`을 쓰면 모든 코어를 씁니다. 어느 반복문이어야 하고, `B`의 복사는 어떻게 될까요?
# - `Schedule(matmul, validate="test")`는 호출마다 그 앞뒤의 프로그램을 임의의 수로 실행해 비교합니다. 작은 `SIZE`로 해 보세요.
