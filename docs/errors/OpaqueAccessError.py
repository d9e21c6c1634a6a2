# %% [markdown]
# # OpaqueAccessError
#
# A block reaches memory through a pointer, so what it reads and writes cannot be inferred and has to be written down. It is a [WellFormedError](WellFormedError.md).
#
# Regions are inferred from indices. Behind `T.address_of` or `buffer.access_ptr` there are none.

# %%
import pellucid
from pellucid.script import tir as T

# %%
try:

    @T.prim_func
    def by_pointer(A: T.Buffer((8,), "float32")):
        with T.block("fill"):
            T.evaluate(T.call_extern("int32", "memset", T.address_of(A[0]), 0, 32))

except pellucid.PellucidError as error:
    print(type(error).__name__ + ":", error)

# %% [markdown]
# **Cure:** say it with `T.reads` and `T.writes`.


# %%
@T.prim_func
def by_pointer(A: T.Buffer((8,), "float32")):
    with T.block("fill"):
        T.reads()
        T.writes(A[0:8])
        T.evaluate(T.call_extern("int32", "memset", T.address_of(A[0]), 0, 32))


print("read:", by_pointer.params)
