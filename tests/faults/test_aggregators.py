"""Aggregators that die in the middle of their work leave no sum that is not that of its events."""

import random
import time
from collections.abc import Callable

import pytest

from tests.faults.load import Load
from tests.faults.stack import CLAIM_SECONDS, Stack, eventually, rounds

pytestmark = [pytest.mark.full, pytest.mark.faults]

Check = Callable[[Load], None]


def test_two_aggregators_and_a_writer_killed_at_random(
    stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    dice = random.Random(seed)
    for _ in rounds(1):
        victims = [*stack.aggregators, dice.choice(stack.writers)]
        dice.shuffle(victims)
        with stack.slow_inserts(0.05), stack.slow_inserts(0.05, "usage_rollup"), stack.load(seed) as load:
            for victim in victims:
                time.sleep(dice.uniform(0.1, 0.8))
                victim.kill()
        assert_nothing_lost(load)


def test_a_frozen_aggregator_spoils_no_sum(stack: Stack, seed: str, assert_nothing_lost: Check) -> None:
    """It goes on, much later, with what it had begun, though more events came meanwhile."""
    with stack.slow_inserts(0.1, "usage_rollup"), stack.load(seed) as load:
        time.sleep(0.4)
        stack.aggregators[0].pause()
        time.sleep(CLAIM_SECONDS)
        stack.aggregators[0].resume()
    assert_nothing_lost(load)


def test_while_no_aggregator_works_the_marks_wait(
    stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    for aggregator in stack.aggregators:
        aggregator.pause()
    with stack.load(seed) as load:
        assert eventually(lambda: len(load.acked) > 50)
    assert eventually(lambda: stack.waiting() == (0, 0))
    assert stack.marked() > 0
    assert stack.unequal() != []
    stack.heal()
    assert_nothing_lost(load)
