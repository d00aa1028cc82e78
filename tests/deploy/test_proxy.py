"""What Caddy passes on with the recipe's own file, in front of a stand-in for the app."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
import requests
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from fer.server import middleware
from fer.server.origins import OriginCheck
from fer.settings import Settings
from tests.deploy.recipes import DEPLOY, tool
from tests.e2e.server import free_port


async def seen(request: Request) -> JSONResponse:
    """Answer how the app sees this caller when it trusts its proxy."""
    check = OriginCheck(Settings(proxies=1))
    return JSONResponse({"who": check.client(request), "site": check.own_origin(request)})


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_bytes(await socket.receive_bytes())
    await socket.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start Caddy in front of a fake app and yield its address."""
    caddy, folder = tool("caddy"), tmp_path_factory.mktemp("caddy")
    app = Starlette(
        routes=[WebSocketRoute("/ws/live", echo), Route("/{rest:path}", seen)],
        middleware=middleware(Settings(proxies=1)),
    )
    inside, outside = free_port(), free_port()
    config = uvicorn.Config(app, port=inside, log_config=None, ws="websockets-sansio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    text = (DEPLOY / "school" / "Caddyfile").read_text()
    assert "app:8080" in text
    # Without TLS, which needs a public host name, and without its admin socket.
    file = folder / "Caddyfile"
    file.write_text("{\n\tadmin off\n}\n" + text.replace("app:8080", f"127.0.0.1:{inside}"))
    environ = os.environ | {"HOST": f"http://127.0.0.1:{outside}", "HOME": str(folder)}
    words = [caddy, "run", "--adapter", "caddyfile", "--config", str(file)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, env=environ, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{outside}"
    try:
        end = time.monotonic() + 20
        while not answers(url):
            assert process.poll() is None and time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)
        server.should_exit = True
        thread.join(10)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def test_a_visitor_cannot_forge_another_address(site: str) -> None:
    lies = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": "evil.example"}
    answer = requests.get(f"{site}/who", headers=lies | {"X-Forwarded-Proto": "https"}, timeout=10)
    assert answer.json() == {"who": "127.0.0.1", "site": site}


def test_only_the_sites_own_pages_reach_the_live_socket(site: str) -> None:
    address = site.replace("http:", "ws:") + "/ws/live"
    with connect(address, origin=site) as socket:
        socket.send(b"frame" * 100_000)
        assert socket.recv() == b"frame" * 100_000
    with pytest.raises(Exception, match="403"):
        connect(address, origin="https://evil.example")


def test_the_metrics_are_not_public(site: str) -> None:
    assert requests.get(f"{site}/metrics", timeout=10).status_code == 404


def test_pages_may_ask_for_the_camera_and_no_other_site_for_it(site: str) -> None:
    headers = requests.get(site, timeout=10).headers
    assert "camera=(self)" in headers["Permissions-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert "Server" not in headers or "Caddy" not in headers["Server"]
