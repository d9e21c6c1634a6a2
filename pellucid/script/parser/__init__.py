"""From script text to IR: see `parser.core` for how a dialect plugs in, `parser.entry` for the ways
in.
"""
