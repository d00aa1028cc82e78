"""Delete from an installed environment what the running app never loads.

    python slim.py SITE_PACKAGES

Wheels contain tests, headers, tools and second copies of libraries. The image's own tests open
every page with the rest. Needs `patchelf` and `strip`, so it runs in the stage that builds and not
in the one that ships. Prints what each step saved.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Files that nothing here imports, with the reason.
UNUSED = (
    "pydeck*",  # Streamlit's maps
    "pandas/tests",
    "numpy/**/tests",
    "numpy/f2py",  # Fortran
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/random/lib",
    "numpy/_core/_simd.*.so",  # this and the next are for NumPy's own tests
    "numpy/_core/_*_tests.*.so",
    "pyarrow/tests",
    "pyarrow/include",
    "pyarrow/src",
    "pyarrow/includes",
    # Arrow's network, file formats and query plans; tables in memory need none of them.
    *(f"pyarrow/libarrow_{part}.so*" for part in ("flight", "python_flight", "s3", "substrait")),
    *(f"pyarrow/libarrow_{part}.so*" for part in ("dataset", "acero", "python_parquet_encryption")),
    "pyarrow/libparquet.so*",
    *(f"pyarrow/_{part}.*.so" for part in ("flight", "s3fs", "gcsfs", "azurefs", "hdfs", "orc")),
    *(f"pyarrow/_{part}.*.so" for part in ("substrait", "dataset*", "acero", "parquet*")),
    "pyarrow/_pyarrow_cpp_*.so",
    "pyarrow/*.pxi",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "onnxruntime/quantization",
    "onnxruntime/datasets",
    "onnxruntime/backend",
    "onnxruntime/capi/libonnxruntime.so*",  # for C programs; Python's module has its own copy
    "cv2/data/*.xml",  # the app has the two cascades that it uses
    "cv2/gapi",
    "streamlit/hello",
    # Kinds of charts that no page draws; browsers load the code of a kind when needed.
    *(f"streamlit/static/static/js/{kind}*.js" for kind in ("PlotlyChart", "DeckGlJsonChart")),
    *(f"streamlit/static/static/js/{kind}*.js" for kind in ("EChartsChart", "GraphVizChart")),
    *(f"streamlit/static/static/js/{part}-*.js" for part in ("elk", "*Diagram", "swimlanes")),
    "streamlit/static/static/js/cytoscape*.js",
    "streamlit/static/static/media/SourceSerif*",  # the pages use another font
    "*.dist-info/RECORD",  # for uninstalling
    "alembic/testing",
    "alembic/templates",  # for starting a project
    "jsonschema/tests",
    "jsonschema/benchmarks",
    "sqlalchemy/testing",
    "sqlalchemy/orm",  # lessons are rows, not objects
    "sqlalchemy/ext/[!_c]*",  # all but compiler.py, which Alembic imports
    *(f"sqlalchemy/dialects/{name}" for name in ("mssql", "mysql", "oracle")),  # no drivers here
    "**/*.pyi",
    "**/*.pyx",
    "**/*.pxd",
    "**/*.h",
)
PLAIN = "pyarrow/libarrow_python.so"  # three copies of one file: a wheel can't hold links


def size(folder: Path) -> int:
    """Return the bytes in all files below the folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def drop_unused(site: Path) -> None:
    """Delete what the list names, and print each pattern that finds nothing as outdated."""
    for pattern in UNUSED:
        found = [path for path in site.glob(pattern) if path.exists()]
        if not found:
            print(f"slim: no file matches {pattern}; update the list")
        for path in found:
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()


def libraries(folder: Path) -> Iterator[Path]:
    """Yield the shared libraries below the folder, without symbolic links."""
    for path in sorted(folder.rglob("*.so*")):
        if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF":
            yield path


def needed(library: Path) -> list[str]:
    """Return the names of the libraries that a library is linked to."""
    return _tool("patchelf", "--print-needed", str(library)).split()


