# %% [markdown]
# # 모델, 처음부터 끝까지
#
# 손으로 쓴 숫자를 알아보는, 이미 학습된 분류기가 끝까지 갑니다. NumPy 배열에 든 가중치에서 출발해, 한 번도 본 적 없는 이미지에서 돌아가는 프로그램이 되고,
# 컴파일러 없이 실행되는 파일이 됩니다.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pellucid
from pellucid import interp, relax
from pellucid.demo.data import load_digits

# %% [markdown]
# ## 처음에 있는 것
#
# Pellucid에는 학습된 작은 모델이 들어 있습니다. 64 → 128 → 10의 두 층이고, 학습할 때 따로 떼어 둔 8 × 8 화소의 이미지 360장이
# 함께 있습니다. `w0`과 `b0`은 첫째 층의 가중치와 편향, `w1`과 `b1`은 둘째 층의 것입니다.

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
# ## 그래프 만들기
#
# `BlockBuilder`는 그래프 함수를 한 단계씩 써 나갑니다. `emit`을 부를 때마다 연산 하나가 더해지고 그 결과를 담은 변수가 돌아오는데, 그 모양은 그 자리에서
# 계산됩니다. 한 번에 몇 장의 이미지가 올지는 열어 둡니다. `n`은 기호 크기입니다.

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
# ## 가중치 넣기
#
# 지금까지 가중치는 `main`의 매개변수입니다. `BindParams`는 그것을 상수로 만듭니다. 그러면 이미지만의 함수가 남습니다. 이것은 *패스*, 곧 모듈에서 모듈로 가는
# 함수입니다. 여기서는 모든 것이 그렇습니다.

# %%
bound = relax.transform.BindParams("main", digits.weights)(model)
bound["main"].show()

# %% [markdown]
# 옳은 것을 계산할까요? 무엇을 컴파일하기 전에 인터프리터가 말해 줍니다.


# %%
def reference(x):
    """The model in NumPy."""
    w = digits.weights
    hidden = np.maximum(x @ w["w0"].T + w["b0"], 0)
    return hidden @ w["w1"].T + w["b1"]


few = images[:4]
print("largest difference:", np.abs(interp.run(bound, few) - reference(few)).max())

# %% [markdown]
# ## 컴파일하기
#
# `relax.build`는 기본 파이프라인을 실행합니다. 그것이 그래프에 무엇을 하는지 볼 만합니다. 가중치의 전치는 미리 한 번만
# 계산되고, 각 층은 곱과 편향과 relu를 함께 하는 **하나의** 반복문 함수가 되었습니다.

# %%
optimised = relax.get_pipeline("default")(bound)
optimised["main"].show()
print("loop functions:", sorted(each.name_hint for each in optimised.functions))

# %%
executable = relax.build(bound, target="llvm")
print(executable.stats())

# %% [markdown]
# ## 실행하기
#
# 가상 머신은 실행 파일의 함수들을 실행합니다. NumPy 배열(또는 torch 텐서)을 받고, 묶음의 크기는 얼마든지 좋습니다.

# %%
machine = relax.VirtualMachine(executable, pellucid.cpu())
scores = machine["main"](images).numpy()
predicted = scores.argmax(axis=1)
print("largest difference:", np.abs(scores - reference(images)).max())
print(f"right: {np.sum(predicted == digits.labels)} of {len(images)}")
print("one image:", machine["main"](images[:1]).numpy().argmax())

# %% [markdown]
# 틀린 이미지들을, 무엇이라고 했고 실제로는 무엇인지와 함께 봅니다.

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
# ## 시간은 어디에 쓰이는가
#
# `profile`은 함수를 한 단계씩 한 번 실행하고, 반복문 함수마다 얼마나 걸렸는지 말해 줍니다.

# %%
print(machine.profile("main", images))

# %% [markdown]
# ## 내보내기
#
# 실행 파일은 파일 하나로 저장됩니다. 기계어와 상수와 그래프의 계획이 들어 있습니다. 불러오는 데는 런타임만 있으면 되고 컴파일러는 필요 없으며,
# 내용은 실행되기 전에 검사됩니다.

# %%
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "digits.plc"
    executable.save(file)
    print(f"{file.name}: {file.stat().st_size / 1024:.0f} KiB")
    loaded = relax.VirtualMachine(pellucid.runtime.load(file), pellucid.cpu())
    print("the same result:", np.array_equal(loaded["main"](images).numpy(), scores))

# %% [markdown]
# ## 지금까지 본 것
#
# - 연산을 하나씩 쌓아 만든, 크기 하나를 열어 둔 그래프
# - 패스로 넣은 가중치, 확인하는 수단으로서의 인터프리터
# - 기본 파이프라인이 그래프로 만드는 것
# - 실행, 프로파일, 저장, 불러오기
#
# 다음: [나만의 패스](../05_your_own_pass.md).
