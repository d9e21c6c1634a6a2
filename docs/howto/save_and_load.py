# %% [markdown]
# # Save and load an executable
#
# One file holds the machine code, the constants, and the plan of the graph. Where it is loaded, no compiler is needed: `pellucid.runtime` alone.

# %%
import subprocess
import sys
import tempfile
from pathlib import Path

import pellucid
from pellucid import relax
from pellucid.demo.data import load_digits
from pellucid.demo.model import DigitsMLP

digits = load_digits()
bound = relax.transform.BindParams("main", digits.weights)(DigitsMLP)
folder = tempfile.TemporaryDirectory()
file = Path(folder.name) / "digits.plc"
relax.build(
    bound, target="llvm -mcpu=x86-64-v3" if "x86" in pellucid.Target("llvm").triple else "llvm"
).save(file)
print(f"{file.stat().st_size} bytes")

# %% [markdown]
# The target says where it may run. `llvm` means *this* processor, with everything that it can do; a file that is to run on other machines is
# compiled for what they have in common, such as `llvm -mcpu=x86-64-v3`. A file for a processor with features that the machine lacks is refused.
#
# Loading it, in another process:

# %%
program = """
import sys
import numpy as np
from pellucid import runtime

machine = runtime.VirtualMachine(runtime.load(sys.argv[1]), runtime.cpu())
print(machine["main"](np.zeros((1, 64), "float32")).numpy().round(2))
print("the compiler was loaded:", "pellucid.codegen" in sys.modules)
"""
run = subprocess.run(
    [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True
)
print(run.stdout)

# %% [markdown]
# On the command line:
#
# ```
# pellucid compile model.py -o model.plc
# pellucid run model.plc --input x.npy
# pellucid show model.plc
# ```

# %%
print(pellucid.runtime.load(file).stats())
folder.cleanup()
