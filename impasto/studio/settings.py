"""What a studio server is told when it starts."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """What a request may ask of the server.

    upload: bytes of a request. film: of an uploaded film. pixels: of an uploaded picture, and of a film's. files: in a
    request. stylizing: requests that are stylized or wait for it. jobs: that wait on each device. seconds: for a
    request to arrive; for a film, without any of it arriving.
    """

    upload: int = 64_000_000
    film: int = 4_000_000_000
    pixels: int = 60_000_000
    files: int = 8
    stylizing: int = 16
    jobs: int = 8
    seconds: float = 60.0


@dataclass(frozen=True)
class StudioSettings:
    """Of a server.

    host, port: where it listens. token: what requests must show, or None. content: name → folder of photographs that
    may be trained on. folder: where trained styles and their runs are kept. device: see `optimize`. hosts: further
    names that browsers may call this server by. prepare: whether the styles' files for browsers are made at once, so
    that the first page need not wait.
    """

    host: str = "127.0.0.1"
    port: int = 8642
    token: str | None = None
    content: Mapping[str, Path] = field(default_factory=dict)
    folder: Path = Path("impasto-studio")
    device: str = "auto"
    hosts: tuple[str, ...] = ()
    prepare: bool = False
    limits: Limits = Limits()

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Names that a request may call this server by: other names may have been made to lead here by other sites."""
        return frozenset({"localhost", "127.0.0.1", "::1", self.host.lower(), *(host.lower() for host in self.hosts)})


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server there."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
