"""Random calls in random order, held against a ledger on paper: every figure equal to the last digit.

LEDGER_EXAMPLES sets how many histories are tried.
"""

import json
import os
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from unittest.mock import patch

import pytest
from django.db.models import Count
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.models import Tenant
from accounts.principals import SYSTEM
from accounts.redis_link import RedisAway, client
from accounts.sql import ExactSum
from accounts.wire import encode
from tests.builders import make_key, make_tenant
from tests.ledger_model import Ledger, Sent, moment_of, total
from usage import queue, writer
from usage.models import DeadLetter, DirtyHour, DuplicateReceipt, Statement, UsageEvent
from usage.queries.dispositions import event_disposition
from usage.queries.statements import adjustments_of, frozen_basis, lines_of, statement_problems
from usage.queries.sums import sums
from usage.rollups import recompute_all
from usage.services.letters import dead_letters_replay
from usage.services.prices import price_rule_create
from usage.services.statements import statement_adjust, statement_close
from usage.sql import MetricNumber, SentCost

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]

EXAMPLES: Final = int(os.environ.get("LEDGER_EXAMPLES", "8"))
BOUNDED: Final = settings(
    max_examples=EXAMPLES,
    stateful_step_count=20,
)
MARCH: Final = date(2026, 3, 1)
SINGLE: Final = "/api/v1/events"
BATCH: Final = "/api/v1/events/batch"
# Few, so that they meet: the first two are one moment, and a month ends between the next two.
MOMENTS: Final = (
    "2026-03-10T12:00:00Z",
    "2026-03-10T14:00:00+02:00",
    "2026-03-31T23:59:59.999999Z",
    "2026-04-01T00:00:00Z",
    "2026-03-29T00:30:00.000001Z",
    "1999-12-31T23:00:00Z",
)
# Windows that begin and end within hours, at days, and far from any event.
EDGES: Final = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 10, 12, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 3, 29, tzinfo=UTC),
    datetime(2026, 4, 1, tzinfo=UTC),
    datetime(2200, 1, 1, tzinfo=UTC),
)
NUMBERS: Final = st.sampled_from(
    [0, 1, -3, 10**37, Decimal("0.1"), Decimal("0.2"), Decimal("1.50"), Decimal("1E-30"), Decimal("-7.25")]
)
OTHERS: Final = st.sampled_from([True, None, "12", [1], {"a": 1}])
METRICS: Final = st.dictionaries(st.sampled_from(["tokens", "gb"]), NUMBERS | OTHERS, max_size=2)
BILLING: Final = st.fixed_dictionaries(
    {},
    optional={
        "total_cost": NUMBERS | st.sampled_from(["0.10", "-2.5", "1E-7"]),
        "currency": st.sampled_from(["USD", "EUR"]),
    },
)
CONTENT: Final[dict[str, st.SearchStrategy[Any]]] = {
    "user_id": st.sampled_from(["anna", "bo"]),
    "service_type": st.sampled_from(["compute", "storage"]),
    "service_provider": st.sampled_from(["aws", "gcore"]),
    "event_type": st.sampled_from(["hours", "bytes"]),
    "metrics": METRICS,
    "billing_info": BILLING,
    "metadata": st.sampled_from([{}, {"model": "m"}, {"tier": "t"}]),
}
CHANGES: Final = st.fixed_dictionaries({}, optional={**CONTENT, "timestamp": st.sampled_from(MOMENTS)})
IDS: Final = st.sampled_from([f"e{n}" for n in range(8)])


@st.composite
def events(draw: st.DrawFn, ids: st.SearchStrategy[str] = IDS) -> Sent:
    sent = {name: draw(values) for name, values in CONTENT.items()}
    moment = draw(st.sampled_from((*MOMENTS, None)))
    return {"event_id": draw(ids), **sent, **({} if moment is None else {"timestamp": moment})}


