from .tolerance import Tolerance as Tolerance
from .tolerance import assert_allclose as assert_allclose
from .tolerance import tolerance_of as tolerance_of
from .validate import Validator as Validator
from .validate import compare_scripts as compare_scripts
