"""The relay of the recipes, started with their options: it answers over TLS only."""

import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.deploy.recipes import DEPLOY, called, documents, tool
from tests.e2e.server import free_port

COOKIE = bytes.fromhex("2112a442")
BINDING, BOUND = b"\x00\x01", b"\x01\x01"  # STUN's "who am I to you?" and its answer


def compose_words() -> str:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert services["coturn"]["entrypoint"] == ["/bin/sh", "-c"]
    (words,) = services["coturn"]["command"]
    return str(words).replace("$$", "$")


def cluster_words() -> str:
    text = (DEPLOY / "gke" / "overlays" / "school" / "coturn.yaml").read_text()
    (pod,) = [one for one in documents(text) if one["kind"] == "Deployment"]
    (container,) = pod["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["/bin/sh", "-c"]
    (words,) = container["args"]
    return str(words)


@contextmanager
def relay(words: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Run the relay with a new certificate, and yield its TLS port and its plain port."""
    name = "turn.crt" if "turn.crt" in words else "tls.crt"
    files = ["-keyout", folder / name.replace("crt", "key"), "-out", folder / name]
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days=2", "-subj=/CN=turn"]
    made = called(tool("openssl"), *request, *files)
    assert made.returncode == 0, made.stderr
    port, plain = free_port(), free_port()
    words = words.replace("/tls/", f"{folder}/").replace("/tmp/turnserver", f"{folder}/turnserver")
    words = words.replace("-port=5349", f"-port={port}")
    words += f" --listening-ip=127.0.0.1 --listening-port={plain}"
    environ = os.environ | {"FER_TURN_SECRET": "t" * 32, "TURN_HOST": "turn.school.example"}
    log = folder / "log"
    with log.open("w") as lines:
        process = subprocess.Popen(["sh", "-c", words], env=environ, stdout=lines, stderr=lines)
    try:
        end = time.monotonic() + 20
        while not answers(port):
            assert process.poll() is None and time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.1)
        yield port, plain
    finally:
        process.terminate()
        process.wait(10)


def answers(port: int) -> bool:
    """Return True if something accepts TCP connections on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("words", [compose_words, cluster_words])
def test_the_relay_answers_over_tls_and_not_without(
    words: Callable[[], str], tmp_path: Path
) -> None:
    tool("turnserver")
    with relay(words(), tmp_path) as (port, without):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", port), 10) as plain,
            context.wrap_socket(plain) as line,
        ):
            line.sendall(BINDING + b"\x00\x00" + COOKIE + bytes(12))
            assert line.recv(20)[:2] == BOUND
        assert not answers(without)