class Machine(RuleBasedStateMachine):
    """The platform beside its model. Entries wait in the real queue until a rule takes some out of it."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Ledger()
        self.client = Client()
        self.sent: list[Sent] = []
        self.waiting: list[list[Sent]] = []
        self.unacked: list[queue.RawEntry] = []
        self.statement: Statement | None = None

    @initialize()
    def found_a_tenant(self) -> None:
        self.tenant: Tenant = make_tenant(f"t-{uuid.uuid4().hex[:12]}")
        self.headers = {"X-API-Key": make_key(self.tenant, "ingest")[1]}
        self.admin_headers = {"X-API-Key": make_key(self.tenant, "admin")[1]}
        client().delete("skyledger:events")  # what a history that was broken off has left there
        queue.readers()[0].ensure_group()
        price_rule_create(
            by=SYSTEM, tenant=self.tenant, service_type="compute", unit="tokens", currency="EUR",
            scheme="per_unit", tiers=[{"rate": "0.01"}], valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip

    # What senders do.

    @rule(event=events(), direct=st.booleans())
    def send_one(self, event: Sent, direct: bool) -> None:
        self._send([event], single=True, direct=direct)

    @rule(batch=st.lists(events(), min_size=1, max_size=6), direct=st.booleans())
    def send_a_batch(self, batch: list[Sent], direct: bool) -> None:
        self._send(batch, single=False, direct=direct)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), single=st.booleans(), direct=st.booleans())
    def send_again(self, data: st.DataObject, single: bool, direct: bool) -> None:
        self._send([data.draw(st.sampled_from(self.sent))], single=single, direct=direct)

    def _send(self, batch: list[Sent], *, single: bool, direct: bool) -> None:
        self.sent += batch
        if not direct:
            status, answer = self._post(batch, single)
            self.waiting.append(batch)
            expected = ["queued"] * len(batch)
        else:
            with patch.object(queue, "append", side_effect=RedisAway):
                status, answer = self._post(batch, single)
            expected = [self.model.take(event) for event in batch]
        if single:
            assert status == (409 if expected == ["conflict"] else 202), answer
            assert answer.get("status") == (None if status == 409 else expected[0])
            return
        assert status == 202, answer
        assert [result["status"] for result in answer["results"]] == [s for s in expected if s != "conflict"]
        failed = [place for place, status in enumerate(expected) if status == "conflict"]
        assert [failure["index"] for failure in answer["failed_events"]] == failed

    def _post(self, batch: list[Sent], single: bool) -> tuple[int, Any]:
        named = [{**event, "tenant_id": self.tenant.slug} for event in batch]
        path, body = (SINGLE, encode(named[0])) if single else (BATCH, encode({"events": named}))
        answer = self.client.post(path, body, content_type="application/json", headers=self.headers)
        return answer.status_code, json.loads(answer.content)

    # What writers do.

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), dies=st.booleans())
    def write_some(self, data: st.DataObject, dies: bool) -> None:
        """Two writers take entries and finish in either order; one that dies has not struck them off."""
        count = data.draw(st.integers(1, len(self.waiting)))
        entries = queue.readers()[0].read("model", count, block_ms=1)
        assert len(entries) == count
        order = data.draw(st.permutations(range(count)))
        for place in order:
            for event in self.waiting[place]:
                self.model.take(event)
        del self.waiting[:count]
        cut = data.draw(st.integers(0, count))
        for group in (order[:cut], order[cut:]):
            writer.apply([entries[place] for place in group])
        if dies:
            self.unacked += entries
        else:
            queue.readers()[0].done([entry_id for entry_id, _ in entries])

    @precondition(lambda self: self.unacked)
    @rule()
    def write_again_what_a_dead_writer_left(self) -> None:
        writer.apply(self.unacked)
        queue.readers()[0].done([entry_id for entry_id, _ in self.unacked])
        self.unacked = []

    # What people and schedules do.

    @precondition(lambda self: self.model.revisions)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        event_id = data.draw(st.sampled_from(sorted(self.model.revisions)))
        expected = 409 if event_id in self.model.ended else 201
        assert self._correct(event_id, "void", {}) == expected
        self.model.void(event_id)

    @precondition(lambda self: self.model.revisions)
    @rule(data=st.data(), changes=CHANGES)
    def amend(self, data: st.DataObject, changes: Sent) -> None:
        self._amend(data.draw(st.sampled_from(sorted(self.model.revisions))), changes)

    @rule(event=events(), moment=st.sampled_from(MOMENTS), changes=CHANGES)
    def amend_what_the_rollups_hold(self, event: Sent, moment: str, changes: Sent) -> None:
        """The marks are this call's alone; it may move the usage to another hour, month or service."""
        self._send([event], single=True, direct=True)
        self.aggregate()
        self._amend(event["event_id"], {**changes, "timestamp": moment})

    def _amend(self, event_id: str, changes: Sent) -> None:
        expected = 409
        if event_id not in self.model.ended:
            expected = 201 if self.model.amend(event_id, changes) else 400
        assert self._correct(event_id, "amend", changes) == expected

    def _correct(self, event_id: str, verb: str, changes: Sent) -> int:
        body = encode({"reason": "a test", **changes})
        path = f"{SINGLE}/{event_id}/{verb}"
        return self.client.post(
            path, body, content_type="application/json", headers=self.admin_headers
        ).status_code

    @rule()
    def aggregate(self) -> None:
        list(recompute_all())

    @rule()
    def replay_the_letters(self) -> None:
        """A conflict stays one however often it is tried."""
        letters = DeadLetter.objects.filter(tenant=self.tenant).values_list("pk", flat=True)
        assert dead_letters_replay(ids=list(letters), by=SYSTEM) == 0

    @precondition(lambda self: self.statement is None)
    @rule()
    def close_march(self) -> None:
        self.statement = statement_close(by=SYSTEM, tenant=self.tenant, month=MARCH)

    @precondition(lambda self: self.statement is not None)
    @rule()
    def adjust_march(self) -> None:
        assert self.statement is not None
        statement_adjust(by=SYSTEM, statement=self.statement)

    # What must hold.

    @invariant()
    def every_event_that_counts_counts_once(self) -> None:
        rows = UsageEvent.objects.for_tenant(self.tenant).live().values_list("event_id", flat=True)
        assert Counter(rows) == Counter(self.model.counted.keys())

    @invariant()
    def raw_sums_are_exact(self) -> None:
        found = raw_sums(self.tenant)
        assert found["count"] == self.model.counts()
        assert found["costs"] == self.model.costs()
        assert found["metrics"] == self.model.metrics()

    @invariant()
    def sums_over_rollups_and_marked_hours_are_exact(self) -> None:
        found = covered_sums(self.tenant)
        assert found["count"] == self.model.counts()
        assert found["costs"] == self.model.costs()
        assert found["metrics"] == self.model.metrics()

    def teardown(self) -> None:
        while self.waiting:
            self._drain()
        if self.unacked:
            self.write_again_what_a_dead_writer_left()
        self.every_event_that_counts_counts_once()
        self.raw_sums_are_exact()
        self.aggregate()
        assert not DirtyHour.objects.for_tenant(self.tenant).exists()
        self.sums_over_rollups_and_marked_hours_are_exact()
        self._each_id_ended_well()
        if self.statement is not None:
            self._the_month_is_billed_exactly(self.statement)

    def _drain(self) -> None:
        entries = queue.readers()[0].read("model", 1, block_ms=1)
        assert len(entries) == 1
        for event in self.waiting.pop(0):
            self.model.take(event)
        writer.apply(entries)
        queue.readers()[0].done([entry_id for entry_id, _ in entries])

    def _each_id_ended_well(self) -> None:
        for event_id in {event["event_id"] for event in self.sent}:
            found = event_disposition(tenant=self.tenant, event_id=event_id)
            assert (found.status, found.voided_at is None) == ("stored", event_id not in self.model.ended)
            assert len(found.revisions) == len(self.model.revisions[event_id])
            assert all(correction.is_genuine for correction in found.corrections)
        repeated = DuplicateReceipt.objects.for_tenant(self.tenant).values_list("event_id", flat=True)
        assert set(repeated) == self.model.duplicates
        kept: Counter[str] = Counter()
        for letter in DeadLetter.objects.filter(tenant=self.tenant, kind="conflict"):
            kept[letter.event_id] += len(json.loads(letter.payload))
        assert kept == {key: len(contents) for key, contents in self.model.conflicts.items()}

    def _the_month_is_billed_exactly(self, statement: Statement) -> None:
        statement_adjust(by=SYSTEM, statement=statement)
        assert statement_adjust(by=SYSTEM, statement=statement) is None
        assert statement_problems(statement) == []
        billed: list[Any] = list(statement.lines.all())
        billed += [line for adjustment in adjustments_of(statement) for line in adjustment.lines.all()]
        basis = frozen_basis(statement)
        known = lines_of(self.tenant, basis, None)
        assert by_kind(billed) == by_kind(known)
        march = [
            sent
            for sent in self.model.counted.values()
            if (moment := moment_of(sent)) is not None and basis.starts_at <= moment < basis.ends_at
        ]
        compute = [sent["metrics"]["tokens"] for sent in march if is_priced(sent)]
        quantities = [("tokens", line.quantity) for line in billed if line.unit == "tokens"]
        assert total(quantities).get("tokens", 0) == total(("tokens", Decimal(n)) for n in compute).get(
            "tokens", 0
        )


