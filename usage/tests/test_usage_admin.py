"""Usage in the back office."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import Tenant, User
from accounts.principals import Principal
from accounts.wire import encode
from tests.browser import browser
from tests.builders import make_user
from usage.models import Correction, DeadLetter, UsageEvent
from usage.services.corrections import event_amend

EVENTS = "/admin/usage/usageevent/"
LETTERS = "/admin/usage/deadletter/"
CORRECTIONS = "/admin/usage/correction/"
CHANGES = {"user_id": "ben", "service_type": "compute", "service_provider": "aws", "event_type": "hours"}
ROW = {
    "event_id": "e-dead",
    "timestamp": "2026-03-10T12:00:00Z",
    "user_id": "anna",
    "service_type": "compute",
    "service_provider": "aws",
    "event_type": "hours",
}


@pytest.fixture
def letter(acme: Tenant) -> DeadLetter:
    return DeadLetter.objects.create(
        tenant=acme, entry_id="1-0", event_id="e-dead", payload=encode([ROW]).decode(), reason="too large"
    )


def make_event(tenant: Tenant, event_id: str) -> UsageEvent:
    return UsageEvent.objects.create(tenant=tenant, event_id=event_id, timestamp="2026-03-10T12:00Z")


def test_events_are_found_by_their_whole_id_and_cannot_be_changed(acme: Tenant, staff: User) -> None:
    event = make_event(acme, "e-1")
    make_event(acme, "e-10")
    client = browser(staff)
    found = client.get(f"{EVENTS}?q=e-1").context["cl"].result_list
    assert list(found) == [event]
    since = {"timestamp__gte": "2026-03-11 00:00:00+00:00"}
    assert list(client.get(EVENTS, since).context["cl"].result_list) == []
    assert client.get(f"{EVENTS}{event.pk}/change/").status_code == 200
    assert client.get(f"{EVENTS}add/").status_code == 403
    for verb in ("change", "delete"):
        assert client.post(f"{EVENTS}{event.pk}/{verb}/", {"event_id": "x", "post": "yes"}).status_code == 403
    assert UsageEvent.objects.filter(event_id="e-1").exists()


def test_queries_do_not_grow_with_rows(acme: Tenant, staff: User, django_assert_max_num_queries: Any) -> None:
    client = browser(staff)
    make_event(acme, "first")
    with django_assert_max_num_queries(10) as few:
        client.get(EVENTS)
    for number in range(20):
        make_event(acme, f"e-{number}")
    with django_assert_max_num_queries(len(few)):
        client.get(EVENTS)


def test_a_dead_letter_is_replayed_after_a_question(letter: DeadLetter, acme: Tenant, staff: User) -> None:
    form = {"action": "replay", "_selected_action": [str(letter.pk)]}
    client = browser(staff)
    question = client.post(LETTERS, form).content.decode()
    assert "store the events again. This concerns <strong>1 dead letter</strong>" in question
    assert not UsageEvent.objects.exists()
    response = client.post(LETTERS, {**form, "confirmed": "yes"}, follow=True)
    assert "1 of 1 replayed" in response.content.decode()
    letter.refresh_from_db()
    assert letter.status == "replayed"
    assert UsageEvent.objects.get(tenant=acme).event_id == "e-dead"


def test_who_may_only_view_cannot_replay(letter: DeadLetter) -> None:
    helper = make_user("helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    client = browser(helper)
    assert client.get(LETTERS).status_code == 200
    client.post(LETTERS, {"action": "replay", "_selected_action": [str(letter.pk)]})
    letter.refresh_from_db()
    assert letter.status == "dead"
    assert not UsageEvent.objects.exists()


def test_letters_are_dismissed_after_a_question(letter: DeadLetter, staff: User) -> None:
    form = {"action": "dismiss", "_selected_action": [str(letter.pk)]}
    client = browser(staff)
    assert "Dismiss these letters" in client.post(LETTERS, form).content.decode()
    letter.refresh_from_db()
    assert letter.status == "dead"
    client.post(LETTERS, {**form, "confirmed": "yes"})
    letter.refresh_from_db()
    assert (letter.status, letter.closed_by) == ("dismissed", "user:staff@example.com")
    assert list(client.get(f"{LETTERS}?kind__exact=conflict").context["cl"].result_list) == []


def test_what_was_corrected_is_seen(acme: Tenant, staff: User) -> None:
    make_event(acme, "kept")
    event = make_event(acme, "e-1")
    by = Principal(kind="user", actor="user:x", tenant=acme)
    event_amend(by=by, event_id="e-1", reason="<b>Wrong</b>", changes=CHANGES)
    client = browser(staff)

    def listed(counts: str) -> list[tuple[str, int]]:
        found = client.get(f"{EVENTS}?counts={counts}").context["cl"].result_list
        return sorted((one.event_id, one.revision) for one in found)

    assert listed("yes") == [("e-1", 1), ("kept", 0)]
    assert (listed("no"), listed("amended")) == ([("e-1", 0)], [("e-1", 1)])
    page = client.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert "amend of revision 0 by user:x: &lt;b&gt;Wrong" in page
    correction = Correction.objects.get()
    assert 'alt="True"' in client.get(CORRECTIONS).content.decode()
    Correction.objects.update(actor="user:other")
    assert 'alt="False"' in client.get(CORRECTIONS).content.decode()
    for verb in ("change", "delete"):
        assert client.post(f"{CORRECTIONS}{correction.pk}/{verb}/", {"post": "yes"}).status_code == 403
