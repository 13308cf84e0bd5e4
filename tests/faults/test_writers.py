"""Event writers that die, freeze or are away neither lose nor double what was accepted."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.faults.load import Load
from tests.faults.programs import Writer
from tests.faults.stack import CLAIM_SECONDS, SECONDS, Stack, eventually, rounds

pytestmark = [pytest.mark.full, pytest.mark.faults]

Check = Callable[[Load], None]


def is_busy(writer: Writer) -> bool:
    return writer.held > 0


def is_idle(writer: Writer) -> bool:
    return writer.held == 0


def test_everything_is_stored_once_though_some_is_sent_twice(
    stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    with stack.load(seed) as load:
        time.sleep(SECONDS)
    assert_nothing_lost(load)
    assert load.answers.keys() == {"queued"}


def test_writers_killed_in_the_middle_of_their_transactions(
    stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    with stack.slow_inserts(), stack.load(seed) as load:
        for number in rounds(2):
            writer = stack.writers[number % 2]
            time.sleep(0.7)
            writer.kill()
            writer.start()
    assert_nothing_lost(load)


def test_a_writer_frozen_until_another_has_done_its_work_doubles_nothing(
    stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    with stack.slow_inserts(), stack.load(seed) as load:
        for number in rounds(1):
            frozen = stack.writers[number % 2]
            time.sleep(0.5)
            assert eventually(partial(is_busy, frozen))
            frozen.pause()
            assert eventually(partial(is_idle, frozen)), "nobody took its work over"
            frozen.resume()
            time.sleep(CLAIM_SECONDS)
    assert_nothing_lost(load)


def test_what_was_accepted_while_no_writer_ran_is_stored_later(
    stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    with stack.load(seed) as load:
        for writer in stack.writers:
            writer.stop()
        time.sleep(SECONDS)
        assert stack.waiting()[0] > 0
    for writer in stack.writers:
        writer.start()
    assert_nothing_lost(load)
