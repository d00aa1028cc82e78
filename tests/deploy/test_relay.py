"""The relay of the recipes, started with their options: it answers over TLS only, to no address."""

import hashlib
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import yaml
from aioice import stun

from fer.net import Ice
from tests.deploy.recipes import DEPLOY, called, documents, tool
from tests.e2e.server import free_port

COOKIE = bytes.fromhex("2112a442")
OWN = '$(hostname -i | cut -d" " -f1)'  # in a container its one address
SECRET = "t" * 32
UDP, TCP = 0x11000000, 0x06000000  # what is to be relayed
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
    assert OWN in words
    words = words.replace(OWN, own_address())
    words += f" --listening-ip=127.0.0.1 --listening-port={plain}"
    environ = os.environ | {"FER_TURN_SECRET": SECRET, "TURN_HOST": "turn.school.example"}
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


def own_address() -> str:
    """Return an address of this machine that is not loopback; skip the test if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        found = str(probe.getsockname()[0])
    return found if not found.startswith("127.") else pytest.skip("no address but loopback")


class Visitor:
    """A client of the relay with the credentials that a lesson's page gets."""

    def __init__(self, port: int, lesson_id: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.line = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10))
        ice = Ice(turn_urls=("turns:h?transport=tcp",), turn_secret=SECRET)
        self.told = ice.for_lesson(lesson_id, time.time())[-1]
        self.known: dict[str, object] = {}

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()

    def ask(self, method: stun.Method, **attributes: object) -> int:
        """Send a request; return 0 if it is granted, or the error's number."""
        for _ in range(2):  # the first answer holds the realm and the nonce
            request = stun.Message(method, stun.Class.REQUEST)
            request.attributes.update(
                {name.replace("_", "-"): value for name, value in attributes.items()}
            )
            if self.known:
                request.attributes.update(USERNAME=self.told["username"], **self.known)
                words = (self.told["username"], self.known["REALM"], self.told["credential"])
                key = hashlib.md5(":".join(map(str, words)).encode()).digest()
                request.add_message_integrity(key)
            self.line.sendall(bytes(request))
            answer = self.read()
            number = answer.attributes.get("ERROR-CODE", (0, ""))[0]
            if number not in (401, 438):
                return int(number)
            self.known = {name: answer.attributes[name] for name in ("REALM", "NONCE")}
        return int(number)

    def read(self) -> stun.Message:
        data = b""
        while len(data) < 20 or len(data) < 20 + int.from_bytes(data[2:4], "big"):
            part = self.line.recv(4096)
            assert part, "the relay hung up"
            data += part
        return stun.parse_message(data)


@pytest.mark.parametrize("words", [compose_words, cluster_words])
def test_the_relay_reaches_nothing_but_itself(words: Callable[[], str], tmp_path: Path) -> None:
    tool("turnserver")
    with relay(words(), tmp_path) as (port, _), Visitor(port, "lesson-one") as visitor:
        assert visitor.ask(stun.Method.ALLOCATE, REQUESTED_TRANSPORT=UDP) == 0

        def permission(address: str) -> int:
            return visitor.ask(stun.Method.CREATE_PERMISSION, XOR_PEER_ADDRESS=(address, 9))

        inside = ["10.0.0.5", "172.18.0.2", "192.168.1.1", "100.64.0.1", "169.254.169.254"]
        for address in (*inside, "127.0.0.1", "0.0.0.0", "203.0.113.9"):
            assert permission(address) == 403, address
        assert permission(own_address()) == 0
        with Visitor(port, "lesson-two") as another:
            assert another.ask(stun.Method.ALLOCATE, REQUESTED_TRANSPORT=TCP) == 442


def test_one_lesson_cannot_take_all_relays(tmp_path: Path) -> None:
    tool("turnserver")
    with relay(compose_words(), tmp_path) as (port, _), ExitStack() as stack:
        visitors = [stack.enter_context(Visitor(port, "lesson-one")) for _ in range(6)]
        asked = [one.ask(stun.Method.ALLOCATE, REQUESTED_TRANSPORT=UDP) for one in visitors]
        assert asked == [0, 0, 0, 0, 486, 486]
        another = stack.enter_context(Visitor(port, "lesson-two"))
        assert another.ask(stun.Method.ALLOCATE, REQUESTED_TRANSPORT=UDP) == 0


@pytest.mark.parametrize("words", [compose_words, cluster_words])
def test_the_secret_is_in_no_command_line(words: Callable[[], str], tmp_path: Path) -> None:
    tool("turnserver")
    with relay(words(), tmp_path):
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line = (process / "cmdline").read_bytes()
                assert b"turnserver" not in line or SECRET.encode() not in line
    assert (tmp_path / "turnserver.conf").stat().st_mode & 0o077 == 0


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
