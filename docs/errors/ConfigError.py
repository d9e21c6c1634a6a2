# %% [markdown]
# # ConfigError
#
# An option or an environment variable with a value that it cannot have.
#
# Options of passes are checked when the context is made, variables when they are read.

# %%
import pellucid
from pellucid import ir, relax

# %%
try:
    ir.transform.PassContext(config={"verfy": True})
except pellucid.PellucidError as error:
    print(type(error).__name__ + ":", error)
try:
    relax.get_pipeline("defualt")
except pellucid.ConfigError as error:
    print(error)
try:
    pellucid.runtime.pool.set_num_threads(0)
except pellucid.ConfigError as error:
    print(error)

# %% [markdown]
# **Cure:** a value from the line *expected*. [The page of variables](../reference/pellucid.support.config.md) says what each takes.
