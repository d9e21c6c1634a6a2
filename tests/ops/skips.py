"""Operators that a generated test leaves out, each with its reason; at most ten entries."""

# (operator, test) → reason
SKIPS: dict[tuple[str, str], str] = {}
