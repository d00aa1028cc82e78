"""`python -m tests.hostile KIND --count N`: try hostile files, print what became of them."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from fer.vision.analyzer import Analyzer
from tests.hostile import pictures, recordings
from tests.hostile.trial import HEAD, Server, from_folder, tried

WORST = {"pictures": pictures.WORST, "live": pictures.WORST, "recordings": recordings.WORST}
CORPUS = {
    "pictures": pictures.corpus,
    "live": pictures.live_corpus,
    "recordings": recordings.corpus,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("what", choices=WORST)
    parser.add_argument("--count", type=int, default=1000, help="files made by mutation (1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--make", type=Path, help="only make the worst files, in this folder")
    options = parser.parse_args()
    if options.make:
        for name, make in WORST[options.what].items():
            (options.make / name).write_bytes(make())
        return 0
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: making them takes more memory than reading them.
        made = [sys.executable, "-m", "tests.hostile", options.what, "--make", folder]
        subprocess.run(made, check=True)
        server = Server(Analyzer(detector=options.detector))
        read = {
            "pictures": server.picture,
            "live": server.live,
            "recordings": server.recording,
        }[options.what]
        print(HEAD, flush=True)
        results = []
        for name, files in (
            ("worst cases", from_folder(Path(folder))),
            ("mutations", CORPUS[options.what](options.count, options.seed)),
        ):
            results.append(tried(server, read, files))
            print(results[-1].row(f"{options.what}: {name}"), flush=True)
        server.close()
    bad = [line for one in results for line in (*one.tracebacks, *one.over_memory, *one.over_time)]
    print(*bad[:50], sep="\n", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
