"""The spellings of other generations of the language that need code of their own: calls with a
shape and a dtype, the decorators, and `dense`. Whatever is only another name stands in
`names.toml`.
"""
