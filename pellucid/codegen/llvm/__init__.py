"""The LLVM back end: IR text built in Python, optimised and assembled by llvmlite.

`text` builds modules, `types` maps dtypes, `convert` and `math` emit conversions and functions,
`compile` makes object code.
"""
