"""Run the command line: `python -m fer` is the same as `fer`."""

import sys

from fer.cli import main

if __name__ == "__main__":
    sys.exit(main())
