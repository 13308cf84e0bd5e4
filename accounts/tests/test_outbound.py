"""Calls to addresses that tenants choose."""

import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from accounts import outbound
from accounts.errors import ValidationFailed
from accounts.outbound import Refused, check_url, is_public, post
from accounts.tests.receiver import Receiver


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "192.88.99.1", "::1", "::", "::7f00:1", "fe80::1",
        "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "fd00:ec2::254",
    ],
)  # fmt: skip
def test_what_is_not_the_internet(text: str) -> None:
    assert not is_public(text)


@pytest.mark.parametrize("text", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_what_is_the_internet(text: str) -> None:
    assert is_public(text)


@pytest.mark.parametrize(
    "url",
    [
        "", "hook", "http://example.com/", "ftp://example.com/", "https://", "https:///path",
        "https://name:word@example.com/", "https://example.com:22/", "https://example.com:99999/",
        "https://example.com:x/", "https://exa mple.com/", "https://example.com/\r\nX: y", "https://[::1/",
        "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f.1/",
        "https://0177.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/",
    ],
)  # fmt: skip
def test_a_url_that_is_refused(url: str) -> None:
    with pytest.raises(ValidationFailed) as raised:
        check_url(url)
    assert raised.value.errors[0]["field"] == "url"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/a?b=c",
        "https://1.1.1.1/",
        "https://xn--mnchen-3ya.de/",
    ],
)
def test_a_url_that_is_taken(url: str) -> None:
    check_url(url)


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> list[str]:
    """Every name means these addresses; the names that were asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_every_address_of_a_name_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolve_to(monkeypatch, ("1.1.1.1", 443), ("10.0.0.1", 443))
    monkeypatch.setattr(socket, "socket", lambda *args: pytest.fail("it was called"))
    with pytest.raises(Refused):
        post("https://two.example.com/", b"{}", {})
    assert asked == ["two.example.com"]


def test_the_call_goes_to_the_address_that_was_checked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = receiver.port
    asked = resolve_to(monkeypatch, ("127.0.0.1", port))
    answer = post(f"http://hook.example.com:{port}/x", b"{}", {"X-A": "b"})
    assert (answer.status, asked) == (204, ["hook.example.com"])
    (message,) = receiver.got
    assert message.headers["host"] == f"hook.example.com:{port}"
    assert (message.path, message.body, message.headers["x-a"]) == ("/x", b"{}", "b")


def test_an_answer_that_drips_for_ever(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte in good time, the whole never: the call ends at its deadline."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    monkeypatch.setattr(outbound, "TOTAL_SECONDS", 0.5)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            channel, _ = listener.accept()
            with channel:
                channel.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
                while not stop.wait(0.05):
                    try:
                        channel.sendall(b"a")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            post(f"http://127.0.0.1:{listener.getsockname()[1]}/", b"{}", {})
        seconds = time.monotonic() - started
        stop.set()
        thread.join(10)
    assert 0.4 < seconds < 5


def test_the_certificate_must_be_the_hosts(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also when the connection goes to a number: the name of the URL is what counts."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    certificate = certificate_for("hook.example.com", tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(outbound, "_tls", lambda: trusting)
    with Receiver(serving) as server:
        port = server.port
        resolve_to(monkeypatch, ("127.0.0.1", port))
        assert post(f"https://hook.example.com:{port}/", b"{}", {}).status == 204
        with pytest.raises(ssl.SSLCertVerificationError):
            post(f"https://other.example.com:{port}/", b"{}", {})
        monkeypatch.setattr(outbound, "_tls", ssl.create_default_context)
        with pytest.raises(ssl.SSLCertVerificationError):
            post(f"https://hook.example.com:{port}/", b"{}", {})
    assert len(server.got) == 1


def certificate_for(name: str, folder: Path) -> Path:
    """A file with a certificate that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(certificate.public_bytes(pem) + plain)
    return path


def test_nobody_listens(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        post(f"http://127.0.0.1:{port}/", b"{}", {})
