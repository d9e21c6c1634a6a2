# %% [markdown]
# # TargetError
#
# The description of a target that names no known machine, processor or feature.
#
# A target is text: `llvm` is this machine, `llvm -mcpu=…` a processor by LLVM's name, `-mattr=+…,-…` adds and removes features.

# %%
import pellucid

# %%
for text in ("llvm -mcpu=x86-64-v9", "lvm"):
    try:
        pellucid.Target(text)
    except pellucid.TargetError as error:
        print(error)

# %% [markdown]
# **Cure:** a name that exists. `pellucid doctor` says what this machine is.

# %%
target = pellucid.Target("llvm -mcpu=x86-64-v3")
print(
    target.cpu,
    "with vectors of",
    target.vector_bytes if hasattr(target, "vector_bytes") else "",
    "bytes",
)
