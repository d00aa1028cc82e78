"""Run the command line: `python -m fer` does the same as `fer`."""

import sys

from fer.cli import main

sys.exit(main())
