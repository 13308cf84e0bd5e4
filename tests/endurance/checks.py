"""The books of the clients against the ledger: what was answered is there, once, and adds up."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import psycopg

from config.loadtest.calls import Call
from config.loadtest.sending import Target
from tests.endurance.chores import DAY, Bills, Listener, Reports, lines_of
from tests.endurance.ledger import Books
from tests.faults.load import amount_of
from tests.faults.stack import UNEQUAL, UNEQUAL_TOTALS

# The platform imports usage from Gcore by itself as well, so each statement names what the clients made.
Ask = Callable[..., list[tuple[Any, ...]]]
EVENTS: Final = """
SELECT e.event_id, (e.metrics->>'amount')::numeric FROM usage_usageevent e
JOIN accounts_tenant t ON t.id = e.tenant_id WHERE t.slug = %s AND starts_with(e.event_id, %s)
"""
STATES: Final = """
SELECT s.build_id::text, array_agg(s.state_code ORDER BY s.seq) FROM builds_buildstate s
JOIN accounts_tenant t ON t.id = s.tenant_id WHERE t.slug = %s GROUP BY 1
"""
COSTS: Final = """
SELECT d.day, count(*), sum(l.billed_cost) FROM inventory_costline l
JOIN inventory_costday d ON d.id = l.cost_day_id
JOIN accounts_tenant t ON t.id = l.tenant_id WHERE t.slug = %s AND d.provider = 'aws' AND d.is_live GROUP BY 1
"""
REPORTS: Final = """
SELECT j.id::text, j.state, j.row_count, count(r.*) FROM gcore_reportjob j
LEFT JOIN gcore_reportrow r ON r.job_id = j.id AND r.tenant_id = j.tenant_id
JOIN accounts_tenant t ON t.id = j.tenant_id WHERE t.slug = %s AND j.start_date = %s GROUP BY 1, 2, 3
"""
ACTIVITY: Final = """
SELECT a.seq FROM accounts_activityentry a JOIN accounts_tenant t ON t.id = a.tenant_id
WHERE t.slug = %s ORDER BY 1
"""
LETTERS: Final = "SELECT reason, count(*) FROM usage_deadletter GROUP BY 1"


def asker(url: str) -> Ask:
    def ask(statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(url) as connection:
            return connection.execute(statement, values or None).fetchall()

    return ask


def differences(ask: Ask, books: Books, target: Target) -> Iterator[str]:
    """Of one tenant's calls: sentences that each name what is not as it was answered."""
    rows = ask(EVENTS, books.tenant, books.name)
    times = Counter(event_id for event_id, _ in rows)
    twice = [event_id for event_id, count in times.items() if count > 1]
    yield from _told("events were answered and are not there", books.events - times.keys())
    yield from _told("events are there that nobody was answered", times.keys() - books.events)
    yield from _told("events are there more than once", twice)
    sent = sum(map(amount_of, books.events), Decimal(0))
    stored = sum((amount for _, amount in rows), Decimal(0))
    if sent != stored:
        yield f"{books.tenant}: the events come to {stored}, and {sent} was sent"
    if (told := _aggregate(target)) != (len(books.events), sent):
        yield f"{books.tenant}: GET /usage/aggregate says {told}, and {len(books.events), sent} was sent"
    yield from _builds(books, dict(ask(STATES, books.tenant)))
    yield from _told("calls were refused", books.refused)


def _builds(books: Books, histories: dict[str, list[int]]) -> Iterator[str]:
    wanted = {build: [0, *codes] for build, codes in books.builds.items()}
    yield from _told("builds are not those that were answered", wanted.keys() ^ histories.keys())
    known = wanted.keys() & histories.keys()
    yield from _told("builds have another history", [b for b in known if wanted[b] != histories[b]])


def _aggregate(target: Target) -> tuple[int, Decimal]:
    """How many events, and what they come to, as the API tells it."""
    connection = target.connect()
    path = "/usage/aggregate?metrics=amount&user_id=fault-test&start_date=2026-11-01&end_date=2026-11-05"
    _, body, _ = target.send(connection, Call("", "GET", path))
    connection.close()
    totals = body["totals"]
    return totals["event_count"], Decimal(totals["metrics"]["amount"]["sum"])


def differences_in_chores(ask: Ask, bills: Bills, reports: Reports, listener: Listener) -> Iterator[str]:
    days = {day: (count, Decimal(cost)) for day, count, cost in ask(COSTS, bills.tenant)}
    wanted = {day: (lines_of(day), cost) for day, cost in bills.days.items()}
    yield from _told("days cost other than was confirmed", [d for d, _ in days.items() ^ wanted.items()])
    found = {job: rest for job, *rest in ask(REPORTS, reports.tenant, DAY)}
    yield from _told("reports were taken on and are not there", set(reports.asked) - found.keys())
    yield from _told("reports did not end", [j for j, (state, *_) in found.items() if state != "completed"])
    if len({tuple(rest) for rest in found.values()}) > 1:
        yield f"{reports.tenant}: the same report has several contents: {json.dumps(found)}"
    seqs = [seq for (seq,) in ask(ACTIVITY, listener.tenant)]
    if seqs != list(range(1, len(seqs) + 1)):
        yield f"{listener.tenant}: the activity has gaps"
    if listener.heard != seqs:
        gone = sorted(set(seqs) - set(listener.heard))
        yield f"{listener.tenant}: {len(listener.heard)} of {len(seqs)} messages were heard, not {gone[:3]}"


def differences_in_sums(ask: Ask) -> Iterator[str]:
    unequal = ask(UNEQUAL) + ask(UNEQUAL_TOTALS)
    yield from _told("sums are not those of their events", unequal)
    yield from _told("events were set aside", ask(LETTERS))


def _told(what: str, found: Any) -> Iterator[str]:
    some: Sequence[Any] = sorted(found, key=str)
    if some:
        yield f"{len(some)} {what}, such as {some[0]}"
