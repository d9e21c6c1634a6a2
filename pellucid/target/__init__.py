"""What a machine can do, and how a user names it: `Target`."""

from pellucid.target.target import Target

__all__ = ["Target"]
