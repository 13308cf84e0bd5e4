"""The audit finds secrets by their form, and does not call well what it could not ask about."""

import base64
import zlib
from typing import Any

import pytest

from tests.audit import secrets_in, tell

BODY = "sky_0123456789ab_" + "x" * 32


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-----BEGIN RSA " + "PRIVATE KEY-----", True),
        ("AKI" + "AIOSFODNN7EXAMPL2", True),
        ("token=ghp" + "_" + "a" * 36, True),
        ("whsec" + "_" + base64.b64encode(bytes(32)).decode(), True),
        (f"{BODY}{zlib.crc32(BODY.encode()):08x}", True),
        (f"{BODY}00000000", False),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", False),
        ("test-api-key", False),
    ],
)
def test_secrets_are_known_by_their_form(text: str, found: bool) -> None:
    assert bool(list(secrets_in([f"+value = '{text}'"]))) is found


@pytest.mark.parametrize(
    ("answer", "well", "said"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], True, "0 known holes in 1 packages\n"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}],
            False,
            "a 1: CVE-1, fixed in 2",
        ),
        ([{"name": "a", "skip_reason": "not found"}], True, "NOT AUDITED: 1 packages"),
    ],
)
def test_what_could_not_be_asked_is_said(
    capsys: pytest.CaptureFixture[str], answer: list[dict[str, Any]], well: bool, said: str
) -> None:
    assert tell(answer) is well
    assert said in capsys.readouterr().out
