# %% [markdown]
# # ArtifactError
#
# A saved executable that is corrupt, cut off, of another version, or for another processor.
#
# Every part of the file carries a hash, and nothing of it runs before all of them are checked.

# %%
import tempfile
from pathlib import Path

import pellucid
from pellucid import relax
from pellucid.script import ir as I
from pellucid.script import relax as R


# %%
@I.ir_module
class Model:
    @R.function
    def main(x: R.Tensor((4,), "float32")):
        y = R.nn.relu(x)
        return y


with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "model.plc"
    relax.build(Model, target="llvm").save(file)
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    try:
        pellucid.runtime.load(file)
    except pellucid.ArtifactError as error:
        print(str(error).replace(folder, "…"))

# %% [markdown]
# **Cure:** copy the file again, or compile the model again on the machine (or for the processor) that it is to run on.
