"""Each rewrite rule on random integers: where its condition holds, both sides are equal."""

from __future__ import annotations

import ast
import itertools
import random
from typing import Any

import numpy as np
import pytest

from pellucid.arith.evaluate import truncdiv, truncmod
from pellucid.arith.pattern import Rule, is_constant_name
from pellucid.arith.rules import BY_NAME, DIGITS, DIVISION, STRUCTURAL

SAMPLES = 6000


def smaller(a: Any, b: Any) -> Any:
    return np.minimum(a, b) if isinstance(a, np.ndarray) else min(a, b)


def larger(a: Any, b: Any) -> Any:
    return np.maximum(a, b) if isinstance(a, np.ndarray) else max(a, b)


FUNCTIONS: dict[str, Any] = {
    "min": smaller,
    "max": larger,
    "select": lambda p, x, y: x if p else y,
    "truncdiv": truncdiv,
    "truncmod": truncmod,
    "ramp": lambda x, y, n: x + y * np.arange(n).astype(object),
    "broadcast": lambda x, n: np.full(n, x, object),
}


def variables(rule: Rule) -> list[str]:
    found: set[str] = set()
    for text in (rule.left, rule.right, rule.condition):
        names = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
        found |= names - set(FUNCTIONS)
    return sorted(found)


def draw(name: str, rng: random.Random) -> Any:
    if name.startswith("p"):
        return rng.random() < 0.5
    if name == "n":
        return rng.randint(1, 8)
    if is_constant_name(name):
        return rng.choice([*range(-6, 9), 16])
    return rng.randint(-40, 40)


@pytest.mark.parametrize("rule", [*DIVISION, *DIGITS, *STRUCTURAL], ids=lambda rule: rule.name)
def test_rule_keeps_the_value(rule: Rule) -> None:
    rng = random.Random(rule.name)
    names = variables(rule)
    tried = 0
    for _ in range(SAMPLES):
        values = {name: draw(name, rng) for name in names}
        scope = {**FUNCTIONS, **values}
        try:
            if not eval(rule.condition, dict(scope)):
                continue
            left = eval(rule.left, dict(scope))
        except ZeroDivisionError:
            continue
        right = eval(rule.right, dict(scope))
        assert np.array_equal(left, right), f"{rule} at {values}: {left} is not {right}"
        tried += 1
    assert tried >= 100, f"{rule}: its condition held only {tried} times"


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(DIVISION) + len(DIGITS) + len(STRUCTURAL)


def test_structural_rules_match_an_operation() -> None:
    for rule, other in itertools.combinations(STRUCTURAL, 2):
        assert rule.root is not None
        assert rule.left != other.left
