"""Builds in the back office and in a terminal."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import AuditEntry, Tenant, User
from accounts.principals import SYSTEM
from builds.demo import demo_builds_load
from builds.models import Build, BuildState, Channel, Platform
from builds.rules import HEARTBEAT_LOST
from builds.services.reports import Failing, build_fail
from builds.tests.builders import make_build
from builds.tests.test_channels import delivered
from tests.browser import Page, browser
from tests.builders import make_user

BUILDS = "/admin/builds/build/"


def act(user: User, action: str, *builds: Build, **fields: str) -> str:
    """The page after an action that was confirmed."""
    sent = {"action": action, "_selected_action": [str(build.pk) for build in builds], **fields}
    return browser(user).post(BUILDS, {"confirmed": "yes", **sent}, follow=True).content.decode()


def status_of(build: Build) -> tuple[str, int]:
    build.refresh_from_db()
    return build.status, build.attempt


def listed(user: User, query: str) -> set[str]:
    found = browser(user).get(f"{BUILDS}?{query}").context["cl"].result_list
    return {build.build_id for build in found}


def test_the_board_by_phase(acme: Tenant, rival: Tenant, staff: User) -> None:
    demo_builds_load(tenant=acme)
    late = timezone.now() - timedelta(hours=3)
    make_build(rival, "theirs", state_code=95, status="in_progress", entered_at=late, platform="oci")
    Build.objects.filter(build_id__in=["BUILD-2024-001", "BUILD-2024-002"]).update(
        ended_at=timezone.now() - timedelta(days=8)
    )
    answer = browser(staff).get(f"{BUILDS}board/")
    page = Page(answer)
    assert (answer.status_code, page.elements["progress"], page.blocked) == (200, 9, [])
    board = answer.context["board"].columns.items()
    columns = {phase: [card.build.build_id[-3:] for card in cards] for phase, cards in board}
    assert columns == {
        "queued": ["009"], "prepare": [], "build": [], "configure": ["005", "010", "007", "003"],
        "verify": [], "finalize": ["irs"], "delivered": ["008", "006", "004"],
    }  # fmt: skip
    assert [card.overdue for card in answer.context["board"].columns["finalize"]] == [True]
    narrowed = browser(staff).get(f"{BUILDS}board/?tenant=rival&platform=oci").context["board"]
    assert [card.build.build_id for cards in narrowed.columns.values() for card in cards] == ["theirs"]


def test_the_list_and_its_filters(acme: Tenant, staff: User) -> None:
    now = timezone.now()
    make_build(acme, "verified", state_code=85, status="in_progress", heartbeat_at=now - timedelta(hours=1))
    make_build(acme, "late", state_code=20, status="in_progress", entered_at=now - timedelta(hours=2))
    make_build(acme, "broken", state_code=20, status="failed", fault="user")
    make_build(acme, "bad", state_code=100, status="completed", revoked_at=now)
    assert listed(staff, "phase=verify") == {"verified"}
    assert listed(staff, "phase=build") == {"late", "broken"}
    assert listed(staff, "attention=overdue") == {"late"}
    assert listed(staff, "attention=stuck") == {"verified"}
    assert listed(staff, "attention=revoked") == {"bad"}
    assert listed(staff, "status__exact=failed&fault__exact=user") == {"broken"}
    assert listed(staff, "q=lat") == set()
    assert '<progress max="100" value="85">' in browser(staff).get(BUILDS).content.decode()


def test_the_history_is_on_the_page_and_nothing_can_be_written(acme: Tenant, staff: User) -> None:
    demo_builds_load(tenant=acme)
    build = Build.objects.get(build_id="BUILD-2024-003")
    client = browser(staff)
    page = client.get(f"{BUILDS}{build.pk}/change/").content.decode()
    for told in ("SAP_DEPLOY_001", "sap-deployment", "Packer started", "packer-snapshot"):
        assert told in page
    for verb in ("change", "delete"):
        assert client.post(f"{BUILDS}{build.pk}/{verb}/", {"status": "completed"}).status_code == 403
    assert client.get(f"{BUILDS}add/").status_code == 403


def test_a_question_comes_first(acme: Tenant, staff: User) -> None:
    build = make_build(acme)
    form = {"action": "cancel", "_selected_action": [str(build.pk)]}
    assert "Cancel these builds" in browser(staff).post(BUILDS, form).content.decode()
    assert status_of(build) == ("pending", 1)


def test_cancel_does_what_can_be_done(acme: Tenant, staff: User) -> None:
    queued, running = make_build(acme, "q"), make_build(acme, "r", state_code=20, status="in_progress")
    done = make_build(acme, "d", state_code=100, status="completed")
    page = act(staff, "cancel", queued, running, done)
    assert "2 of 3 done" in page
    assert ": Nothing runs that could be cancelled: it is completed." in page
    assert (status_of(queued), status_of(running), status_of(done)) == (
        ("cancelled", 1), ("in_progress", 1), ("completed", 1),
    )  # fmt: skip
    assert running.cancel_requested_at is not None
    assert AuditEntry.objects.get(action="build.cancelled").actor == "user:staff@example.com"


def test_retry_is_a_retry_while_one_is_left_and_then_a_resume(acme: Tenant, staff: User) -> None:
    build = make_build(acme, state_code=20, high_water_code=20, status="in_progress")
    build_fail(by=SYSTEM, build=build, failing=Failing("no"))
    act(staff, "retry", build)
    assert status_of(build) == ("in_progress", 2)
    assert build.resumes.count() == 0
    assert "0 of 1 done" in act(staff, "retry", build)
    for failing in (Failing("for good", retryable=False), Failing("gone", error_code=HEARTBEAT_LOST)):
        build_fail(by=SYSTEM, build=build, failing=failing)
        act(staff, "retry", build)
    assert (status_of(build), build.resumes.count()) == (("in_progress", 4), 2)
    assert BuildState.objects.filter(build=build, left_at=None, entered_at__isnull=False).count() == 1


def test_revoke_and_assign(acme: Tenant, staff: User) -> None:
    one, two = delivered(acme, "one"), delivered(acme, "two")
    assert "small letters" in act(staff, "assign", two, name="Not This")
    assert not Channel.objects.filter(is_managed=False).exists()
    for build in (one, two):
        assert "1 of 1 done" in act(staff, "assign", build, name="production")
    act(staff, "revoke", two, reason="CVE-2026-1")
    two.refresh_from_db()
    assert two.revoked_because == "CVE-2026-1"
    pointed = {channel.name: channel.build for channel in Channel.objects.all()}
    assert pointed == {"latest": one, "production": one}
    page = browser(staff).get(f"/admin/builds/channel/{Channel.objects.get(name='latest').pk}/change/")
    assert "Rolled Back" in page.content.decode()


def test_who_may_only_view_does_nothing(acme: Tenant) -> None:
    build = make_build(acme)
    helper = make_user("helper", is_staff=True)
    assert browser(helper).get(f"{BUILDS}board/").status_code == 403
    helper.user_permissions.add(Permission.objects.get(codename="view_build"))
    helper = User.objects.get(pk=helper.pk)
    act(helper, "cancel", build)
    assert status_of(build) == ("pending", 1)
    assert browser(helper).get(f"{BUILDS}board/").status_code == 200


def test_the_catalogue_is_kept_here(acme: Tenant, staff: User) -> None:
    client = browser(staff)
    path = "/admin/builds/platform/"
    fields = {"slug": "hetzner", "name": "Hetzner", "cloud_provider": "hetzner", "region": "fsn1"}
    client.post(f"{path}add/", fields)
    row = Platform.objects.get(slug="hetzner")
    assert (row.tenant, row.name) == (None, "Hetzner")
    client.post(f"{path}{row.pk}/change/", {**fields, "slug": "other", "name": "Hetzner Cloud"})
    retire = {"action": "retire", "_selected_action": [str(row.pk)], "confirmed": "yes"}
    client.post(path, retire)
    row.refresh_from_db()
    assert (row.slug, row.name, row.is_active) == ("hetzner", "Hetzner Cloud", False)
    client.post(path, {**retire, "action": "bring_back"})
    row.refresh_from_db()
    assert row.is_active
    for noun in ("osversion", "imagetype", "statetemplate", "project", "channel"):
        assert client.get(f"/admin/builds/{noun}/").status_code == 200


@pytest.mark.parametrize("path", [BUILDS, f"{BUILDS}board/"])
def test_queries_do_not_grow(
    acme: Tenant, staff: User, path: str, django_assert_max_num_queries: Any
) -> None:
    client = browser(staff)
    make_build(acme, "first")
    with django_assert_max_num_queries(16) as few:
        client.get(path)
    for number in range(8):
        make_build(acme, f"b-{number}")
    with django_assert_max_num_queries(len(few)):
        client.get(path)


def test_the_board_in_a_terminal(acme: Tenant, rival: Tenant) -> None:
    demo_builds_load(tenant=acme)
    make_build(rival, "theirs")
    out = StringIO()
    call_command("build_report", "acme", stdout=out)
    told = out.getvalue()
    assert "queued (1)" in told
    assert "[###########         ]  55  BUILD-2024-005" in told
    line = next(line for line in told.splitlines() if "BUILD-2024-007" in line)
    assert "failed" in line
    assert "DB_INSTALL_001" in line
    assert "All builds of acme: 1 pending, 1 in progress, 5 completed, 2 failed, 1 cancelled." in told
    assert "theirs" not in told
    out = StringIO()
    call_command("build_report", "acme", platform="gcp", stdout=out)
    assert "BUILD-2024-007" not in out.getvalue()
    with pytest.raises(CommandError, match="no tenant nobody"):
        call_command("build_report", "nobody")
