"""The environment's proxies and certificates: none stands before a server on this machine, and faults name a variable.

The HTTP library reads all of these variables when a client is made, for whatever server, and raises errors of all kinds
that name none of them.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

from eval.errors import ConfigError

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name certificate authorities."""
_SCHEMES = ("http", "https", "socks5", "socks5h")


def client_options(url: str) -> dict[str, Any]:
    """Return the options of an HTTP client for one server. Raises ConfigError, naming the variable that is wrong."""
    host = urlsplit(url).hostname or ""
    is_direct = is_loopback(host) or _is_exempt(host)
    if not is_direct:
        _check_proxies(", or name its host in NO_PROXY")
    # No certificate is looked at without encryption, and one that cannot be read would stand before it all the same.
    is_plain = is_direct and urlsplit(url).scheme == "http"
    return {"verify": False if is_plain else ssl_context(), "trust_env": not is_direct}


def check_all() -> None:
    """Raise ConfigError, naming the variable, where a library that reads all of the environment can make no client."""
    _check_proxies()
    ssl_context()


def hub_address() -> str:
    """Return the address of the model hub that is asked, without a password in it."""
    from huggingface_hub import constants

    parts = urlsplit(constants.ENDPOINT)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))  # also 127.1
        except (OSError, UnicodeError):
            return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or (mapped or address).is_unspecified


@cache
def ssl_context() -> ssl.SSLContext:
    """Return the SSL context of all pools; loading the certificate authorities takes longer than some calls.

    Raises ConfigError where the environment names authorities that are not there or cannot be read.
    """
    given = {name: os.environ[name] for name in _CERTIFICATES if os.environ.get(name)}
    for name, place in given.items():
        if not (Path(place).is_dir() if name == "SSL_CERT_DIR" else Path(place).is_file()):
            what = "folder" if name == "SSL_CERT_DIR" else "file"
            raise ConfigError(f"{name}={place[:200]!r} names no {what} that is there; correct it or unset it.")
    try:
        import httpx2

        return httpx2.create_ssl_context()
    except (OSError, ValueError) as error:
        named = " and ".join(f"{name}={place[:200]!r}" for name, place in given.items())
        raise ConfigError(
            f"{named or 'The certificate authorities'} cannot be read as certificates ({error}); correct or unset it."
        ) from error


def _is_exempt(host: str) -> bool:
    """Whether NO_PROXY exempts a host: by its name, a domain's ending, or a range of addresses."""
    for entry in getproxies_environment().get("no", "").split(","):
        named = re.sub(r"(?<!:):\d+\Z", "", entry.strip().lower()).strip("[]")
        ending = named.removeprefix("*").lstrip(".")
        if named == "*" or (ending and f".{host.lower()}".endswith(f".{ending}")):
            return True
        try:
            if ipaddress.ip_address(host) in ipaddress.ip_network(named, strict=False):
                return True
        except ValueError:
            continue
    return False


def _check_proxies(otherwise: str = "") -> None:
    """Raise ConfigError where a proxy's address is of no use. It is not repeated, since it may hold a password."""
    proxies = getproxies_environment()
    for kind in ("http", "https", "all"):  # the library sets up each of them, whichever it needs
        address = proxies.get(kind, "")
        if not address:
            continue
        variable = next((name for name in (f"{kind}_proxy", f"{kind}_proxy".upper()) if os.environ.get(name)), kind)
        remedy = f"or unset {variable}{otherwise}"
        try:
            parts = urlsplit(address if "://" in address else f"http://{address}")
            is_sound = bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_sound, parts = False, urlsplit("")
        if not is_sound or parts.scheme not in _SCHEMES:
            of = f" of the kind {parts.scheme[:20]}://" if parts.scheme else ""
            raise ConfigError(
                f"{variable} names a proxy{of} that cannot be used; give http://host:port or socks5://host:port, "
                f"{remedy}."
            )
        if parts.scheme.startswith("socks") and not _has_socks():
            raise ConfigError(
                f"{variable} names a SOCKS proxy, which takes the package socksio: pip install socksio, {remedy}."
            )


def _has_socks() -> bool:
    from importlib.util import find_spec

    return find_spec("socksio") is not None
