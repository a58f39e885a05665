"""`python -m jpterm_like` is `jpterm-like`."""

import sys

from jpterm_like.cli import main

sys.exit(main())
