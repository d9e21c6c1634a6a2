"""Code generation: loop functions to native code (`llvm`), one package per back end."""
