# %% [markdown]
# # PassError
#
# A pass that broke its contract, or was used wrongly: it returned no module, or an ill-formed one.
#
# A pass takes a well-formed module and gives a well-formed module. The instrument `Verify` checks both around every pass.

# %%
import pellucid
from pellucid import ir
from pellucid.script import ir as I
from pellucid.script import relax as R


# %%
@ir.transform.module_pass(opt_level=0, name="Forgetful")
def forgetful(mod, ctx):
    pellucid.IRModule(mod.functions)


@I.ir_module
class Model:
    @R.function
    def main(x: R.Tensor((4,), "float32")):
        y = R.nn.relu(x)
        return y


try:
    forgetful(Model)
except pellucid.PassError as error:
    print(error)

# %% [markdown]
# **Cure:** return the module. See [your own pass](../tutorials/05_your_own_pass.md) for one that is right.
