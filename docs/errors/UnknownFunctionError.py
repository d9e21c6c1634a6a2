# %% [markdown]
# # UnknownFunctionError
#
# A module was asked for a function that it does not have. It is a [RegistryError](RegistryError.md), a `KeyError` and a `ValueError`.
#
# The message names the functions that are there, or the ones that are close.

# %%
import pellucid
from pellucid.demo.model import DigitsMLP

# %%
try:
    DigitsMLP["mian"]
except pellucid.RegistryError as error:
    print(type(error).__name__ + ":", error)

# %% [markdown]
# **Cure:** ask for one that is there; a pass may have renamed or fused it.

# %%
print([each.name_hint for each in DigitsMLP.functions])
