"""A school's network on one machine: server, browser and relay, each in a network of its own.

Between server and browser nothing but TCP gets through, as on Cloud Run. Made and removed by the
tests; nothing outside the namespaces is touched.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.e2e.conftest import Server

HOSTS = {"server": "10.77.0.1", "browser": "10.77.0.2", "relay": "10.77.0.3"}
NOBODY = "10.77.0.9"  # an address at which nobody answers, not even to refuse
TURN_PORT = 3478
ASK = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode(), end="")
"""


@dataclass(frozen=True)
class Network:
    """The three hosts' namespaces."""

    names: dict[str, str]

    def on(self, host: str) -> list[str]:
        """What to put before a command to run it on that host."""
        return ["ip", "netns", "exec", self.names[host]]

    def block(self, host: str, address: str) -> None:
        """From now on that host can't reach that address."""
        _ip("-n", self.names[host], "rule", "add", "pref", "11", "to", address, "prohibit")


def missing() -> str | None:
    """Why no such network can be made here; None if it can."""
    if shutil.which("ip") is None:
        return "no `ip` here (Debian: iproute2)"
    if shutil.which("turnserver") is None:
        return "no `turnserver` here (Debian: coturn)"
    probe = f"fer-probe-{os.getpid()}"
    tried = _ip("netns", "add", probe, check=False)
    if tried.returncode:
        return f"no network namespaces can be made here: {tried.stderr.strip()}"
    _ip("netns", "del", probe)
    return None


@contextmanager
def tcp_only() -> Iterator[Network]:
    """The network, until the block ends."""
    names = {host: f"fer-{host}-{os.getpid()}" for host in HOSTS}
    relay = names["relay"]
    with ExitStack() as made:
        for name in names.values():
            _ip("netns", "add", name)
            made.callback(_ip, "netns", "del", name, check=False)
            _ip("-n", name, "link", "set", "lo", "up")
        # A switch on the relay's host, and a cable from each of the others into it.
        _ip("-n", relay, "link", "add", "switch", "type", "bridge")
        _ip("-n", relay, "address", "add", f"{HOSTS['relay']}/24", "dev", "switch")
        _ip("-n", relay, "link", "set", "switch", "up")
        for host in ("server", "browser"):
            name = names[host]
            _ip("-n", name, "link", "add", "cable", "type", "veth", "peer", host, "netns", relay)
            _ip("-n", name, "address", "add", f"{HOSTS[host]}/24", "dev", "cable")
            _ip("-n", name, "link", "set", "cable", "up")
            _ip("-n", name, "route", "add", "default", "via", HOSTS["relay"])
            _ip("-n", relay, "link", "set", host, "master", "switch", "up")
            _ip("-n", name, "rule", "add", "pref", "10", "ipproto", "udp", "prohibit")
        yield Network(names)


class Inside(Server):
    """A server on the network's server host."""

    network: Network

    @property
    def url(self) -> str:
        return f"http://{HOSTS['server']}:{self.port}"

    def command(self, address: str) -> list[str]:
        return [*self.network.on("server"), *super().command("0.0.0.0")]

    def answer(self, path: str) -> str | None:
        words = [sys.executable, "-c", ASK, self.url + path]
        said = subprocess.run([*self.network.on("browser"), *words], capture_output=True, text=True)
        return said.stdout if said.returncode == 0 else None


@contextmanager
def coturn(network: Network, secret: str) -> Iterator[None]:
    """A TURN server over TCP on the relay's host, until the block ends."""
    address = HOSTS["relay"]
    words = ["-n", "--no-udp", "--no-tls", "--no-dtls", "--no-cli", "--realm=school.example"]
    words += [f"--listening-ip={address}", f"--relay-ip={address}", f"--listening-port={TURN_PORT}"]
    words += ["--use-auth-secret", f"--static-auth-secret={secret}", "--log-file=stdout"]
    process = subprocess.Popen(
        [*network.on("relay"), "turnserver", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def _ip(*words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True, timeout=10)
