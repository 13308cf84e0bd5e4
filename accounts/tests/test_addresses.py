"""The client's address is what our own proxies say, and nothing that a caller writes."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts import addresses
from accounts.addresses import client_address


@pytest.fixture(autouse=True)
def proxies(settings: Any) -> Iterator[None]:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "::1"]
    _forget()
    yield
    _forget()


def _forget() -> None:
    addresses._trusted.cache_clear()
    addresses._walk.cache_clear()


@pytest.mark.parametrize(
    ("remote", "forwarded", "wanted"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "<script>", ""),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_first_hop_that_is_not_ours_counts(remote: str, forwarded: str, wanted: str) -> None:
    assert client_address({"REMOTE_ADDR": remote, "HTTP_X_FORWARDED_FOR": forwarded}) == wanted


def test_without_proxies_nobody_is_believed(settings: Any) -> None:
    settings.TRUSTED_PROXIES = []
    addresses._trusted.cache_clear()
    environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "198.51.100.1"}
    assert client_address(environ) == "127.0.0.1"