def is_priced(sent: Sent) -> bool:
    number = sent["metrics"].get("tokens")
    return sent["service_type"] == "compute" and type(number) in (int, Decimal)


def by_kind(lines: Sequence[Any]) -> dict[Any, Decimal]:
    keys = ("service_type", "service_provider", "model", "unit", "rule_id", "currency")
    sums = total(
        ((name, *(getattr(line, key) for key in keys)), getattr(line, name))
        for line in lines
        for name in ("quantity", "unrounded", "amount")
    )
    return {key: number for key, number in sums.items() if number}


def raw_sums(tenant: Tenant) -> dict[str, Any]:
    live = UsageEvent.objects.for_tenant(tenant).live().order_by()
    rows = live.values("service_type").annotate(
        n=Count("pk"), tokens=ExactSum(MetricNumber("tokens")), gb=ExactSum(MetricNumber("gb"))
    )
    found = {row["service_type"]: row for row in rows}
    costs = live.values("service_type", "billing_info__currency").annotate(cost=ExactSum(SentCost()))
    return {
        "count": {service: row["n"] for service, row in found.items()},
        "costs": total(
            ((row["service_type"], row["billing_info__currency"] or "USD"), row["cost"])
            for row in costs
            if row["cost"] is not None
        ),
        "metrics": {
            (service, name): row[name]
            for service, row in found.items()
            for name in ("tokens", "gb")
            if row[name] is not None
        },
    }


