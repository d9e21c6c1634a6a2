"""`python -m pellucid.cli` is the `pellucid` command."""

from __future__ import annotations

import sys

from pellucid.cli import main

sys.exit(main())
