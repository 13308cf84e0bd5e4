"""The client's address, believed only from the proxies that we run."""

import ipaddress
from collections.abc import Mapping
from functools import cache, lru_cache

from django.conf import settings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@cache
def _trusted() -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(item, strict=False) for item in settings.TRUSTED_PROXIES)


def _is_trusted(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _trusted())


def client_address(environ: Mapping[str, object]) -> str:
    """Walk X-Forwarded-For from our side and stop at the first hop that is not ours."""
    return _walk(str(environ.get("REMOTE_ADDR") or ""), str(environ.get("HTTP_X_FORWARDED_FOR") or ""))


@lru_cache(maxsize=4096)
def _walk(address: str, forwarded: str) -> str:
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while hops and _is_trusted(address):
        address = hops.pop()
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""
