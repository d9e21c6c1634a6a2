"""Facts about loop programs: regions, well-formedness, and questions that passes and users ask."""

from pellucid.tir.analysis.access import get_block_access_region, get_block_read_write_region
from pellucid.tir.analysis.completion import complete

__all__ = ["complete", "get_block_access_region", "get_block_read_write_region"]
