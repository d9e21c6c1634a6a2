"""Passes over loop functions: the lowering stages and what goes with them."""
