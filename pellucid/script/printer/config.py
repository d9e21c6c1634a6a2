"""What the user can choose about printed scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from pellucid.support.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class PrinterConfig:
    """Options of `.script()` and `.show()`.

    The text parses back with the default prefixes and dtypes, `show_meta=True`, and nothing
    underlined, numbered or left out; the other settings are for reading.
    """

    name: str | None = None
    """The name of the class (of a module) or function that is printed."""
    show_meta: bool = False
    """Whether to print the constants, without which a text that has some cannot be parsed."""
    describe_constants: bool = False
    """Whether to say in comments what the constants are that are left out (`show()` does)."""
    ir_prefix: str = "I"
    """What the dialect of modules is called."""
    tir_prefix: str = "T"
    """What the dialect of loop functions is called."""
    relax_prefix: str = "R"
    """What the dialect of graph functions is called."""
    module_alias: str = "cls"
    """What functions call their own module."""
    buffer_dtype: str = "float32"
    """The dtype of buffers that is not printed."""
    int_dtype: str = "int32"
    """The dtype of integer constants that are printed bare."""
    float_dtype: str = "void"
    """The dtype of float constants that are printed bare; "void" for none."""
    verbose_expr: bool = False
    """Whether to print every expression by its constructor."""
    indent_spaces: int = 4
    """The width of an indentation."""
    print_line_numbers: bool = False
    """Whether to number the lines."""
    num_context_lines: int = -1
    """How many lines to keep around each underlined one; all when negative or when nothing is
    underlined.
    """
    syntax_sugar: bool = True
    """Whether to shorten what has a shorter spelling: grids, buffer parameters, the root block,
    remaps.
    """
    show_object_address: bool = False
    """Whether to add the address of the variable to each name."""
    show_all_struct_info: bool = True
    """Whether to annotate every binding of a graph function."""
    path_to_underline: Sequence[str] = ()
    """Paths, as `first_difference` gives them, to parts that are underlined."""
    path_to_annotate: Mapping[str, str] = field(default_factory=dict[str, str])
    """Comments by such paths."""
    obj_to_underline: Sequence[Any] = ()
    """Nodes that are underlined."""
    obj_to_annotate: Mapping[Any, str] = field(default_factory=dict[Any, str])
    """Comments by nodes."""

    @staticmethod
    def of(options: Mapping[str, Any]) -> PrinterConfig:
        """The configuration with `options` set; an unknown one is an error. A value of None counts
        as unset.
        """
        known = [each.name for each in fields(PrinterConfig)]
        for key in options:
            if key not in known:
                raise ConfigError(
                    f"The printer has no option {key!r}.", cure=did_you_mean(key, known)
                )
        return PrinterConfig(**{key: value for key, value in options.items() if value is not None})
