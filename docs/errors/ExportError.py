# %% [markdown]
# # ExportError
#
# A module of `frontend.nn` was used in a way that cannot become a graph function.
#
# A method is exported by calling it once with symbolic tensors. What it returns has to be tensors, and the parameters that it uses have to belong
# to the module.

# %%
import pellucid
from pellucid.frontend import nn


# %%
class Nothing(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 4)

    def forward(self, x):
        return "the result of " + str(self.linear(x).shape)


spec = {"forward": {"x": nn.spec.Tensor(["n", 8], "float32")}}
try:
    Nothing().export(spec)
except pellucid.PellucidError as error:
    print(type(error).__name__ + ":", error)

# %% [markdown]
# **Cure:** return tensors.


# %%
class Something(Nothing):
    def forward(self, x):
        return self.linear(x)


module, parameters = Something().export(spec)
print(module["forward"].ret_struct_info)
