"""The LLVM IR text of the support library: thread pool, memory, and objects for generated code."""
