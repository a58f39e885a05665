"""`python -m jpterm_like` is `jpterm-like`."""

from __future__ import annotations

import sys

from jpterm_like.cli.main import main

sys.exit(main())
