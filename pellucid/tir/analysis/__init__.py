"""Facts about loop programs: regions, well-formedness, and questions that passes and users ask."""

from pellucid.tir.analysis.access import get_block_access_region, get_block_read_write_region
from pellucid.tir.analysis.completion import complete
from pellucid.tir.analysis.well_formed import assert_well_formed, verify_well_formed

__all__ = [
    "assert_well_formed",
    "complete",
    "get_block_access_region",
    "get_block_read_write_region",
    "verify_well_formed",
]
