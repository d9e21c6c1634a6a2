# %% [markdown]
# # DocumentError
#
# A document that `pellucid run-doc` cannot read, a cell that cannot be prepared, or a file that it needs and that is not there.
#
# A cell whose *code* fails is reported in the table of cells, with the error that it raised; this error is about the document.

# %%
import tempfile
from pathlib import Path

import pellucid
from pellucid.compat.documents.formats import read_document

# %%
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "lesson.txt"
    file.write_bytes(b"\xff\xfe\x00")
    try:
        read_document(file)
    except pellucid.PellucidError as error:
        print(type(error).__name__ + ":", str(error).replace(folder, "…"))

# %% [markdown]
# **Cure:** give it a notebook, Markdown with fenced Python, or a percent script.
