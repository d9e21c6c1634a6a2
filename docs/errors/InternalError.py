# %% [markdown]
# # InternalError
#
# A defect of Pellucid itself: something that we rely on does not hold. Please report it.
#
# It is no `PellucidError`, since there is nothing in your program to mend. The message has what we need: the program at the point where it went
# wrong. It is provoked here by handing the last station a text that our code generator would never write.

# %%
import pellucid
from pellucid.codegen.llvm.compile import parse

# %%
try:
    parse("define void @kernel() {\n  %x = add i64 1, %y\n  ret void\n}\n", pellucid.Target("llvm"))
except pellucid.InternalError as error:
    print(error)

# %% [markdown]
# **What to do:** report it with the whole message. Until it is mended, `PELLUCID_DEBUG=2` shows which pass was the last one, and
# `relax.build(…, relax_pipeline="plain")` builds with the fewest passes.
