"""A web process that is killed or ended takes no accepted event with it."""

import http.client
import json
import threading
import time
from collections.abc import Callable

import pytest

from tests.faults.load import Load, event
from tests.faults.stack import KEYS, Stack, rounds

pytestmark = [pytest.mark.full, pytest.mark.faults]

Check = Callable[[Load], None]


def test_a_web_process_killed_under_load(stack: Stack, seed: str, assert_nothing_lost: Check) -> None:
    with stack.load(seed) as load:
        for _ in rounds(2):
            time.sleep(0.7)
            stack.web.kill()
            stack.web.start()
    assert_nothing_lost(load)
    assert load.answers["no answer"] > 0


def test_a_web_process_told_to_end_answers_what_it_has_begun(
    stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    body = json.dumps(event("acme", f"{seed}-half")).encode()
    connection = http.client.HTTPConnection("127.0.0.1", stack.web.port, timeout=30)
    with stack.load(seed) as load:
        time.sleep(0.5)
        connection.putrequest("POST", "/api/v1/events")
        for name, value in {"X-API-Key": KEYS["acme"], "Content-Type": "application/json"}.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:40])
        time.sleep(0.2)
        end = threading.Thread(target=stack.web.stop)
        end.start()
        time.sleep(0.5)
        connection.send(body[40:])
        response = connection.getresponse()
        answer = json.loads(response.read())
        end.join()
    assert (response.status, answer["status"]) == (202, "queued")
    assert_nothing_lost(load)
    assert ("acme", f"{seed}-half") in {row[:2] for row in stack.stored(seed)}
