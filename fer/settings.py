"""The settings in environment variables `FER_…`. All are optional.

    FER_MODEL     folder of the network to use, or a run folder; default: the shipped one in model/
    FER_RUNTIME   onnx (default) or keras, which needs TensorFlow
    FER_DETECTOR  auto (default), haar, centerface or yunet
    FER_DETECTOR_FILES  folder searched for YuNet's file before the user's cache folder
    FER_LIVE      how a browser sends its frames: auto (default), webrtc or socket
    FER_ICE_SERVERS  WebRTC's servers in JSON as in browsers, [{"urls": "stun:HOST"}]; default: none
    FER_TURN_URL  a coturn server, turns:HOST?transport=tcp, or several separated by commas
    FER_TURN_SECRET  coturn's static-auth-secret, which makes credentials for each lesson
    FER_RELAY_ONLY  1: connect through the TURN server only, never directly; default: 0
    FER_DATABASE_URL  where lessons are stored: any SQLAlchemy URL, such as
                  postgresql://USER:PASSWORD@HOST/NAME; default: a file in the user's data folder
    FER_REGION    EU, or one of its countries, such as FR: switches Live and Video off, because the
                  law there forbids them
    FER_MEDICAL_OR_SAFETY  1: a medical or safety reason, which the law allows; default: 0
    FER_MAX_SESSIONS  how many lessons may run at once; default: 16
    FER_MAX_UPLOAD  megabytes that an uploaded recording may have; default: Streamlit's setting, 500
    FER_SECRET    signs the live page's tokens, at least 16 characters; several servers behind one
                  address need the same; default: one kept in the user's cache folder
    FER_SITE      the site's address, such as https://school.example; default: none, and only this
                  computer's names and the address that the server listens on are answered
    FER_HOSTS     further host names that the site is called by, such as a.org,*.b.org
    FER_ORIGINS   other sites whose pages may call this server, such as https://a.org,https://b.org
    FER_PROXIES   how many proxies stand before the server, each of which adds an address to
                  X-Forwarded-For and sets X-Forwarded-Proto; default: 0
    FER_TRUST_PROXY  1: the same as FER_PROXIES=1

Only app.py and the command line read them; other modules get values passed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

from fer.errors import UsageError
from fer.net import Ice, plain_address, servers_from
from fer.vision.classifier import MODEL_FOLDER
from fer.vision.detect import KINDS, Kind

Runtime = Literal["onnx", "keras"]
Choice = TypeVar("Choice", bound=str)
Transport = Literal["auto", "webrtc", "socket"]
RUNTIMES: Final[tuple[Runtime, ...]] = get_args(Runtime)
TRANSPORTS: Final[tuple[Transport, ...]] = get_args(Transport)
EU: Final = re.compile(
    "EU|AT|BE|BG|CY|CZ|DE|DK|EE|ES|FI|FR|GR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK"
)
NO: Final = ("0", "no", "false", "off")
YES: Final = ("1", "yes", "true", "on")
SHORTEST_SECRET: Final = 16
ORIGIN: Final = re.compile(r"https?://[^/\s,?#@]+")
HOST: Final = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
MOST_PROXIES: Final = 8


@dataclass(frozen=True)
class Settings:
    """The settings of the app and the command line."""

    model: Path = MODEL_FOLDER
    runtime: Runtime = "onnx"
    detector: Kind = "auto"
    detector_files: Path | None = None
    live: Transport = "auto"
    ice: Ice = field(default_factory=Ice)
    database_url: str | None = field(default=None, repr=False)  # it may hold a password
    region: str = ""
    medical_or_safety: bool = False
    max_sessions: int = 16
    max_upload: int | None = None  # megabytes
    secret: str | None = field(default=None, repr=False)
    site: str = ""  # its origin
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    proxies: int = 0

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings in the environment; an empty value counts as not set.

        >>> Settings.from_env({"FER_RUNTIME": "keras"}).runtime
        'keras'
        """
        return cls(
            model=_folder(environ.get("FER_MODEL")) or MODEL_FOLDER,
            runtime=_one_of(RUNTIMES, environ.get("FER_RUNTIME"), "FER_RUNTIME"),
            detector=_one_of(KINDS, environ.get("FER_DETECTOR"), "FER_DETECTOR"),
            detector_files=_folder(environ.get("FER_DETECTOR_FILES")),
            live=_one_of(TRANSPORTS, environ.get("FER_LIVE"), "FER_LIVE"),
            ice=_ice(environ),
            database_url=environ.get("FER_DATABASE_URL", "").strip() or None,
            region=_region(environ.get("FER_REGION")),
            medical_or_safety=_yes(environ.get("FER_MEDICAL_OR_SAFETY"), "FER_MEDICAL_OR_SAFETY"),
            max_sessions=_count(environ.get("FER_MAX_SESSIONS"), "FER_MAX_SESSIONS") or 16,
            max_upload=_count(environ.get("FER_MAX_UPLOAD"), "FER_MAX_UPLOAD"),
            secret=_secret(environ.get("FER_SECRET"), "FER_SECRET"),
            site=_site(environ.get("FER_SITE"), "FER_SITE"),
            hosts=_hosts(environ.get("FER_HOSTS"), "FER_HOSTS"),
            origins=_origins(environ.get("FER_ORIGINS"), "FER_ORIGINS"),
            proxies=_proxies(environ),
        )

    @property
    def forbidden(self) -> bool:
        """Return True if the law of the region forbids reading a class."""
        return bool(EU.fullmatch(self.region)) and not self.medical_or_safety


