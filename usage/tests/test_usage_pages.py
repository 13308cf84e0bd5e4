"""The usage explorer, and meters, prices and alerts in the console."""

from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
import time_machine
from openpyxl import load_workbook

from accounts.models import Tenant, User
from accounts.principals import SYSTEM
from tests.browser import Page, browser
from tests.builders import make_user
from usage.models import Alert, Meter, PriceRule
from usage.pages.drawing import answer_drawing
from usage.queries.meters import Question, meter_query
from usage.services.meters import meter_create
from usage.tests.bills import NOON, make_rule, make_usage

USAGE = "/console/usage"
MARCH = "first=2026-03-09&last=2026-03-11&zone=UTC"


def figures(response: Any) -> list[Any]:
    return [(f"{start:%d %H:%M}", groups, row.value) for row, start, groups in response.context["rows"]]


@pytest.fixture
def events(acme: Tenant) -> None:
    make_usage(acme, "a", 10)
    make_usage(acme, "b", 5, user_id="ben", timestamp=NOON.replace(day=11))
    make_usage(acme, "c", 1, user_id="ben", service_type="compute")


def test_without_a_question_thirty_days_are_counted(acme: Tenant, viewer: User, events: None) -> None:
    with time_machine.travel(NOON.replace(day=11, hour=13), tick=False):
        response = browser(viewer).get(USAGE)
    assert figures(response) == [("10 00:00", [], 2), ("11 00:00", [], 1)]
    assert len(response.context["drawing"].chart.columns) == 30
    assert Page(response).blocked == []


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("metric=tokens", [("10 00:00", [], 11), ("11 00:00", [], 5)]),
        ("metric=tokens&aggregation=max&window=none", [("09 00:00", [], 10)]),
        (
            "metric=tokens&group_by=user_id&window=none",
            [("09 00:00", ["anna"], 10), ("09 00:00", ["ben"], 6)],
        ),
        ("filter=service_type+%3D+compute", [("10 00:00", [], 1)]),
        ("meter=tokens", [("10 00:00", [], 10), ("11 00:00", [], 5)]),
        ("group_by=metadata.plan&window=none", [("09 00:00", ["(none)"], 3)]),
    ],
)  # fmt: skip
def test_what_is_asked_is_answered(
    acme: Tenant, viewer: User, events: None, query: str, rows: list[Any]
) -> None:
    meter_create(
        by=SYSTEM, tenant=acme, slug="tokens", name="Tokens", aggregation="sum", value="metrics.tokens",
        filter="service_type = llm_service",
    )  # fmt: skip
    assert figures(browser(viewer).get(f"{USAGE}?{MARCH}&{query}")) == rows


def test_days_are_days_of_the_zone_that_is_chosen(acme: Tenant, viewer: User) -> None:
    User.objects.filter(pk=viewer.pk).update(timezone="Asia/Tokyo")
    make_usage(acme, "late", 1, timestamp=NOON.replace(hour=15))  # the 11th in Tokyo
    client = browser(viewer)
    span = "first=2026-03-09&last=2026-03-11"
    assert figures(client.get(f"{USAGE}?{span}")) == [("11 00:00", [], 1)]
    chosen = client.get(f"{USAGE}?{span}&zone=UTC")
    assert figures(chosen) == [("10 00:00", [], 1)]
    assert "Tue 10 Mar 2026</th>" in chosen.content.decode()
    hours = client.get(f"{USAGE}?{span}&zone=UTC&window=hour").content.decode()
    assert "10 Mar 2026, 15:00</th>" in hours


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("filter=service_type+%3D%3D", "filter:"),
        ("group_by=nothing", "group_by:"),
        ("group_by=a,b,c,d", "at most 3 properties"),
        ("last=2026-03-01", "ends before it begins"),
        ("meter=tokens", "Select a valid choice"),
        ("window=minute&first=1990-01-01", "ask for larger ones"),
        ("zone=Mars", "Select a valid choice"),
    ],
)
def test_a_question_that_cannot_be_asked_is_explained(
    acme: Tenant, viewer: User, events: None, query: str, says: str
) -> None:
    response = browser(viewer).get(f"{USAGE}?{MARCH}&{query}")
    assert response.status_code == 400
    assert says in response.content.decode()
    assert "rows" not in response.context


