"""Files in the console: sent, mapped, looked at, confirmed and undone, and by whom."""

from typing import Any, Final

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Tenant, User
from inventory.models import CostLine, Import, MappingProfile, Resource
from inventory.tests.files import checked, csv_bytes, gzipped, received
from inventory.tests.rows import resource
from inventory.tests.test_importing_costs import on
from tests.browser import Page, browser

URL: Final = "/console/imports"
ODD: Final = csv_bytes([{"When": "10.3.2026", "Priced": "1,5", "vendor": "ovh", "What": "VPS"}])


@pytest.fixture
def person(owner: User) -> Client:
    return browser(owner)


def send(client: Client, content: bytes, kind: str = "costs", name: str = "march.csv") -> Any:
    return client.post(URL, {"file": SimpleUploadedFile(name, content), "kind": kind}, follow=True)


def do(client: Client, verb: str, run: Import | None = None, /, **fields: str) -> Any:
    one = run or Import.objects.get()
    return client.post(f"{URL}/{one.pk}", {"do": verb, **fields}, follow=True)


def shown(response: Any) -> str:
    assert Page(response).blocked == []
    return " ".join(response.content.decode().split())


def test_a_bill_with_a_bad_row_goes_all_the_way_and_back(person: Client) -> None:
    sent = shown(send(person, csv_bytes([on(10, "1.5"), on(11, "x"), on(12, "2")])))
    assert "By the profile focus-1.0" in sent
    assert '<option value="billed_cost" selected>' in sent
    seen = shown(do(person, "map", mode="replace"))
    assert "What is wrong with 1 row" in seen
    assert '<td class="num line" data-label="Line">3</td>' in seen
    assert "Give a decimal number." in seen
    assert "/rejects?tenant_id=acme" in seen
    assert '<th scope="row">USD</th><td class="num">–</td><td class="num">3.50</td>' in seen  # noqa: RUF001
    assert "Let the 2 good rows count" in seen
    assert CostLine.objects.live().count() == 0
    done = shown(do(person, "confirm"))
    assert "march.csv counts now." in done
    assert CostLine.objects.live().count() == 2
    undone = shown(do(person, "undo"))
    assert "What was there before counts again." in undone
    assert "Undo this import" not in undone
    assert CostLine.objects.live().count() == 0


def test_what_is_replaced_is_shown_before_it_is(person: Client) -> None:
    send(person, csv_bytes([on(10, "1.5"), on(11, "4")]))
    do(person, "map", mode="replace")
    do(person, "confirm")
    send(person, csv_bytes([on(10, "2"), on(11, "4")]), name="again.csv")
    seen = shown(do(person, "map", Import.objects.get(file_name="again.csv"), mode="replace"))
    assert '<th scope="row">USD</th><td class="num">5.50</td><td class="num">6.00</td>' in seen
    for name, count in (("New", 0), ("Changed", 1), ("Unchanged", 1), ("Removed", 0), ("Refused", 0)):
        assert f"<dt>{name}</dt><dd>{count}</dd>" in seen
    assert '<td class="num" data-label="Cost now"><span>1.50 USD' in seen


def test_columns_are_named_by_hand_and_kept_as_a_profile(person: Client) -> None:
    asked = shown(send(person, ODD))
    assert "which column is <strong>charge start</strong>, and which is <strong>billed cost</strong>" in asked
    assert "10.3.2026" in asked
    lacking = do(person, "check")
    assert lacking.status_code == 400
    assert "The file has no charge_start, billed_cost." in shown(lacking)
    columns = {"column-0": "charge_start", "column-1": "billed_cost", "column-3": "service_name"}
    settings = {"mode": "replace", "decimal_comma": "on", "currency": "EUR", "profile_name": "ovh"}
    seen = shown(do(person, "map", **columns, **settings))
    assert "The profile ovh is saved." in seen
    assert "<dd>1</dd>" in seen
    assert Import.objects.get().totals == {"EUR": 1.5}
    assert MappingProfile.objects.get().definition["columns"]["billed_cost"] == ["Priced"]
    do(person, "discard")
    assert not Import.objects.exists()
    assert "By the profile ovh" in shown(send(person, ODD))
    assert Import.objects.get().layout["currency"] == "EUR"


