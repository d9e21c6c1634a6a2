"""Tensors, packed functions, executables and the virtual machine: all that a compiled program
needs to run.
"""
