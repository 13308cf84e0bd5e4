"""A web process that is killed or ended takes no accepted event with it."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

import pytest

from tests.faults.load import Load, event
from tests.faults.programs import Web
from tests.faults.stack import KEYS, Stack, eventually, rounds

pytestmark = [pytest.mark.full, pytest.mark.faults]

Check = Callable[[Load], None]
ROWS: Final = 10_000


def test_processes_that_take_events_killed_under_load(
    stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    with stack.load(seed) as load:
        for number in rounds(2):
            time.sleep(0.7)
            process = (stack.web, stack.intake)[number % 2]
            unanswered = load.answers["no answer"]
            process.kill()
            assert eventually(lambda before=unanswered: load.answers["no answer"] > before)  # type: ignore[misc]
            process.start()
    assert_nothing_lost(load)


@pytest.mark.parametrize("kind", ["web", "intake"])
def test_a_process_told_to_end_answers_what_it_has_begun(
    kind: str, stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    process: Web = getattr(stack, kind)
    body = json.dumps(event("acme", f"{seed}-half")).encode()
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=30)
    with stack.load(seed) as load:
        time.sleep(0.5)
        connection.putrequest("POST", "/api/v1/events")
        for name, value in {"X-API-Key": KEYS["acme"], "Content-Type": "application/json"}.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:40])
        time.sleep(0.2)
        end = threading.Thread(target=process.stop)
        end.start()
        time.sleep(0.5)
        connection.send(body[40:])
        response = connection.getresponse()
        answer = json.loads(response.read())
        end.join()
    assert (response.status, answer["status"]) == (202, "queued")
    assert_nothing_lost(load)
    assert ("acme", f"{seed}-half") in {row[:2] for row in stack.stored(seed)}


def test_a_file_that_a_kill_cuts_off_is_seen_to_be_broken_and_comes_whole_again(
    stack: Stack, seed: str
) -> None:
    ids = [f"{seed}-file-{number}" for number in range(ROWS)]
    for start in range(0, ROWS, 1000):
        events = [event("rival", event_id, user_id=seed) for event_id in ids[start : start + 1000]]
        assert stack.web.send("/api/v1/events/batch", {"events": events}, KEYS["rival"]) == 202
    assert eventually(lambda: len(stack.stored(f"{seed}-file")) == ROWS)
    cut = exported(stack, seed)
    assert cut.read(1000)
    stack.web.kill()
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        cut.read()
    stack.web.start()
    whole = exported(stack, seed).read().decode().splitlines()
    assert len(whole) == 1 + ROWS
    assert len(set(whole)) == len(whole)


def exported(stack: Stack, user: str) -> http.client.HTTPResponse:
    """An answer on its way to a client who takes little at once."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.settimeout(30)
    narrow.connect(("127.0.0.1", stack.web.port))
    connection = http.client.HTTPConnection("127.0.0.1", stack.web.port)
    connection.sock = narrow
    connection.request("GET", f"/api/v1/usage/export?user_id={user}", headers={"X-API-Key": KEYS["rival"]})
    return connection.getresponse()
