# %% [markdown]
# # Run a model on NumPy arrays
#
# Compile a module once; call its functions with arrays as often as you like.

# %%
import numpy as np

import pellucid
from pellucid import relax
from pellucid.demo.data import load_digits
from pellucid.demo.model import DigitsMLP

digits = load_digits()
bound = relax.transform.BindParams("main", digits.weights)(DigitsMLP)
machine = relax.VirtualMachine(relax.build(bound, target="llvm"), pellucid.cpu())

scores = machine["main"](digits.inputs()[:3])
print(type(scores).__name__, scores.shape, scores.dtype)

# %% [markdown]
# **The result** is a tensor of Pellucid's. `numpy()` gives a copy, `np.from_dlpack` and `torch.from_dlpack` a view of the same memory.

# %%
print(scores.numpy().argmax(axis=1), np.from_dlpack(scores).argmax(axis=1))

# %% [markdown]
# **Dtypes** have to be right; nothing is converted in silence. NumPy makes float64 by default, models mostly want float32.

# %%
inputs = np.zeros((1, 64))
print(machine["main"](inputs.astype("float32")).shape)

# %% [markdown]
# **Memory order**: an array that is not stored row after row (a transpose, every other column) is copied once when the function is called. In a loop
# over the same data, copy it yourself: `np.ascontiguousarray(x)`.
#
# **Many calls with the same array**: make a tensor once, and the conversion falls away.

# %%
tensor = pellucid.nd.array(digits.inputs()[:1])
timer = machine.time_evaluator("main", number=100, repeat=3)
print(f"{timer(tensor).min * 1e6:.1f} µs a call")

# %% [markdown]
# **A loop function** takes the memory of its result as its last argument, and returns nothing:

# %%
library = pellucid.build(pellucid.IRModule({"relu": DigitsMLP["relu"]}), target="llvm")
x = np.array([[-1.0, 2.0]], "float32")
y = np.empty_like(x)
library["relu"](x, y)
print(y)
