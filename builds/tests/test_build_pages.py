"""Builds in the console: the board, the list, one build with its timeline, cancelled and resumed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Tenant, User
from accounts.principals import SYSTEM
from builds.models import Artifact, Build, BuildState, Project, Resume, Variable
from builds.queries.timeline import build_timeline
from builds.rules import Report, Status
from builds.services.moves import Entry
from builds.services.reports import Failing, build_fail, build_report
from builds.tests.builders import make_build
from tests.browser import Page, browser
from tests.builders import make_user

BUILDS = "/console/builds"
HTMX = {"hx-request": "true"}


def columns(html: str) -> dict[str, list[str]]:
    """The names of the builds on the board, by phase."""
    found = {}
    for part in html.split('<section class="column')[1:]:
        phase = part.partition('id="phase-')[2].partition('"')[0]
        names = [link.partition(">")[2].partition("<")[0] for link in part.split('id="link-')[1:]]
        found[phase] = names
    return found


def report(build: Build, code: int, **fields: Any) -> None:
    build_report(by=SYSTEM, build=build, report=Report(code, **fields), entry=Entry())


def test_a_card_stands_in_the_column_of_its_phase_and_moves(acme: Tenant, viewer: User) -> None:
    build = make_build(acme)
    client = browser(viewer)
    page = client.get(BUILDS)
    before = columns(page.content.decode())
    assert list(before) == ["queued", "prepare", "build", "configure", "verify", "finalize", "delivered"]
    assert before["queued"] == ["build-1"]
    report(build, 25)
    part = client.get(BUILDS, headers=HTMX).content.decode()
    assert "<html" not in part
    moved = columns(part)
    assert [phase for phase, names in moved.items() if names] == [build_phase(build, 25)]


def build_phase(build: Build, code: int) -> str:
    phase: str = build.template.codes.get(code=code).phase
    return phase


def test_the_page_follows_the_stream_from_where_its_rows_end(acme: Tenant, viewer: User) -> None:
    build = make_build(acme)
    report(build, 5)
    html = browser(viewer).get(BUILDS).content.decode()
    assert f'data-stream="/ws/activity-stream/{acme.pk}" data-since="1"' in html
    assert 'data-live="build" hx-get="/console/builds" hx-trigger="live"' in html
    one = browser(viewer).get(f"{BUILDS}/{build.pk}").content.decode()
    assert f'data-live="{build.pk}" hx-get="/console/builds/{build.pk}"' in one


def test_what_ended_long_ago_is_in_the_list_alone(acme: Tenant, viewer: User) -> None:
    long_ago = timezone.now() - timedelta(days=8)
    make_build(acme, "old", status=Status.COMPLETED, state_code=100, ended_at=long_ago, entered_at=long_ago)
    client = browser(viewer)
    assert "Nothing is being built" in client.get(BUILDS).content.decode()
    assert ">old</a>" in client.get(f"{BUILDS}/all").content.decode()


def test_the_board_and_the_list_are_filtered(acme: Tenant, viewer: User) -> None:
    plain = make_build(acme, "plain")
    project = Project.objects.create(tenant=acme, slug="web", name="Web", template=plain.template)
    make_build(acme, "azure", platform="azure", project=project)
    make_build(acme, "done", status=Status.FAILED, ended_at=timezone.now())
    client = browser(viewer)
    for query, names in (
        ("", {"plain", "azure", "done"}),
        ("platform=azure", {"azure"}),
        ("project=web", {"azure"}),
        ("platform=aws-commercial&project=web", set()),
    ):
        shown = columns(client.get(f"{BUILDS}?{query}").content.decode())
        assert {name for column in shown.values() for name in column} == names
    for query, names in (("status=failed", {"done"}), ("build_id=az", {"azure"}), ("build_id=none", set())):
        rows = client.get(f"{BUILDS}/all?{query}").context["builds"]
        assert {build.build_id for build, _ in rows} == names
    assert "No build matches" in client.get(f"{BUILDS}/all?build_id=none").content.decode()


def test_empty_pages_say_what_to_do(acme: Tenant, viewer: User, owner: User) -> None:
    for path in (BUILDS, f"{BUILDS}/all"):
        assert "POST /builds" in browser(viewer).get(path).content.decode()
    assert "Create an API key" in browser(owner).get(BUILDS).content.decode()
    assert "Create an API key" not in browser(viewer).get(BUILDS).content.decode()


def test_a_timeline_has_each_attempt_and_how_long_it_took(acme: Tenant) -> None:
    began = datetime(2026, 3, 10, 12, tzinfo=UTC)
    with time_machine.travel(began, tick=False) as clock:
        build = make_build(acme, entered_at=began, created_at=began)
        for minutes, code in ((10, 5), (40, 10)):
            clock.move_to(began + timedelta(minutes=minutes))
            report(build, code)
        clock.move_to(began + timedelta(minutes=60))
        failing = Failing("No space left", "DISK", "packer", {}, "infrastructure")
        build_fail(by=SYSTEM, build=build, failing=failing, code=10)
        clock.move_to(began + timedelta(minutes=80))
        report(build, 10)
        clock.move_to(began + timedelta(minutes=100))
        build = Build.objects.get(pk=build.pk)
        build.tenant = acme
        steps = build_timeline(build)
    told = [
        (step.row.state_code, step.row.attempt, step.outcome, step.took, step.start, step.width)
        for step in steps
    ]
    minute = timedelta(minutes=1)
    assert told == [
        (0, 1, "completed", 10 * minute, 0, 10),
        (5, 1, "completed", 30 * minute, 10, 30),
        (10, 1, "failed", 20 * minute, 40, 20),
        (10, 2, "in_progress", 20 * minute, 80, 20),
    ]  # fmt: skip
    assert steps[2].message == "No space left"


def test_a_build_shows_its_failures_artifacts_and_masked_secrets(acme: Tenant, viewer: User) -> None:
    build = make_build(acme)
    report(build, 20)
    build_fail(by=SYSTEM, build=build, failing=Failing("<b>broken</b>", "E1", "packer", {"disk": 3}), code=20)
    Artifact.objects.create(
        tenant=acme, build=build, state_code=20, name="snapshot", type="ami", storage_type="s3",
        path="s3://images/1", size_bytes=2048,
    )  # fmt: skip
    Variable.objects.create(tenant=acme, build=build, key="REGION", value="eu-1")
    Variable.objects.create(tenant=acme, build=build, key="TOKEN", value="hush", is_secret=True)
    response = browser(viewer).get(f"{BUILDS}/{build.pk}")
    html = response.content.decode()
    for text in ("&lt;b&gt;broken&lt;/b&gt;", "E1", "s3://images/1", "2.0", "eu-1", "******"):
        assert text in html
    assert "hush" not in html
    assert "Resume this build" not in html  # a viewer may not
    assert Page(response).blocked == []


def test_a_member_asks_a_build_to_stop(acme: Tenant, member: User) -> None:
    build = make_build(acme)
    report(build, 20)
    client = browser(member)
    assert "Cancel this build" in client.get(f"{BUILDS}/{build.pk}").content.decode()
    answer = client.post(f"{BUILDS}/{build.pk}/cancel", {"reason": "wrong base"}, follow=True)
    assert "The build is asked to stop." in answer.content.decode()
    assert "asked to stop</span>" in answer.content.decode()
    build.refresh_from_db()
    assert (build.status, build.cancel_requested_at is not None) == (Status.IN_PROGRESS, True)
    answer = client.post(f"{BUILDS}/{build.pk}/cancel", {"force": "on"}, follow=True)
    assert "The build is cancelled." in answer.content.decode()
    again = client.post(f"{BUILDS}/{build.pk}/cancel")
    assert again.status_code == 409
    assert "Nothing runs that could be cancelled: it is cancelled." in again.content.decode()


def test_a_member_resumes_a_failed_build_where_it_is_asked(acme: Tenant, member: User) -> None:
    build = make_build(acme)
    report(build, 20)
    build_fail(by=SYSTEM, build=build, failing=Failing("broken"), code=20)
    client = browser(member)
    html = client.get(f"{BUILDS}/{build.pk}").content.decode()
    assert '<option value="20" selected>' in html
    assert '<option value="25"' not in html
    refused = client.post(f"{BUILDS}/{build.pk}/resume", {"resume-from_state": "25"})
    assert (refused.status_code, Resume.objects.count()) == (400, 0)
    sent = {"resume-from_state": "10", "resume-reason": "disk grown"}
    answer = client.post(f"{BUILDS}/{build.pk}/resume", sent, follow=True)
    assert "The build goes on at 10." in answer.content.decode()
    resume = Resume.objects.get()
    assert (resume.from_code, resume.reason, resume.requested_by) == (
        10,
        "disk grown",
        "user:member@example.com",
    )


def test_only_those_who_write_act_and_nobody_on_builds_of_others(
    acme: Tenant, viewer: User, stranger: User
) -> None:
    build = make_build(acme)
    for person, status in ((viewer, 403), (stranger, 404)):
        for verb in ("cancel", "resume"):
            assert browser(person).post(f"{BUILDS}/{build.pk}/{verb}").status_code == status
    assert browser(stranger).get(f"{BUILDS}/{build.pk}").status_code == 404
    assert "build-1" not in browser(stranger).get(BUILDS).content.decode()
    assert BuildState.objects.count() == 1


def test_guests_get_no_page_about_builds(acme: Tenant) -> None:
    guest = make_user("guest", acme, "guest")
    build = make_build(acme)
    for path in (BUILDS, f"{BUILDS}/all", f"{BUILDS}/{build.pk}"):
        assert browser(guest).get(path).status_code == 403


@pytest.mark.parametrize("path", ["", "/all"])
def test_queries_do_not_grow_with_builds(
    acme: Tenant, viewer: User, path: str, django_assert_max_num_queries: Any
) -> None:
    client = browser(viewer)
    make_build(acme, "first")
    with django_assert_max_num_queries(14) as few:
        client.get(f"{BUILDS}{path}")
    for number in range(5):
        make_build(acme, f"more-{number}")
    with django_assert_max_num_queries(len(few)):
        client.get(f"{BUILDS}{path}")
