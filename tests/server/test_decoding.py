"""What a hostile file costs through the doors of a server: its visitor one sentence."""

import sys
from contextlib import suppress
from dataclasses import replace

import pytest
from websockets.exceptions import ConnectionClosed

from fer.vision.media.box import LIVE, PHOTO
from fer.vision.media.decoder import BoxedDecoder
from tests.hostile.pictures import WORST, noise, saved
from tests.server.server import heard, jpeg, message, site

if not sys.platform.startswith("linux"):
    pytest.skip("boxes are made on Linux", allow_module_level=True)


def test_a_photo_that_computes_too_long_is_one_sentence() -> None:
    with site(decoder=BoxedDecoder(photo=replace(PHOTO, processor=0.0))) as served:
        kind = {"Content-Type": "image/png"}
        answer = served.post("/api/photo", data=WORST["png-chunks"](), headers=kind)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("the picture: takes too long to decode")
        assert served.get("/healthz").status_code == 200
        good = served.post("/api/photo", data=jpeg(), headers=kind)
        assert good.json()["size"] == [64, 48]


def test_a_live_frame_that_takes_too_much_ends_its_connection_alone() -> None:
    decoder = BoxedDecoder(live=replace(LIVE, memory=30_000_000))
    with site(decoder=decoder) as served, served.connect("healthy-one") as healthy:
        heard(healthy)
        with served.connect() as hostile:
            heard(hostile)
            hostile.send(message(data=saved(noise(3000, 2000), "JPEG", quality=30)))
            with suppress(ConnectionClosed):
                hostile.recv(timeout=20)
            assert hostile.protocol.close_rcvd is not None
            assert hostile.protocol.close_rcvd.code == 1007
        healthy.send(message(seq=5))
        assert heard(healthy)["seq"] == 5
        assert decoder.costs.faults["costly"] == 1
