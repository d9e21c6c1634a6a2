# %% [markdown]
# # RegistryError
#
# A name that nobody has registered, or one that is taken already.
#
# Packed functions, operators, functions of an executable, passes: all of them are found by name, and all look-ups know what is close.

# %%
import pellucid


# %%
@pellucid.register_func("errors.normalise", override=True)
def normalise(x, out):
    out.copyfrom(x)


try:
    pellucid.get_global_func("errors.normalize")
except pellucid.RegistryError as error:
    print(error)
try:
    pellucid.register_func("errors.normalise", normalise)
except pellucid.RegistryError as error:
    print(error)

# %% [markdown]
# **Cure:** spell it as it is registered; `override=True` replaces what is there, for instance in a notebook whose cell is run again.
