"""Several reporters at one build at the same moment: one wins, nothing is lost or doubled."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts.errors import Conflict
from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from builds.models import Build, BuildFailure, BuildState, Resume
from builds.rules import Report, Status
from builds.services.builds import build_create
from builds.services.moves import Entry
from builds.services.reports import Failing, build_fail, build_report
from builds.services.resumes import build_resume
from builds.tests.conftest import MADE_OF

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call gave: its value, or the code of the rule that refused it."""
    start, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number: int, call: Callable[[], Any]) -> None:
        try:
            start.wait(20)
            answers[number] = call()
        except Conflict as conflict:
            answers[number] = conflict.extra["code"]
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def report(build: Build, code: int, status: Status | None = None) -> Any:
    return build_report(by=SYSTEM, build=build, report=Report(code, status), entry=Entry()).changed


def fail(build: Build) -> Any:
    return build_fail(by=SYSTEM, build=build, failing=Failing("x"))[0].changed


def test_reporters_that_race(acme: Tenant) -> None:
    build = build_create(by=SYSTEM, tenant=acme, build_id="b", made_of=MADE_OF).build
    # the same report: one counts, the others repeat it
    assert Counter(at_once(*[lambda: report(build, 25)] * 6)) == {True: 1, False: 5}
    # different ones: whoever comes after a higher code is refused
    codes = (30, 35, 40, 45, 50, 55)
    answers = at_once(*[lambda code=code: report(build, code) for code in codes])
    taken = [code for code, answer in zip(codes, answers, strict=True) if answer is True]
    rows = BuildState.objects.filter(build=build, state_code__gt=25).order_by("seq")
    assert sorted(rows.values_list("state_code", flat=True)) == list(
        rows.values_list("state_code", flat=True)
    )
    assert list(rows.values_list("state_code", flat=True)) == taken
    assert taken[-1] == 55
    assert set(answers) <= {True, "state_regression"}
    # an end against a failure
    first, second = at_once(
        lambda: report(build, 100),
        lambda: build_fail(by=SYSTEM, build=build, failing=Failing("x"))[0].changed,
    )
    assert (first, second) in {(True, "build_terminal"), ("resume_required", True)}
    stored = Build.objects.get()
    assert stored.status == ("completed" if first is True else "failed")
    assert BuildFailure.objects.count() == (0 if first is True else 1)
    history = BuildState.objects.filter(build=build).order_by("seq").values_list("seq", flat=True)
    assert list(history) == list(range(1, stored.seq + 1))
    assert ActivityEntry.objects.filter(type__startswith="build.").count() == stored.seq


def test_creations_retries_and_resumes_that_race(acme: Tenant) -> None:
    def create() -> bool:
        return build_create(by=SYSTEM, tenant=acme, build_id="b", made_of=MADE_OF).changed

    assert Counter(at_once(*[create] * 4)) == {True: 1, False: 3}
    build = Build.objects.get()
    report(build, 25, Status.FAILED)
    assert Counter(at_once(*[lambda: report(build, 25)] * 4)) == {True: 1, False: 3}
    assert Build.objects.get().attempt == 2
    report(build, 25, Status.FAILED)
    resume = [lambda n=n: build_resume(by=SYSTEM, build=build, run_id=f"r{n}")[2] for n in range(4)]
    assert Counter(at_once(*resume)) == {True: 1, "resume_in_progress": 3}
    assert (Resume.objects.count(), Build.objects.get().attempt) == (1, 3)
