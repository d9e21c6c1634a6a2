# %% [markdown]
# # PellucidError
#
# Base of every error that your program, model, file or call can cause.
#
# Catch it when you want to treat all of them alike: print the message, and go on. A defect of the system itself is no `PellucidError`; it is
# an [InternalError](InternalError.md).
#
# The parts of the message can be read one by one.

# %%
import pellucid

# %%
try:
    pellucid.Target("llvm -mcpu=znver44")
except pellucid.PellucidError as error:
    print("class:   ", type(error).__name__)
    print("message: ", error.message)
    print("expected:", error.expected)
    print("found:   ", error.found)
    print("cure:    ", error.cure)
