# %% [markdown]
# # PellucidDeprecationWarning
#
# A warning, not an error: an old spelling that is still understood. The text gives today's.
#
# Each form warns once at each place. In tests, turn it into an error with `warnings.simplefilter("error", pellucid.PellucidDeprecationWarning)`.

# %%
import warnings

import pellucid
from pellucid import relax

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", pellucid.PellucidDeprecationWarning)
    shape = relax.Var("x", relax.TensorStructInfo((1, 784), "float32")).shape_
for each in caught:
    print(each.category.__name__, "-", each.message)
print(shape)

# %% [markdown]
# **Cure:** the spelling of today:

# %%
new = relax.Var("x", relax.TensorStructInfo((1, 784), "float32"))
print(new.struct_info.shape)
