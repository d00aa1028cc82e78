"""An open page Live, as a browser keeps it: it runs the page, then its fragments when due."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any, Final
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from fer.errors import FerError

PATIENCE: Final = 30.0  # seconds until a page must be drawn
TOKEN: Final = re.compile(rb'"token": ?"([^"]+)"')  # in the data of the live view
SUBPROTOCOL: Final = Subprotocol("streamlit")


class Page:
    """One visitor's page. `token` is the live view's once the consent is given."""

    def __init__(self) -> None:
        self.token = ""
        self.runs = 0
        self._drawn, self._ready = asyncio.Event(), asyncio.Event()
        self._button = ""  # the id of the button that was drawn last
        self._due: dict[str, tuple[float, float]] = {}  # fragment: (interval, time of the next run)

    async def ready(self) -> str:
        """Return the token of the live view, once the page shows one."""
        async with asyncio.timeout(PATIENCE):
            await self._ready.wait()
        return self.token

    async def run(self, url: str, closing: asyncio.Event) -> None:
        """Open the page, give the consent, and keep the page open until `closing`."""
        address = f"ws://{urlsplit(url).netloc}/_stcore/stream"
        async with connect(
            address, origin=Origin(url), subprotocols=[SUBPROTOCOL], max_size=None
        ) as socket:
            receiving = asyncio.create_task(self._receive(socket))
            try:
                await self._open(socket)
                self._ready.set()
                while not closing.is_set():
                    now = time.monotonic()
                    if receiving.done():
                        raise FerError(f"the app closed a page: {socket.close_reason}")
                    for name, (interval, due) in [*self._due.items()]:
                        if now >= due:
                            self._due[name] = (interval, now + interval)
                            await self._rerun(socket, fragment_id=name)
                    await asyncio.sleep(0.05)
            finally:
                receiving.cancel()

    async def _open(self, socket: ClientConnection) -> None:
        await self._rerun(socket)
        await self._wait()
        message = BackMsg()
        state = message.rerun_script.widget_states.widgets.add()
        state.id, state.trigger_value = self._button, True
        await socket.send(message.SerializeToString())
        await self._wait()
        if not self.token:
            raise FerError("the page Live shows no live view after the consent")

    async def _rerun(self, socket: ClientConnection, **what: Any) -> None:
        message = BackMsg()
        message.rerun_script.query_string = ""
        for name, value in what.items():
            setattr(message.rerun_script, name, value)
        await socket.send(message.SerializeToString())

    async def _wait(self) -> None:
        """Wait until the page is drawn."""
        async with asyncio.timeout(PATIENCE):
            await self._drawn.wait()
        self._drawn.clear()

    async def _receive(self, socket: ClientConnection) -> None:
        async for data in socket:
            message = ForwardMsg()
            message.ParseFromString(data if isinstance(data, bytes) else data.encode())
            self._take(message)

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "auto_rerun":
            interval = message.auto_rerun.interval
            self._due[message.auto_rerun.fragment_id] = (interval, time.monotonic() + interval)
        elif kind == "script_finished":
            self.runs += 1
            self._drawn.set()
        elif kind == "delta":
            element = message.delta.new_element
            if element.WhichOneof("type") == "button":
                self._button = element.button.id
            elif found := TOKEN.search(element.SerializeToString()):
                self.token = found.group(1).decode()