def _folder(value: str | None) -> Path | None:
    return Path(value).expanduser() if value else None


def _one_of(choices: tuple[Choice, ...], value: str | None, name: str) -> Choice:
    """Return the choice with this value, or the first choice if there is no value."""
    if not value:
        return choices[0]
    for choice in choices:
        if value == choice:
            return choice
    *others, last = choices
    raise UsageError(f"{name} is {value!r}: use {', '.join(others)} or {last}")


def _yes(value: str | None, name: str) -> bool:
    return _one_of(NO + YES, value, name) in YES


def _region(value: str | None) -> str:
    """Return the region in capital letters; refuse other spellings, which would avoid the law."""
    region = (value or "").strip().upper()
    if region and not re.fullmatch(r"[A-Z]{2}", region):
        raise UsageError(f"FER_REGION is {value!r}: use two letters, such as EU or IN")
    return region


def _ice(environ: Mapping[str, str]) -> Ice:
    urls = [url.strip() for url in environ.get("FER_TURN_URL", "").split(",")]
    try:
        return Ice(
            servers=servers_from(environ.get("FER_ICE_SERVERS") or "[]"),
            turn_urls=tuple(url for url in urls if url),
            turn_secret=environ.get("FER_TURN_SECRET") or None,
            relay_only=_yes(environ.get("FER_RELAY_ONLY"), "FER_RELAY_ONLY"),
        )
    except UsageError as fault:
        raise UsageError(f"FER_ICE_SERVERS, FER_TURN_URL: {fault}") from fault


def _count(value: str | None, name: str) -> int | None:
    if not value:
        return None
    if not re.fullmatch(r"[0-9]{1,4}", value.strip()) or not int(value):
        raise UsageError(f"{name} is {value!r}: use a number from 1 to 9999")
    return int(value)


def _secret(value: str | None, name: str) -> str | None:
    """Return the secret, or raise an error that does not show it."""
    if value and len(value) < SHORTEST_SECRET:
        raise UsageError(f"{name} is too short: use at least {SHORTEST_SECRET} characters")
    return value or None


def _origins(value: str | None, name: str) -> tuple[str, ...]:
    parts = (value or "").lower().split(",")
    origins = tuple(part.strip().rstrip("/") for part in parts if part.strip())
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise UsageError(
                f"{name}: {origin!r} is not a site: write it like https://school.example"
            )
    return origins


def _site(value: str | None, name: str) -> str:
    origins = _origins(value, name)
    if len(origins) > 1:
        raise UsageError(f"{name} names several sites: name one, and the others in FER_HOSTS")
    return origins[0] if origins else ""


def _hosts(value: str | None, name: str) -> tuple[str, ...]:
    hosts = tuple(part.strip().strip("[]") for part in (value or "").lower().split(","))
    for host in filter(None, hosts):
        if not HOST.fullmatch(host) and plain_address(host) is None:
            raise UsageError(
                f"{name}: {host!r} is not a host name: write it like school.example, without a port"
            )
    return tuple(filter(None, hosts))


def _proxies(environ: Mapping[str, str]) -> int:
    trusted = _yes(environ.get("FER_TRUST_PROXY"), "FER_TRUST_PROXY")
    value = environ.get("FER_PROXIES", "").strip()
    if not value:
        return int(trusted)
    if not re.fullmatch("[0-9]", value) or int(value) > MOST_PROXIES:
        raise UsageError(f"FER_PROXIES is {value!r}: use a number from 0 to {MOST_PROXIES}")
    return int(value)
