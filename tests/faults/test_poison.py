"""What the database refuses is set aside alone, and can be replayed once the cause is gone."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.load import Load, amount_of, event, send_alone
from tests.faults.stack import KEYS, Stack, eventually, manage

pytestmark = [pytest.mark.full, pytest.mark.faults]

Check = Callable[[Load], None]
REPLAY = """
from accounts.principals import SYSTEM
from usage.models import DeadLetter
from usage.services.letters import dead_letters_replay
ids = DeadLetter.objects.filter(event_id="{event_id}").values_list("pk", flat=True)
print(dead_letters_replay(ids=list(ids), by=SYSTEM))
"""


def test_an_event_that_the_database_refuses_is_set_aside_alone(
    stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    poison = f"{seed}-poison"

    def is_taken() -> bool:
        return send_alone(stack.web.port, KEYS["acme"], event("acme", poison))[0] == 202

    stack.sql(f"ALTER TABLE usage_usageevent ADD CONSTRAINT no_poison CHECK (event_id <> '{poison}')")
    try:
        with stack.load(seed) as load:
            assert eventually(is_taken)
            assert eventually(
                lambda: bool(stack.sql("SELECT id FROM usage_deadletter WHERE event_id = %s", poison))
            )
        assert eventually(lambda: stack.waiting() == (0, 0))
        assert poison not in {row[1] for row in stack.stored(seed)}
        assert load.acked <= {row[:2] for row in stack.stored(seed)}
        found = stack.web.get(f"/api/v1/events/{poison}", KEYS["acme"])
        assert (found["status"], "no_poison" in found["reason"]) == ("rejected", True)
    finally:
        stack.sql("ALTER TABLE usage_usageevent DROP CONSTRAINT no_poison")
    # One letter for each time that it was taken; a call that was not answered may have been one.
    assert int(manage(stack.environment, REPLAY.format(event_id=poison))) >= 1
    assert_nothing_lost(load)
    assert stack.stored(poison) == [("acme", poison, amount_of(poison))]


def test_an_entry_that_nobody_can_read_stops_nobody(
    stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    unreadable: Any = stack.stream.xadd(stack.environment["EVENT_STREAM"], {"e": f"{seed}: not an event"})
    with stack.load(seed) as load:
        assert eventually(lambda: len(load.acked) > 50)
    assert_nothing_lost(load)
    letters = stack.sql("SELECT payload FROM usage_deadletter WHERE entry_id = %s", unreadable.decode())
    assert letters == [(f"{seed}: not an event",)]