def test_a_picture_adds_up_what_can_be_added(acme: Tenant) -> None:
    for number in range(7):
        make_usage(acme, f"e{number}", number + 1, user_id=f"u{number}")
    meter = Meter(tenant=acme, name="Tokens", value="metrics.tokens", aggregation="sum")
    question = Question(
        NOON.replace(day=10, hour=0), NOON.replace(day=12, hour=0), "day", group_by=(("user_id",),)
    )
    drawing = answer_drawing(meter, question, meter_query(meter=meter, question=question))
    assert not isinstance(drawing, str)
    assert drawing.names == ["u6", "u5", "u4", "u3", "3 others"]
    assert [column.total for column in drawing.chart.columns] == [28, 0]
    meter.aggregation = "avg"
    told = answer_drawing(meter, question, meter_query(meter=meter, question=question))
    assert told == "No picture: the avg of groups does not add up."


def test_all_rows_come_as_files(acme: Tenant, viewer: User, events: None) -> None:
    client = browser(viewer)
    query = f"{MARCH}&metric=tokens&group_by=user_id"
    response: Any = client.get(f"{USAGE}/file.csv?{query}")
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert lines[0] == "start,end,user_id,value,unit"
    assert lines[1].split(",")[2:4] == ["anna", "10"]
    assert len(lines) == 4
    assert 'filename="usage-acme-20260309-20260312.csv"' in response.headers["Content-Disposition"]
    sheet: Any = client.get(f"{USAGE}/file.xlsx?{query}")
    book = load_workbook(BytesIO(b"".join(sheet.streaming_content)))
    assert [[cell.value for cell in row][2:4] for row in book.active][1:] == [
        ["anna", 10],
        ["ben", 1],
        ["ben", 5],
    ]
    assert client.get(f"{USAGE}/file.parquet?{query}").status_code == 404


def test_empty_pages_say_what_to_do(acme: Tenant, viewer: User, owner: User) -> None:
    client = browser(owner)
    assert "Send the first event" in client.get(USAGE).content.decode()
    make_usage(acme, "a", 1)
    assert "Nothing was counted" in client.get(f"{USAGE}?first=2020-01-01&last=2020-01-02").content.decode()
    for noun in ("meter", "price", "alert"):
        assert f"No {noun}s yet" in client.get(f"/console/{noun}s").content.decode()
        assert "Make the first one" in client.get(f"/console/{noun}s").content.decode()
        assert "Make the first one" not in browser(viewer).get(f"/console/{noun}s").content.decode()


METER = {"name": "Tokens", "aggregation": "sum", "value": "metrics.tokens", "is_active": "on"}
PRICE = {
    "service_type": "llm_service", "unit": "tokens", "currency": "EUR", "scheme": "graduated",
    "tiers": "to 1000: 0.10\n0.05\n", "valid_from": "2026-01-01T00:00",
}  # fmt: skip
ALERT = {
    "name": "Spend", "measure": "cost", "operator": ">=", "threshold": "10.50", "currency": "EUR",
    "window_minutes": "60", "cooldown_minutes": "30", "min_points": "1", "is_active": "on",
    "emails": "a@example.com, b@example.com",
}  # fmt: skip


def test_a_meter_is_made_changed_and_deleted(acme: Tenant, member: User) -> None:
    client = browser(member)
    assert (
        client.post("/console/meters/new", {**METER, "slug": "tokens"}).headers["Location"]
        == "/console/meters"
    )
    meter = Meter.objects.get()
    assert (meter.slug, meter.aggregation, meter.is_active) == ("tokens", "sum", True)
    assert "metrics.tokens" in client.get("/console/meters").content.decode()
    path = f"/console/meters/{meter.pk}"
    assert 'name="slug"' not in client.get(path).content.decode()
    client.post(path, {**METER, "slug": "other", "unit": "tok"})
    meter.refresh_from_db()
    assert (meter.slug, meter.unit) == ("tokens", "tok")
    wrong = client.post(path, {**METER, "filter": "service_type =="})
    assert (wrong.status_code, wrong.context["pointer"] is not None) == (400, True)
    twice = client.post("/console/meters/new", {**METER, "slug": "tokens"})
    assert twice.status_code == 409
    assert "already a meter" in twice.content.decode()
    client.post(path, {"do": "delete"})
    assert not Meter.objects.exists()


