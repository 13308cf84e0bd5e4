"""Recommendations in the console: asked for, counted once, explained, and answered by whoever may."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import pytest
import time_machine
from django.test import Client

from accounts.models import Tenant, User
from accounts.principals import SYSTEM
from inventory.models import RealisedSaving, Recommendation, RecommendationRun
from inventory.queries.recommendations import realised_totals
from inventory.services.recommending import recommendations_compute
from inventory.tests.shops import open_shops, share
from inventory.tests.test_recommending import NOW, billed, stock
from tests.browser import Page, browser
from tests.builders import make_user

URL: Final = "/console/recommendations"
Found = dict[tuple[str, str], Recommendation]


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


@pytest.fixture
def found(acme: Tenant) -> Found:
    """Two idle machines of acme, either of which could be stopped for good or at night."""
    stock(acme, 1, 2)
    billed(acme, 1)
    recommendations_compute(by=SYSTEM, tenant=acme)
    return {(row.native_id, row.rule): row for row in Recommendation.objects.all()}


@pytest.fixture
def person(member: User) -> Client:
    return browser(member)


def shown(response: Any) -> str:
    assert Page(response).blocked == []
    return " ".join(response.content.decode().split())


def listed(response: Any) -> list[tuple[str, str, bool]]:
    return [(one.row.native_id, one.row.rule, one.counts) for one in response.context["rows"]]


def test_an_empty_page_says_what_to_do_and_has_it_computed(person: Client, viewer: User) -> None:
    assert "They have not looked yet" in shown(person.get(URL))
    assert "They have not looked yet" not in shown(browser(viewer).get(URL))
    text = shown(person.post(URL, follow=True))
    assert "They are computed anew." in text or "They are being computed." in text
    assert RecommendationRun.objects.get().actor == "user:member@example.com"
    RecommendationRun.objects.update(state="done")
    assert "0 resources looked at, without costs" in shown(person.get(URL))


def test_savings_on_one_resource_count_once(person: Client, found: Found) -> None:
    page = person.get(URL)
    assert listed(page) == [
        ("i-1", "idle_machine", True), ("i-1", "off_hours", False),
        ("i-2", "idle_machine", True), ("i-2", "off_hours", False),
    ]  # fmt: skip
    counting = [one.row.saving_monthly for one in page.context["rows"] if one.counts]
    (total,) = page.context["totals"]
    assert (counting, total.resources) == ([Decimal(365), Decimal(73)], Decimal(438))
    assert total.gross > total.resources
    text = shown(page)
    assert "<dd>438.00</dd>" in text
    assert text.count("not counted: the same money") == 2
    assert "4 resource" not in text
    assert "2 resources looked at, with costs up to 30 Mar 2026" in text


@pytest.mark.parametrize(
    ("query", "rows", "total"),
    [
        ("rule=off_hours", [("i-1", "off_hours", True), ("i-2", "off_hours", True)], "219.00"),
        ("priority=high", [("i-1", "idle_machine", True)], "365.00"),
        ("least=365", [("i-1", "idle_machine", True)], "365.00"),
        ("filter=resource_id+%3D+i-2&risk=medium", [("i-2", "idle_machine", True)], "73.00"),
        ("status=dismissed", [], None),
    ],
)
def test_what_is_asked_for_is_what_the_totals_are_of(
    person: Client, found: Found, query: str, rows: list[Any], total: str | None
) -> None:
    page = person.get(f"{URL}?{query}")
    assert listed(page) == rows
    assert [f"{one.resources:.2f}" for one in page.context["totals"]] == ([total] if total else [])
    assert ("Nothing matches" in shown(page)) == (not rows)


@pytest.mark.parametrize(
    ("query", "told"),
    [("filter=provider+%3D%3D+x", "provider == x\n          ↑"), ("status=lost", "Select a valid choice")],
)
def test_a_question_that_goes_wrong_is_shown(person: Client, found: Found, query: str, told: str) -> None:
    page = person.get(f"{URL}?{query}")
    assert page.status_code == 400
    assert told in page.content.decode()


def test_long_lists_have_pages_that_keep_the_question(
    person: Client, found: Found, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr("inventory.pages.recommendations.LISTED", 1)
    page = person.get(f"{URL}?risk=medium&page=2")
    assert [name for name, _, _ in listed(page)] == ["i-2"]
    assert "?risk=medium&amp;page=1" in page.content.decode()
    assert f"{page.context['totals'][0].resources:.2f}" == "438.00"
    monkeypatch.setattr("inventory.pages.recommendations.LISTED", 50)
    with django_assert_max_num_queries(22):
        person.get(URL)


def test_one_shows_its_evidence_its_basis_and_other_ways(person: Client, found: Found) -> None:
    row = found["i-1", "off_hours"]
    text = shown(person.get(f"{URL}/{row.pk}"))
    for told in (
        "<dt>Idle hours</dt><dd>84</dd>", "<dt>Cost daily</dt><dd>12</dd>", "by spend by idle hours",
        "not counted in totals", "<h3 class=\"top\">Instead</h3>", "Idle machine</a>", "365.00 USD",
    ):  # fmt: skip
        assert told in text, told
    first = found["i-1", "idle_machine"]
    assert "not counted in totals" not in shown(person.get(f"{URL}/{first.pk}"))


def test_what_is_said_is_kept_and_can_be_taken_back(person: Client, found: Found) -> None:
    row = found["i-1", "idle_machine"]
    url = f"{URL}/{row.pk}"
    said = {"do": "snooze", "reason": "After the sale.", "until": "2026-04-20"}
    assert "It is snoozed now." in shown(person.post(url, said, follow=True))
    row.refresh_from_db()
    assert (row.status, row.snoozed_until) == ("snoozed", datetime(2026, 4, 20, tzinfo=UTC))
    assert (row.status_reason, row.status_by) == ("After the sale.", "user:member@example.com")
    page = person.get(url)
    assert page.context["moves"] == {"snooze", "dismiss", "done", "reopen"}
    assert "After the sale." in shown(page)
    for do, status in (("dismiss", "dismissed"), ("reopen", "open"), ("done", "done")):
        person.post(url, {"do": do, "reason": "So."})
        row.refresh_from_db()
        assert (row.status, row.status_reason) == (status, "So.")
    assert listed(person.get(URL))[0] == ("i-1", "off_hours", True)
    assert listed(person.get(f"{URL}?status=done")) == [("i-1", "idle_machine", False)]
    assert person.get(f"{URL}?status=done").context["totals"] == []


def test_what_was_put_off_is_open_again_from_its_day_on(
    person: Client, member: User, found: Found, clock: Any
) -> None:
    row = found["i-1", "idle_machine"]
    person.post(f"{URL}/{row.pk}", {"do": "snooze", "reason": "Later.", "until": "2026-04-20"})
    assert ("i-1", "idle_machine", True) not in listed(person.get(URL))
    clock.move_to(datetime(2026, 4, 20, tzinfo=UTC))
    person = browser(member)  # the session of March is over
    assert listed(person.get(URL))[0] == ("i-1", "idle_machine", True)
    assert person.get(f"{URL}/{row.pk}").context["moves"] == {"snooze", "dismiss", "done"}


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        ({"do": "dismiss", "reason": ""}, 400, "This field is required."),
        ({"do": "snooze", "reason": "So."}, 400, "366 days"),
        ({"do": "snooze", "reason": "So.", "until": "0001-01-01"}, 400, "366 days"),
        ({"do": "snooze", "reason": "So.", "until": "9999-12-31"}, 400, "366 days"),
        ({"do": "forget", "reason": "So."}, 400, "Because"),
        ({"do": "reopen", "reason": "So."}, 409, "The recommendation is open."),
    ],
)
def test_what_makes_no_sense_is_refused_and_kept_in_the_form(
    person: Client, found: Found, said: dict[str, str], code: int, told: str
) -> None:
    row = found["i-1", "idle_machine"]
    answer = person.post(f"{URL}/{row.pk}", said)
    assert answer.status_code == code
    assert told in shown(answer)
    assert answer.context["form"]["reason"].value() == said["reason"]
    row.refresh_from_db()
    assert row.status == "open"


def test_what_was_saved_stands_beside_what_was_expected(person: Client, acme: Tenant, found: Found) -> None:
    row = found["i-1", "idle_machine"]
    person.post(f"{URL}/{row.pk}", {"do": "done", "reason": "Stopped."})
    assert "are looked at when they are known" in shown(person.get(f"{URL}/{row.pk}"))
    RealisedSaving.objects.create(
        tenant=acme, recommendation=row, done_on=date(2026, 3, 31), days=7, currency="USD", expected=365,
        before=12, after=2, saving_monthly=Decimal("304.17"),
    )  # fmt: skip
    text = shown(person.get(f"{URL}/{row.pk}"))
    assert "7 days after 31 Mar 2026" in text
    assert "<strong>304.17 USD</strong>" in text
    assert person.get(URL).context["realised"] == realised_totals(acme)
    assert "365.00 USD</td>" in shown(person.get(URL))


def test_a_computation_under_way_refuses_another(person: Client, acme: Tenant, found: Found) -> None:
    RecommendationRun.objects.create(tenant=acme, actor="system")
    answer = person.post(URL)
    assert answer.status_code == 409
    assert "Recommendations are being computed." in shown(answer)
    assert len(listed(answer)) == 4


def test_viewers_read_and_strangers_find_nothing(viewer: User, stranger: User, found: Found) -> None:
    row = found["i-1", "idle_machine"]
    reader, other = browser(viewer), browser(stranger)
    text = shown(reader.get(URL)) + shown(reader.get(f"{URL}/{row.pk}"))
    assert "Compute anew" not in text
    assert "Say what becomes of it" not in text
    assert reader.post(URL).status_code == 403
    said = {"do": "done", "reason": "So."}
    assert reader.post(f"{URL}/{row.pk}", said).status_code == 403
    assert other.get(f"{URL}/{row.pk}").status_code == 404
    assert other.post(f"{URL}/{row.pk}", said).status_code == 404
    assert listed(other.get(URL)) == []
    assert set(Recommendation.objects.values_list("status", flat=True)) == {"open"}


def test_guests_see_what_is_about_their_resources(acme: Tenant) -> None:
    shops = open_shops(acme)
    share(shops.web, "guest@example.com", "view")
    guest = browser(make_user("guest", acme, "guest", email_verified=True))
    row, hidden = (Recommendation.objects.get(description=f"on-i-{name}") for name in ("cart", "ops"))
    page = guest.get(URL)
    assert [one.row.description for one in page.context["rows"]] == ["on-i-cart"]
    assert (page.context["run"], page.context["may_write"]) == (None, False)
    assert "on-i-ops" not in shown(page)
    assert guest.get(f"{URL}/{hidden.pk}").status_code == 404
    assert guest.get(f"{URL}/{row.pk}").status_code == 200
    assert guest.post(f"{URL}/{row.pk}", {"do": "done", "reason": "So."}).status_code == 403