def unlink_dropped(folder: Path) -> None:
    """Unlink Arrow's modules from deleted parts of Arrow, which they are linked to without need."""
    here = {path.name for path in folder.iterdir()}
    for library in libraries(folder):
        gone = [name for name in needed(library) if name.startswith(("libarrow", "libparquet"))]
        gone = [name for name in gone if name not in here]
        for name in gone:
            _tool("patchelf", "--remove-needed", name, str(library))


def one_copy(folder: Path, name: str) -> None:
    """Delete all copies of a library but the one that others are linked to."""
    for path in folder.glob(f"{name}.*.*"):
        path.unlink()
    (folder / name).unlink(missing_ok=True)


def share_ffmpeg(site: Path) -> None:
    """Link OpenCV to PyAV's FFmpeg, if both have the same version, and delete its own."""
    own, other = site / "opencv_python_headless.libs", site / "av.libs"
    module = site / "cv2" / "cv2.abi3.so"
    theirs = {_plain(path.name): path.name for path in other.iterdir()}
    linked = [name for name in needed(module) if name.startswith(("libav", "libsw"))]
    shared = {name: theirs[_plain(name)] for name in linked if _plain(name) in theirs}
    ffmpeg = [name for name in linked if not name.startswith("libavif")]
    if sorted(shared) != sorted(ffmpeg):
        print(f"slim: OpenCV keeps its FFmpeg; {sorted(set(ffmpeg) - set(shared))} differ")
        return
    replace = [word for pair in shared.items() for word in ("--replace-needed", *pair)]
    _tool("patchelf", *replace, str(module))
    path = f"$ORIGIN/../{own.name}:$ORIGIN/../{other.name}"
    _tool("patchelf", "--force-rpath", "--set-rpath", path, str(module))
    keep: set[str] = set()
    waiting = [name for name in needed(module) if (own / name).exists()]
    while waiting:
        name = waiting.pop()
        keep.add(name)
        waiting += [n for n in needed(own / name) if (own / n).exists() and n not in keep]
    for library in own.iterdir():
        if library.name not in keep:
            library.unlink()


def _plain(name: str) -> str:
    """Return the name without the hash that wheels add, as in libavcodec-57aca189.so.62.28.102."""
    return re.sub(r"-[0-9a-f]{8}(?=\.so)", "", name)


def strip(library: Path) -> None:
    """Remove the symbols for debuggers, unless that damages the library.

    `strip` misplaces the segments of libraries that the tools of wheel makers have changed.
    """
    lean = library.with_name(library.name + ".lean")
    _tool("strip", "--strip-unneeded", "-o", str(lean), str(library))
    if loads(lean) and lean.stat().st_size < library.stat().st_size:
        shutil.copymode(library, lean)
        lean.replace(library)
    else:
        lean.unlink()


def loads(library: Path) -> bool:
    """Return True if every segment of a 64-bit library is aligned, so that it can be mapped."""
    data = library.read_bytes()
    table, entry, count = (
        struct.unpack_from("<Q", data, 32)[0],
        *struct.unpack_from("<HH", data, 54),
    )
    for at in range(table, table + entry * count, entry):
        kind, _, offset, address, _, _, _, align = struct.unpack_from("<IIQQQQQQ", data, at)
        if kind == 1 and align and (offset - address) % align:
            return False
    return True


def _tool(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def main(site: Path) -> None:
    """Run all steps and print what each saved."""
    before = size(site)

    def report(what: str) -> None:
        nonlocal before
        after = size(site)
        print(f"slim: {(before - after) / 1e6:6.1f} MB less: {what}")
        before = after

    print(f"slim: {before / 1e6:6.1f} MB as installed")
    drop_unused(site)
    one_copy(site / "pyarrow", Path(PLAIN).name)
    unlink_dropped(site / "pyarrow")
    report("what the app never loads")
    share_ffmpeg(site)
    report("one FFmpeg instead of two")
    for library in libraries(site):
        strip(library)
    report("symbols for debuggers")
    print(f"slim: {before / 1e6:6.1f} MB left")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