def covered_sums(tenant: Tenant) -> dict[str, Any]:
    parts = sums(tenant=tenant, edges=EDGES, group_by=["service_type"], metrics=["tokens", "gb"], costs=True)
    counts: Counter[str] = Counter()
    for part in parts:
        counts[part.group[0]] += part.tally.count
    return {
        "count": counts,
        "costs": total(
            ((part.group[0], currency), cost) for part in parts for currency, cost in part.tally.costs.items()
        ),
        "metrics": total(
            ((part.group[0], name), measure.sum)
            for part in parts
            for name, measure in part.tally.metrics.items()
        ),
    }


def test_every_history_of_calls_ends_in_the_sums_on_paper() -> None:
    run_state_machine_as_test(Machine, settings=BOUNDED)


@settings(BOUNDED)
@given(data=st.data(), batch=st.lists(events(), min_size=2, max_size=12, unique_by=lambda e: e["event_id"]))
def test_the_order_and_the_size_of_batches_change_nothing(data: st.DataObject, batch: list[Sent]) -> None:
    """The same events, some of them repeated, permuted and cut in another way: the same sums."""
    found = []
    for _ in range(2):
        machine = Machine()
        machine.found_a_tenant()
        order = data.draw(st.permutations([*batch, *batch[: data.draw(st.integers(0, len(batch)))]]))
        while order:
            size = data.draw(st.integers(1, len(order)))
            machine._send(order[:size], single=False, direct=data.draw(st.booleans()))
            order = order[size:]
        machine.teardown()
        found.append(raw_sums(machine.tenant))
        assert machine.model.conflicts == {}
    assert found[0] == found[1]
