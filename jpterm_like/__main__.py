"""`python -m jpterm_like` is `jpterm-like`."""

import sys

from jpterm_like.cli.main import main

sys.exit(main())
