"""The benches still do what they say, with little."""

from typing import Any

import pytest
from django.core.cache import cache

from accounts.models import Tenant
from bench import fleet, gcore
from bench.builds import QUESTIONS, asked
from bench.month import load, load_late
from bench.questions import Asker, aggregate, timed
from builds.models import Build, BuildState
from gcore.simulator import PASSWORD, USERNAME, Simulator
from tests.builders import make_key
from usage.models import DirtyHour, Rollup, UsageEvent

pytestmark = [pytest.mark.full, pytest.mark.django_db]


def test_every_question_has_an_answer(acme: Tenant) -> None:
    load(acme.pk, 2000)
    asker = Asker(acme, make_key(acme, "read")[1])
    asker.define_meters()
    aggregate()
    assert not DirtyHour.objects.exists()
    counts = Rollup.objects.filter(level="day").values_list("count", flat=True)
    assert sum(counts) == UsageEvent.objects.count() == 2000
    for name, goal, ask in asker.questions():
        assert ask()
        assert timed(name, goal, ask, rounds=1).queries > 0
    load_late(acme.pk, 100)
    assert DirtyHour.objects.count() == 24
    aggregate()
    assert sum(Rollup.objects.filter(level="day").values_list("count", flat=True)) == 2100


def test_a_report_is_stored_and_given_out(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    monkeypatch.setattr("gcore.report_files.STREAMED", 0)
    key = make_key(acme, "read")[1]
    settings.REPORT_POLL_INTERVAL = 0.01
    with Simulator() as simulator:
        simulator.state.set_knobs(file=gcore.report_text(20))
        settings.GCORE_API_BASE = simulator.url
        settings.GCORE_USERNAME, settings.GCORE_PASSWORD = USERNAME, PASSWORD
        gcore.store("acme")
    gcore.csv(key)
    gcore.xlsx(key)
    told = capsys.readouterr().out
    assert "parsed, filtered and stored (18 rows kept, 2 of others left out)" in told
    assert told.count("goal") == 6


def test_what_people_ask_of_builds_keeps_its_budget_of_queries(acme: Tenant) -> None:
    """However many there are: the budgets of the bench hold here too."""
    fleet.load(acme.pk, 600)
    assert BuildState.objects.count() == 12 * Build.objects.count() == 7200
    states = BuildState.objects.filter(entered_at__isnull=False, left_at=None)
    assert set(states.values_list("build__status", flat=True)) == {"pending", "in_progress"}
    asker = Asker(acme, make_key(acme, "read")[1])
    for question in QUESTIONS:
        ask = asked(question, asker, cache)
        ask()  # what a process remembers costs a query the first time
        assert timed(question.name, question.goal_ms, ask, rounds=1).queries == question.queries, question
    summary = asker.get("/dashboard/summary", {})
    assert summary["status_counts"] == {
        "pending": 1, "in_progress": 11, "completed": 534, "failed": 42, "cancelled": 12,
    }  # fmt: skip
