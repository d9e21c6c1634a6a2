# %% [markdown]
# # UnsupportedError
#
# Something that the language has, and that this version of the system does not do, or not on this target.
#
# It is raised instead of guessing. Nothing is ever left out of a result in silence.

# %%
import pellucid
from pellucid import relax
from pellucid.script import ir as I
from pellucid.script import relax as R


# %%
@I.ir_module
class Unknown:
    @R.function
    def main(x: R.Tensor(("n",), "float32"), y: R.Tensor(("m",), "float32")):
        total = R.add(x, y)
        return total


try:
    relax.build(Unknown, target="llvm")
except pellucid.UnsupportedError as error:
    print(error)

# %% [markdown]
# **Cure:** as the message says. Here two sizes `n` and `m` are to be added, and nothing says that they are equal; give them one name:


# %%
@I.ir_module
class Known:
    @R.function
    def main(x: R.Tensor(("n",), "float32"), y: R.Tensor(("n",), "float32")):
        total = R.add(x, y)
        return total


print(relax.build(Known, target="llvm"))
