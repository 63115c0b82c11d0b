"""`python -m pytracking` is the command line."""

import sys

from pytracking.cli import main

sys.exit(main())
