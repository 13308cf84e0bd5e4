"""Passwords and tokens are in no log line, error, traceback or repr, and in no other header than theirs."""

import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from gcore.client import Credentials, GcoreClient
from gcore.client.words import words_of
from gcore.errors import GcoreError
from gcore.simulator import API_TOKEN, PASSWORD, Simulator

WRONG = "hunter2-is-not-the-password"


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that was logged or printed, at every level."""
    caplog.set_level(logging.DEBUG)

    def everything() -> str:
        return caplog.text + "".join(capfd.readouterr())

    return everything


def failure(client: GcoreClient) -> str:
    with pytest.raises(GcoreError) as failed:
        client.who_am_i()
    return "".join(traceback.format_exception(failed.value)) + str(failed.value.body())


def test_no_secret_is_said(
    credentials: Callable[..., Credentials],
    gcore_simulator: Simulator,
    said: Callable[[], str],
    waits: list[float],
) -> None:
    good, wrong = credentials(), credentials(password=WRONG)
    permanent, false = credentials(api_token=API_TOKEN), credentials(api_token="1001_notarealtoken")
    texts = [repr(good), str(permanent), failure(GcoreClient(wrong)), failure(GcoreClient(false))]
    GcoreClient(good).who_am_i()
    sent = gcore_simulator.state.calls[-1].headers["authorization"].removeprefix("Bearer ")
    for echo in (PASSWORD, API_TOKEN, sent, f"Bad token: {sent[-40:]}"):
        gcore_simulator.state.add_fault(path=".*/me", status=500, body=f'{{"message": "{echo}"}}', times=4)
        texts += [failure(GcoreClient(good if echo != API_TOKEN else permanent))]
    gcore_simulator.state.add_fault(path=".*/me", drop=True, times=4)
    texts += [failure(GcoreClient(good)), said()]
    told = "\n".join(texts)
    assert "gcore_call_failed" in told
    assert "No active account found" in told
    for secret in (PASSWORD, WRONG, API_TOKEN, API_TOKEN[5:], "notarealtoken", sent, sent[-40:]):
        assert secret not in told


def test_a_netrc_of_the_machine_is_not_used(
    credentials: Callable[..., Credentials],
    gcore_simulator: Simulator,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(file))
    GcoreClient(credentials()).who_am_i()
    assert [call.headers.get("authorization", "")[:7] for call in gcore_simulator.state.calls] == [
        "",
        "Bearer ",
    ]


def test_a_redirect_is_not_followed(
    credentials: Callable[..., Credentials], gcore_simulator: Simulator
) -> None:
    target = {"Location": f"{gcore_simulator.url}/iam/clients/me"}
    gcore_simulator.state.add_fault(status=302, headers=target)
    assert "302" in failure(GcoreClient(credentials(api_token=API_TOKEN)))
    assert len(gcore_simulator.state.calls) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"detail": "Bad token: abcdef123"}', "Bad token: [hidden]"),
        (b'{"detail": "the abcdef123456 (abcdef123456)"}', "the [hidden] ([hidden])"),
        (b'{"detail": "clients"}', "clients"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
        (b"[]", ""),
        (b"{" * 100, "{" * 100),
        (b'{"message": "' + b"x" * 900 + b'"}', "x" * 500),
    ],
)
def test_words_are_short_and_without_parts_of_secrets(body: bytes, words: str) -> None:
    assert words_of(body, ["1001_abcdef123456"]) == words