def test_a_price_is_written_in_lines_and_read_back(acme: Tenant, owner: User) -> None:
    client = browser(owner)
    assert client.post("/console/prices/new", PRICE).headers["Location"] == "/console/prices"
    rule = PriceRule.objects.get()
    assert rule.tiers == [
        {"rate": "0.1", "up_to": "1000", "size": None}, {"rate": "0.05", "up_to": None, "size": None}
    ]  # fmt: skip
    assert (rule.valid_from, rule.valid_until) == (datetime.fromisoformat("2026-01-01T00:00Z"), None)
    path = f"/console/prices/{rule.pk}"
    assert "to 1000: 0.1\n0.05</textarea>" in client.get(path).content.decode()
    client.post(
        path, {**PRICE, "scheme": "package", "tiers": "5 per 1000", "valid_until": "2026-02-01T00:00"}
    )
    rule.refresh_from_db()
    assert rule.tiers == [{"rate": "5", "up_to": None, "size": "1000"}]
    for tiers, says in (
        ("much", "is not a number"), ("1\n2", "exactly one tier"), ("to 5 0.1", "Write each line")
    ):  # fmt: skip
        answer = client.post(path, {**PRICE, "scheme": "per_unit", "tiers": tiers})
        assert answer.status_code == 400
        assert says in answer.content.decode()
    client.post(path, {"do": "delete"})
    rule.refresh_from_db()
    assert not rule.is_active
    assert client.get(path).status_code == 404


def test_an_alert_is_made_handled_and_deleted(acme: Tenant, member: User) -> None:
    client = browser(member)
    client.post("/console/alerts/new", ALERT)
    alert = Alert.objects.get()
    assert (alert.threshold, alert.emails) == (Decimal("10.5"), ["a@example.com", "b@example.com"])
    path = f"/console/alerts/{alert.pk}"
    assert 'value="10.5"' in client.get(path).content.decode()
    Alert.objects.update(status="active")
    assert "Acknowledge" in client.get("/console/alerts").content.decode()
    client.post(path, {"do": "acknowledge"})
    alert.refresh_from_db()
    assert alert.status == "acknowledged"
    assert "Only an active alert" in client.post(path, {"do": "acknowledge"}, follow=True).content.decode()
    client.post(path, {"do": "resolve"})
    alert.refresh_from_db()
    assert alert.status == "resolved"
    wrong = client.post(path, {**ALERT, "window_minutes": "2000"})
    assert (wrong.status_code, "at most a day" in wrong.content.decode()) == (400, True)
    client.post(path, {"do": "delete"})
    assert not Alert.objects.exists()


def test_only_those_who_may_define_and_nobody_for_others(
    acme: Tenant, viewer: User, member: User, stranger: User
) -> None:
    meter = meter_create(by=SYSTEM, tenant=acme, slug="secret-meter", name="Secret")
    rule = make_rule(acme, unit="secret-unit")
    paths = (f"/console/meters/{meter.pk}", f"/console/prices/{rule.pk}", "/console/prices/new")
    for path in (*paths, "/console/meters/new", "/console/alerts/new"):
        assert browser(viewer).post(path, {"do": "delete"}).status_code == 403
    assert browser(member).post(f"/console/prices/{rule.pk}", {"do": "delete"}).status_code == 403
    for path in paths[:2]:
        assert browser(stranger).post(path, {"do": "delete"}).status_code == 404
    for path in ("/console/meters", "/console/prices", USAGE):
        assert "secret" not in browser(stranger).get(path).content.decode()
    rule.refresh_from_db()
    assert (Meter.objects.count(), rule.is_active) == (1, True)


def test_guests_get_no_page_about_usage(acme: Tenant) -> None:
    client = browser(make_user("guest", acme, "guest"))
    for path in (USAGE, f"{USAGE}/file.csv", "/console/meters", "/console/prices", "/console/alerts"):
        assert client.get(path).status_code == 403
