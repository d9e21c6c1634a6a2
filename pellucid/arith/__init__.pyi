from .analyzer import Analyzer as Analyzer
from .analyzer import ConstIntBound as ConstIntBound
from .analyzer import ModularSet as ModularSet
from .evaluate import evaluate as evaluate
from .pattern import Rule as Rule
