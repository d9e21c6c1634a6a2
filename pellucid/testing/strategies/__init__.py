"""Hypothesis strategies that make programs: loop functions that run, and modules of any shape."""
