"""Corrections and letters in the console, by plain forms."""

from typing import Any, Final

import pytest

from accounts.models import Tenant, User
from accounts.wire import encode
from tests.browser import Page, browser
from usage.models import Correction, DeadLetter, UsageEvent
from usage.tests.documents import event as document
from usage.tests.test_event_pages import EVENTS, make_event

LETTERS: Final = "/console/set-aside"
BAD: Final = document(event_id="bad", user_id=None, metrics={"n": 1})


@pytest.fixture
def letter(acme: Tenant) -> DeadLetter:
    return DeadLetter.objects.create(
        tenant=acme,
        kind="rejected",
        entry_id="1",
        event_id="bad",
        payload=encode(BAD).decode(),
        reason="No <user>.",
    )


def text(response: Any) -> str:
    return str(response.content.decode())


def test_an_event_is_amended_and_voided(acme: Tenant, member: User) -> None:
    event = make_event(acme, "a", metrics={"n": 1})
    client = browser(member)
    page = client.get(f"{EVENTS}/{event.pk}")
    assert Page(page).blocked == []
    draft = page.context["draft"].replace('"anna"', '"ben"')
    answer = client.post(f"{EVENTS}/{event.pk}/amend", {"event": draft, "reason": "Wrong user."})
    new = UsageEvent.objects.get(revision=1)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{EVENTS}/{new.pk}")
    assert (new.user_id, new.metrics) == ("ben", {"n": 1})
    assert list(Correction.objects.get().changes) == ["user_id"]
    old = text(client.get(f"{EVENTS}/{event.pk}"))
    assert "by revision 1" in old
    assert "Amend event" not in old
    assert client.post(f"{EVENTS}/{new.pk}/void", {"reason": "A test."}).status_code == 302
    shown = text(client.get(f"{EVENTS}/{new.pk}"))
    assert "voided" in shown
    assert "void of revision 1" in shown
    assert "Void event" not in shown


def test_a_refused_amendment_keeps_what_was_written(acme: Tenant, member: User) -> None:
    event = make_event(acme, "a")
    client = browser(member)
    for draft, status in (("{", 400), ("[]", 400), ('{"user_id": ""}', 400), ('{"user_id": "anna"}', 400)):
        answer = client.post(f"{EVENTS}/{event.pk}/amend", {"event": draft, "reason": "x"})
        assert (answer.status_code, answer.context["draft"]) == (status, draft)
    assert client.post(f"{EVENTS}/{event.pk}/void", {"reason": " "}).status_code == 400
    assert (UsageEvent.objects.get().ended_at, Correction.objects.count()) == (None, 0)


def test_viewers_and_strangers_correct_nothing(
    acme: Tenant, viewer: User, stranger: User, letter: DeadLetter
) -> None:
    event = make_event(acme, "a")
    assert "Correct this event" not in text(browser(viewer).get(f"{EVENTS}/{event.pk}"))
    assert "Mend and replay" not in text(browser(viewer).get(f"{LETTERS}/{letter.pk}"))
    form = {"event": '{"user_id": "x"}', "reason": "x"}
    for user, status in ((viewer, 403), (stranger, 404)):
        for path in (
            f"{EVENTS}/{event.pk}/void",
            f"{EVENTS}/{event.pk}/amend",
            f"{LETTERS}/{letter.pk}",
            f"{LETTERS}/{letter.pk}/dismiss",
        ):
            assert browser(user).post(path, form).status_code == status
    letter.refresh_from_db()
    assert (letter.status, UsageEvent.objects.get().ended_at) == ("dead", None)


def test_a_letter_is_mended_and_replayed(member: User, letter: DeadLetter) -> None:
    client = browser(member)
    assert "No &lt;user&gt;." in text(client.get(LETTERS))
    page = client.get(f"{LETTERS}/{letter.pk}")
    assert Page(page).blocked == []
    draft = page.context["draft"]
    refused = client.post(f"{LETTERS}/{letter.pk}", {"event": draft})
    assert (refused.status_code, refused.context["draft"]) == (400, draft)
    mended = draft.replace('"tenant_id"', '"user_id": "anna", "tenant_id"')
    assert client.post(f"{LETTERS}/{letter.pk}", {"event": mended}).status_code == 302
    assert UsageEvent.objects.get().user_id == "anna"
    assert "Stored in its place" in text(client.get(f"{LETTERS}/{letter.pk}"))
    assert "Nothing is set aside" in text(client.get(LETTERS))
    assert "bad" in text(client.get(f"{LETTERS}?status=replayed"))


def test_a_letter_is_dismissed_with_a_reason(member: User, letter: DeadLetter) -> None:
    client = browser(member)
    assert client.post(f"{LETTERS}/{letter.pk}/dismiss", {"reason": ""}).status_code == 400
    assert client.post(f"{LETTERS}/{letter.pk}/dismiss", {"reason": "A test."}).status_code == 302
    assert client.post(f"{LETTERS}/{letter.pk}/dismiss", {"reason": "Again."}).status_code == 409
    letter.refresh_from_db()
    assert (letter.status, letter.note) == ("dismissed", "A test.")
