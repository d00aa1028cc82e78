"""Run the device, as `fer edge` does: `python -m fer.edge OPTIONS`, the options as JSON."""

from __future__ import annotations

import json
import sys

from fer.edge.run import Options, message, run
from fer.errors import FerError

if __name__ == "__main__":
    try:
        sys.exit(run(Options(**json.loads(sys.argv[1]))))
    except (FerError, OSError) as fault:
        message(f"fer: {fault}")
        sys.exit(2)
