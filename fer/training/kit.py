"""Pack everything that training needs on a machine with PyTorch and without internet.

    python -m fer.training.kit --data DIR --out kit --wheels WHEELS

The kit is a folder: the faces as sheets, the package fer, the wheels that are missing there, and
run.sh, which installs the wheels and trains. docs/gpu-kit.md explains its use.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import fer
from fer.errors import DataError, FerError, UsageError
from fer.training.data.load import load
from fer.training.data.sheets import write_sheet

MOST_BYTES: Final = 64 * 2**20  # a kit must travel in one piece
SPLITS: Final = ("training", "public_test")  # a run reads no others
RUN: Final = """#!/bin/sh
# Install the wheels beside this script, then begin a run or go on with it.
# Usage: run.sh --out RUN_DIR [options of `python -m fer train`]
set -e
here=$(cd "$(dirname "$0")" && pwd)
site=${FER_KIT_SITE:-/tmp/fer-kit-site}
python=${PYTHON:-python3}
if ls "$here"/wheels/*.whl >/dev/null 2>&1; then
    "$python" -m pip install -q --no-index --no-deps --no-compile --upgrade --target "$site" \\
        "$here"/wheels/*.whl
fi
export KERAS_BACKEND=torch PYTHONUNBUFFERED=1 PYTHONPATH="$here:$site${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m fer train --recipe ours-long --data "$here/data" --resume "$@"
"""


def pack(data: Path, out: Path, wheels: Path | None = None, most: int = MOST_BYTES) -> int:
    """Write the kit to `out`, which must not exist; return its size in bytes."""
    if out.exists():
        raise UsageError(f"{out}: exists already; choose another folder or delete it")
    try:
        for split in SPLITS:
            _pack_split(data, split, out / "data")
        package = Path(fer.__file__).parent
        shutil.copytree(
            package, out / "fer", ignore=shutil.ignore_patterns("__pycache__", "node_modules")
        )
        if wheels is not None:
            found = sorted(wheels.glob("*.whl"))
            if not found:
                raise DataError(f"{wheels}: no wheels in it")
            (out / "wheels").mkdir()
            for wheel in found:
                shutil.copyfile(wheel, out / "wheels" / wheel.name)
        script = out / "run.sh"
        script.write_text(RUN)
        script.chmod(0o755)
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        if size > most:
            raise DataError(
                f"{out}: the kit has {size / 2**20:.1f} MiB, more than {most / 2**20:.0f}: "
                "leave out wheels that the machine has already"
            )
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    return size


def _pack_split(data: Path, split: str, out: Path) -> None:
    """Copy a split's sheet after checking that it can be read, or write one."""
    faces = load(data, split)
    sheet = [data / f"{split}.webp", data / f"{split}.csv"]
    if not all(path.exists() for path in sheet):
        write_sheet(out, faces)
        return
    out.mkdir(parents=True, exist_ok=True)
    for path in sheet:
        shutil.copyfile(path, out / path.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Pack a kit; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fer.training.kit", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("kit"), metavar="DIR")
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="wheels the machine lacks")
    options = parser.parse_args(arguments)
    try:
        size = pack(options.data, options.out, options.wheels)
    except (FerError, OSError) as fault:
        print(f"fer: {fault}", file=sys.stderr)
        return 2
    print(f"{options.out}: {size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
