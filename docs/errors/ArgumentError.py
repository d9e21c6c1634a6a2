# %% [markdown]
# # ArgumentError
#
# A call of a compiled function with arguments that do not fit its signature: their number, dtypes, shapes, or sizes that disagree with each other.
#
# The entry of every compiled function checks its arguments before anything runs, so that the code behind it never leaves them.

# %%
import numpy as np

import pellucid
from pellucid.script import tir as T


# %%
@T.prim_func
def double(a: T.handle, b: T.handle):
    n = T.int64()
    A = T.match_buffer(a, (n,), "float32")
    B = T.match_buffer(b, (n,), "float32")
    for i in range(n):
        with T.block("double"):
            vi = T.axis.spatial(n, i)
            B[vi] = A[vi] * T.float32(2)


library = pellucid.build(double, target="llvm")
x = np.arange(4.0)
try:
    library["double"](x, np.zeros(4, "float32"))
except pellucid.ArgumentError as error:
    print(error)

# %% [markdown]
# **Cure:** hand over what the signature says.

# %%
result = np.zeros(4, "float32")
library["double"](x.astype("float32"), result)
print(result)