def test_a_choice_that_is_taken_back_leaves_the_column_out(person: Client) -> None:
    send(person, csv_bytes([on(10)]))
    place = Import.objects.get().header.index("ServiceCategory")
    do(person, "map", mode="replace", **{f"column-{place}": ""})
    mapping = Import.objects.get().mapping
    assert "service_category" not in mapping
    assert mapping["service_name"] == "ServiceName"  # what the form did not say stays


def test_settings_that_mean_nothing_are_said_and_nothing_is_changed(person: Client) -> None:
    send(person, ODD)
    answer = do(person, "map", mode="replace", currency="euro", **{"column-0": "charge_start"})
    assert answer.status_code == 400
    assert "Give three capital letters such as EUR." in shown(answer)
    assert Import.objects.get().mapping == {"provider": "vendor"}


def test_another_profile_reads_the_file_otherwise(person: Client) -> None:
    send(person, csv_bytes([on(10)]))
    seen = shown(do(person, "profile", profile="plain"))
    assert "By the profile plain" in seen
    assert "there is no profile" in shown(do(person, "profile", profile="none"))


def test_the_same_file_is_recognised(person: Client) -> None:
    send(person, csv_bytes([on(10)]))
    again = send(person, csv_bytes([on(10)]))
    assert "The same file came before." in shown(again)
    assert again.redirect_chain == [(f"{URL}/{Import.objects.get().pk}", 302)]


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [(b"", 400, "The file is empty."), (b"PK\x03\x04", 400, "damaged"), (b"a" * 2000, 413, "larger than")],
)
def test_what_is_no_table_is_refused_where_it_was_sent(
    person: Client, settings: Any, content: bytes, status: int, told: str
) -> None:
    settings.IMPORT_MAX_BYTES = 1000
    answer = send(person, content)
    assert (answer.status_code, Import.objects.count()) == (status, 0)
    assert told in shown(answer)


def test_a_form_without_a_file_says_so(person: Client) -> None:
    answer = person.post(URL, {"kind": "costs"})
    assert answer.status_code == 400
    assert "This field is required." in shown(answer)


def test_resources_are_mapped_and_taken(person: Client) -> None:
    rows = [{**resource(1), "tags": "env=prod"}, {**resource(2), "state": "", "tags": ""}]
    names = ("provider", "resource_id", "resource_type", "region", "state", "tags")
    send(person, csv_bytes([{name: row[name] for name in names} for row in rows]), "resources")
    seen = shown(do(person, "map"))
    assert "Let the 1 good row count" in seen
    do(person, "confirm")
    assert Resource.objects.get().tags == {"env": "prod"}


def test_a_file_that_cannot_be_read_says_why_and_may_be_read_otherwise(acme: Tenant, person: Client) -> None:
    run = received(acme, gzipped(csv_bytes([on(10, str(n)) for n in range(3000)]))[:-9])
    do(person, "check", run)
    seen = shown(person.get(f"{URL}/{run.pk}"))
    assert Import.objects.get().state == "failed"
    assert Import.objects.get().message in seen
    assert "Let " not in seen
    assert "By the profile" in shown(person.get(f"{URL}/{run.pk}?map"))


def test_a_check_under_way_is_watched(acme: Tenant, person: Client) -> None:
    run = received(acme, csv_bytes([on(10)]))
    Import.objects.update(state=Import.State.CHECKING, rows=20_000)
    seen = shown(person.get(f"{URL}/{run.pk}"))
    assert 'hx-trigger="every 1s"' in seen
    assert "20,000 rows so far" in seen
    refused = do(person, "confirm", run)
    assert refused.status_code == 409
    assert 'hx-trigger="every 1s"' in shown(refused)


