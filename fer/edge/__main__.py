"""`python -m fer.edge OPTIONS`, as `python -m fer edge` starts it: its options in JSON."""

from __future__ import annotations

import json
import sys

from fer.edge.run import Options, run, say
from fer.errors import FerError

if __name__ == "__main__":
    try:
        sys.exit(run(Options(**json.loads(sys.argv[1]))))
    except (FerError, OSError) as fault:
        say(f"fer: {fault}")
        sys.exit(2)
