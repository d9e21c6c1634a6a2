"""Random tensors, from a seed and the position of each element: `random.uniform(0, (2, 3))`.

The generator is Philox 4x32 with ten rounds (Salmon et al., "Parallel Random Numbers: As Easy as 1,
2, 3", 2011): equal seeds give equal tensors, on every machine and in any order of evaluation.
"""

from pellucid.relax.op.random.distributions import *  # noqa: F403