def test_the_part_that_is_read_is_shown(acme: Tenant, person: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr("inventory.services.imports.CHUNK", 2)
    run = checked(acme, csv_bytes([on(10), on(11), on(12)]))
    Import.objects.update(state=Import.State.CHECKING)
    assert '<progress class="wide" value="100"' in shown(person.get(f"{URL}/{run.pk}"))


def test_what_came_since_the_preview_stops_the_confirmation(acme: Tenant, person: Client) -> None:
    first = checked(acme, csv_bytes([on(10)]))
    second = checked(acme, csv_bytes([on(10), on(11)]))
    do(person, "confirm", first)
    answer = do(person, "confirm", second)
    assert answer.status_code == 409
    assert "Other rows came since the preview" in shown(answer)
    do(person, "check", second)
    assert do(person, "confirm", second).status_code == 200


def test_errors_come_a_page_at_a_time(acme: Tenant, person: Client) -> None:
    run = checked(acme, csv_bytes([on(10, "x") for _ in range(60)]))
    first, second = (shown(person.get(f"{URL}/{run.pk}{page}")) for page in ("", "?errors=2"))
    assert (first.count('data-label="Line"'), second.count('data-label="Line"')) == (50, 10)
    assert "?errors=2#errors" in first
    assert "51 to 60 of 60" in second
    assert "Let " not in first  # no row is good


def test_viewers_look_and_change_nothing(acme: Tenant, viewer: User) -> None:
    run = checked(acme, csv_bytes([on(10)]))
    client = browser(viewer)
    for page in (URL, f"{URL}/{run.pk}", f"{URL}/{run.pk}?map"):
        seen = shown(client.get(page))
        assert "<button" not in seen.partition("<main")[2]
    assert send(client, csv_bytes([on(11)])).status_code == 403
    for verb in ("map", "profile", "check", "confirm", "undo", "discard"):
        assert do(client, verb, run).status_code == 403
    run.refresh_from_db()
    assert (run.state, Import.objects.count()) == ("checked", 1)


def test_strangers_find_nothing(acme: Tenant, stranger: User) -> None:
    run = checked(acme, csv_bytes([on(10)]))
    client = browser(stranger)
    assert client.get(f"{URL}/{run.pk}").status_code == 404
    assert do(client, "confirm", run).status_code == 404
    assert "march" not in shown(client.get(URL))
    run.refresh_from_db()
    assert run.state == "checked"


def test_an_unknown_verb_is_refused(acme: Tenant, person: Client) -> None:
    run = received(acme, csv_bytes([on(10)]))
    assert do(person, "format", run).status_code == 400


def test_the_list_has_pages(acme: Tenant, person: Client) -> None:
    runs = [Import(tenant=acme, kind="costs", origin="file", source="a", file_name=f"n{n}", actor="user:a")
            for n in range(52)]  # fmt: skip
    Import.objects.bulk_create(runs)
    first = person.get(URL)
    assert shown(first).count('data-label="State"') == 50
    older = person.get(f"{URL}?{first.context['page'].following}")
    assert shown(older).count('data-label="State"') == 2
    assert older.context["page"].following == ""
    assert person.get(f"{URL}?before=x").status_code == 400


def test_queries_do_not_grow_with_days_and_errors(
    acme: Tenant, person: Client, django_assert_max_num_queries: Any
) -> None:
    small = checked(acme, csv_bytes([on(10), on(11, "x")]))
    large = checked(acme, csv_bytes([on(day) for day in range(1, 28)] + [on(28, "x")] * 40))
    with django_assert_max_num_queries(16) as few:
        person.get(f"{URL}/{small.pk}")
    with django_assert_max_num_queries(len(few)):
        person.get(f"{URL}/{large.pk}")
