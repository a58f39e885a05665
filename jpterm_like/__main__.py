"""`python -m jpterm_like` is `jpterm-like`."""

import sys

from .cli import main

sys.exit(main())
