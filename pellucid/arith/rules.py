"""The rewrite rules, as data.

`STRUCTURAL` rules are tried where their left side matches. The others are used by `division` and
`digits`, which look for the rules' variables in sums (`x*c + y` is any sum in which some terms are
multiples of `c`). A machine tests every rule on random values.
"""

from __future__ import annotations

from pellucid.arith.pattern import Rule

DIVISION = (
    Rule("floordiv_multiple", "(x*c + y) // c", "x + y // c", "c != 0"),
    Rule("floordiv_common_factor", "(x*c1 + y) // (c1*c2)", "x // c2", "0 <= y < c1 and c2 > 0"),
    Rule("floordiv_nested", "(x // c1 + c2) // c3", "(x + c1*c2) // (c1*c3)", "c1 > 0 and c3 > 0"),
    Rule("floordiv_symbolic_multiple", "(x*y + z) // y", "x + z // y", "y != 0"),
    Rule("floordiv_small", "x // y", "0", "0 <= x < y"),
    Rule("floormod_multiple", "(x*c + y) % c", "y % c", "c != 0"),
    Rule("floormod_coefficient", "(x*(c1*c2 + c3) + y) % c2", "(x*c3 + y) % c2", "c2 != 0"),
    Rule(
        "floormod_common_factor",
        "(x*c1 + y) % (c1*c2)",
        "x % c2 * c1 + y",
        "0 <= y < c1 and c2 > 0",
    ),
    Rule(
        "floormod_inner_floormod",
        "(x % (c1*c2) * c3 + y) % c2",
        "(x*c3 + y) % c2",
        "c1 > 0 and c2 > 0",
    ),
    Rule("floormod_of_floordiv", "x // c1 % c2", "x % (c1*c2) // c1", "c1 > 0 and c2 > 0"),
    Rule("floormod_symbolic_multiple", "(x*y + z) % y", "z % y", "y != 0"),
    Rule("floormod_small", "x % y", "x", "0 <= x < y"),
    Rule("truncdiv_of_non_negative", "truncdiv(x, y)", "x // y", "x >= 0 and y > 0"),
    Rule("truncmod_of_non_negative", "truncmod(x, y)", "x % y", "x >= 0 and y > 0"),
)

# A digit of x: `x % c_upper // c_lower`, without the remainder for the top digit.
DIGITS = (
    Rule(
        "join_digits",
        "x % (c1*c2*c3) // (c1*c2) * c2 + x % (c1*c2) // c1",
        "x % (c1*c2*c3) // c1",
        "c1 > 0 and c2 > 0 and c3 > 0",
    ),
    Rule(
        "join_top_digit",
        "x // (c1*c2) * c2 + x % (c1*c2) // c1",
        "x // c1",
        "c1 > 0 and c2 > 0",
    ),
    Rule(
        "remove_upper_digit",
        "x % (c1*c2*c3) // c1 - x % (c1*c2*c3) // (c1*c2) * c2",
        "x % (c1*c2) // c1",
        "c1 > 0 and c2 > 0 and c3 > 0",
    ),
    Rule(
        "remove_top_digit",
        "x // c1 - x // (c1*c2) * c2",
        "x % (c1*c2) // c1",
        "c1 > 0 and c2 > 0",
    ),
)

STRUCTURAL = (
    Rule("min_of_min_constants", "min(min(x, c1), c2)", "min(x, min(c1, c2))"),
    Rule("max_of_max_constants", "max(max(x, c1), c2)", "max(x, max(c1, c2))"),
    Rule("select_of_not", "select(not p, x, y)", "select(p, y, x)"),
    Rule("not_not", "not (not p)", "p"),
    Rule("not_lt", "not (x < y)", "y <= x"),
    Rule("not_le", "not (x <= y)", "y < x"),
    Rule("not_gt", "not (x > y)", "x <= y"),
    Rule("not_ge", "not (x >= y)", "x < y"),
    Rule("not_eq", "not (x == y)", "x != y"),
    Rule("not_ne", "not (x != y)", "x == y"),
    Rule("not_and", "not (p1 and p2)", "(not p1) or (not p2)"),
    Rule("not_or", "not (p1 or p2)", "(not p1) and (not p2)"),
    Rule("add_broadcasts", "broadcast(x, n) + broadcast(y, n)", "broadcast(x + y, n)"),
    Rule("sub_broadcasts", "broadcast(x, n) - broadcast(y, n)", "broadcast(x - y, n)"),
    Rule("mul_broadcasts", "broadcast(x, n) * broadcast(y, n)", "broadcast(x * y, n)"),
    Rule("floordiv_broadcasts", "broadcast(x, n) // broadcast(y, n)", "broadcast(x // y, n)"),
    Rule("floormod_broadcasts", "broadcast(x, n) % broadcast(y, n)", "broadcast(x % y, n)"),
    Rule("add_ramp", "ramp(x, y, n) + broadcast(z, n)", "ramp(x + z, y, n)"),
    Rule("sub_ramp", "ramp(x, y, n) - broadcast(z, n)", "ramp(x - z, y, n)"),
    Rule("mul_ramp", "ramp(x, y, n) * broadcast(z, n)", "ramp(x * z, y * z, n)"),
    Rule("add_ramps", "ramp(x, y, n) + ramp(z, w, n)", "ramp(x + z, y + w, n)"),
    Rule("sub_ramps", "ramp(x, y, n) - ramp(z, w, n)", "ramp(x - z, y - w, n)"),
)

BY_NAME = {rule.name: rule for rule in (*DIVISION, *DIGITS, *STRUCTURAL)}
