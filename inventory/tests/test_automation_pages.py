"""Automation in the console: a rule is written, tried, planned, approved by a second person, taken back."""

from typing import Any, Final

import pytest
from django.test import Client

from accounts.models import Tenant, User
from accounts.principals import SYSTEM
from inventory.models import AutomationRule, AutomationRun, Budget
from inventory.services.automation_plans import rule_plan
from inventory.tests.automation import FakeProvider, fleet, registered, rule, work
from tests.browser import Page, browser
from tests.builders import make_user

URL: Final = "/console/automation"
FORM: Final = {
    "name": "Nights", "filter": "tag:env = dev", "trigger": "cron", "cron": "0 20 * * 1-5",
    "time_zone": "Europe/Berlin", "power": "stop", "max_targets": "10", "max_percent": "20",
    "requires_approval": "on", "is_enabled": "on", "do": "save",
}  # fmt: skip


@pytest.fixture
def writer(owner: User) -> Client:
    return browser(owner)


@pytest.fixture
def second(acme: Tenant) -> Client:
    return browser(make_user("second", acme, "admin"))


def shown(response: Any) -> str:
    assert Page(response).blocked == []
    return " ".join(response.content.decode().split())


def planned(writer: Client, acme: Tenant) -> tuple[AutomationRun, str]:
    """A plan of the writer's rule for the two machines of dev, and its page."""
    fleet(acme)
    writer.post(f"{URL}/new", FORM)
    answer = writer.post(f"{URL}/{AutomationRule.objects.get().pk}")
    run = AutomationRun.objects.get()
    assert answer.headers["Location"] == f"{URL}/runs/{run.pk}"
    return run, f"{URL}/runs/{run.pk}"


def test_an_empty_page_says_what_rules_are_for(writer: Client, member: User) -> None:
    assert "Make the first one" in shown(writer.get(URL))
    assert "An admin of the tenant can make one." in shown(browser(member).get(URL))


def test_a_rule_is_tried_before_it_is_kept(writer: Client, acme: Tenant) -> None:
    fleet(acme)
    with registered():
        tried = writer.post(f"{URL}/new", {**FORM, "do": "preview"})
        preview = tried.context["preview"]
        assert (preview.matched, preview.fleet, preview.allowed, preview.problem) == (2, 12, 2, "")
        assert "2 of 12 resources; one run may change 2" in shown(tried)
        wide = writer.post(f"{URL}/new", {**FORM, "do": "preview", "filter": "state = running"})
        assert "A plan would be refused: 12 resources of 12 match" in shown(wide)
        wrong = writer.post(f"{URL}/new", {**FORM, "do": "preview", "cron": "soon"})
        assert "A plan would be refused: trigger: give cron as" in shown(wrong)
    assert not AutomationRule.objects.exists()


def test_a_rule_is_made_changed_and_deleted(writer: Client, acme: Tenant) -> None:
    assert "The rule Nights is saved." in shown(writer.post(f"{URL}/new", FORM, follow=True))
    made = AutomationRule.objects.get()
    assert (made.tenant, made.filter, made.actions) == (acme, "tag:env = dev", [{"type": "stop"}])
    assert made.trigger == {"type": "cron", "cron": "0 20 * * 1-5", "time_zone": "Europe/Berlin"}
    assert (made.requires_approval, made.is_enabled, made.created_by) == (
        True, True, "user:owner@example.com",
    )  # fmt: skip
    form = writer.get(f"{URL}/{made.pk}/edit").context["form"]
    assert {name: form[name].value() for name in ("trigger", "cron", "power", "max_percent")} == {
        "trigger": "cron", "cron": "0 20 * * 1-5", "power": "stop", "max_percent": 20,
    }  # fmt: skip
    budget = Budget.objects.create(tenant=acme, name="All", amount=1, currency="EUR")
    changes = {
        **FORM, "trigger": "budget", "budget": str(budget.pk), "percent": "80", "power": "",
        "tag_key": "review", "tag_value": "", "description": "Look.", "priority": "high",
        "emails": "a@example.com b@example.com",
        "is_enabled": "", "requires_approval": "",
    }  # fmt: skip
    writer.post(f"{URL}/{made.pk}/edit", changes)
    made.refresh_from_db()
    assert made.trigger == {"type": "budget", "budget": str(budget.pk), "percent": 80}
    assert made.actions == [
        {"type": "tag", "key": "review", "value": None},
        {"type": "recommend", "description": "Look.", "priority": "high"},
        {"type": "notify", "emails": ["a@example.com", "b@example.com"]},
    ]
    assert (made.is_enabled, made.requires_approval, made.version) == (False, False, 2)
    text = shown(writer.get(URL))
    assert "Take review away, recommend: Look., tell a@example.com, b@example.com" in text
    assert "without approval" in text
    writer.post(f"{URL}/{made.pk}/edit", {"do": "delete"})
    assert not AutomationRule.objects.exists()


def test_what_the_form_has_no_room_for_stays(writer: Client, acme: Tenant) -> None:
    tags = [{"type": "tag", "key": key, "value": "1"} for key in ("a", "b", "c")]
    made = rule(acme, actions=tags, match_criteria={"state": "running"}, rule_type="cleanup")
    writer.post(f"{URL}/{made.pk}/edit", {**FORM, "power": "", "tag_key": "a", "tag_value": "2"})
    made.refresh_from_db()
    assert made.actions == [{**tags[0], "value": "2"}, *tags[1:]]
    assert (made.match_criteria, made.rule_type) == ({"state": "running"}, "cleanup")


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"filter": "tag:env =="}, 400, "tag:env ==\n         ↑"),
        ({"power": ""}, 400, "give a list of 1 to 5"),
        ({"trigger": "level", "minutes": "1"}, 400, "minutes must be a whole number"),
        ({"trigger": "never"}, 400, "Select a valid choice"),
        ({"budget": "01a20350-7606-755f-823f-f79aeaf4c622"}, 400, "Select a valid choice"),
        ({"emails": "nobody"}, 400, "is no e-mail address"),
        ({"max_percent": "0"}, 400, "greater than or equal to 1"),
        ({"name": "Taken"}, 409, "already"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(
    writer: Client, acme: Tenant, changes: dict[str, str], code: int, told: str
) -> None:
    rule(acme, name="Taken")
    answer = writer.post(f"{URL}/new", {**FORM, **changes})
    assert (answer.status_code, AutomationRule.objects.count()) == (code, 1)
    assert told in answer.content.decode()


@pytest.mark.parametrize("word", ["tag", "delete_volumes", "notify"])
def test_words_of_older_clients_are_shown_and_can_be_mended(writer: Client, acme: Tenant, word: str) -> None:
    made = rule(acme, action_type=word)
    assert "can do nothing" in shown(writer.get(URL))
    assert "It can do nothing as it stands: actions:" in shown(writer.get(f"{URL}/{made.pk}"))
    assert writer.get(f"{URL}/{made.pk}/edit").status_code == 200
    writer.post(f"{URL}/{made.pk}/edit", FORM)
    made.refresh_from_db()
    assert made.actions == [{"type": "stop"}]


def test_a_plan_is_approved_by_a_second_person_done_and_taken_back(
    writer: Client, second: Client, acme: Tenant
) -> None:
    with registered() as aws:
        run, page = planned(writer, acme)
        own = writer.get(page)
        assert [(target.native_id, does, target.why) for target, does in own.context["rows"]] == [
            ("i-1", "stop", "tag:env is dev"), ("i-2", "stop", "tag:env is dev"),
        ]  # fmt: skip
        assert "Who wrote the rule or asked for the plan does not approve it." in shown(own)
        assert 'value="approve"' not in shown(own)
        assert "Waiting for approval" in shown(second.get(URL))
        refused = writer.post(page, {"do": "approve", "hash": run.hash})
        assert (refused.status_code, aws.calls) == (403, [])
        other = second.post(page, {"do": "approve", "hash": "another"})
        assert other.status_code == 409
        assert "another one than the one that was looked at" in shown(other)
        approved = second.post(page, {"do": "approve", "hash": run.hash}, follow=True)
        assert "It happens as it stands here." in shown(approved)
        work(run)
        text = shown(writer.get(page))
        assert "2 done, 0 skipped, 0 failed" in text
        assert text.count('<span class="tag good">done</span>') == 2
        taken_back(writer, page, run, aws)


def taken_back(writer: Client, page: str, run: AutomationRun, aws: FakeProvider) -> None:
    answer = writer.post(page, {"do": "undo"})
    undo = AutomationRun.objects.get(undoes=run)
    assert answer.headers["Location"] == f"{URL}/runs/{undo.pk}"
    work(undo)
    assert [what for what, _ in aws.calls] == ["stop", "stop", "start", "start"]
    text = shown(writer.get(page))
    assert f'<dt>Taken back by</dt><dd><a href="{URL}/runs/{undo.pk}">' in text
    assert 'value="undo"' not in text
    assert 'value="undo"' not in shown(writer.get(f"{URL}/runs/{undo.pk}"))
    assert writer.post(page, {"do": "undo"}).status_code == 409


def test_a_plan_is_rejected_with_a_reason(writer: Client, acme: Tenant) -> None:
    with registered() as aws:
        run, page = planned(writer, acme)
        assert "Nothing of it happens." in shown(
            writer.post(page, {"do": "reject", "reason": "Not this week."}, follow=True)
        )
        run.refresh_from_db()
        assert (run.state, run.message, aws.calls) == ("rejected", "Not this week.", [])
        assert writer.post(page, {"do": "reject"}).status_code == 409
        assert writer.post(page, {"do": "forget"}).status_code == 400


def test_a_rule_that_is_off_is_not_planned(writer: Client, acme: Tenant) -> None:
    made = rule(acme, is_enabled=False)
    answer = writer.post(f"{URL}/{made.pk}")
    assert (answer.status_code, AutomationRun.objects.count()) == (409, 0)
    assert "The rule is switched off." in shown(answer)


def test_who_is_no_admin_reads_and_strangers_find_nothing(
    acme: Tenant, member: User, viewer: User, stranger: User
) -> None:
    fleet(acme)
    with registered():
        made = rule(acme)
        run = rule_plan(by=SYSTEM, rule=made)
    one, page, form = f"{URL}/{made.pk}", f"{URL}/runs/{run.pk}", {"do": "approve", "hash": run.hash}
    for user in (member, viewer):
        reader = browser(user)
        for path in (URL, one, page):
            text = shown(reader.get(path))
            assert '<button class="button' not in text.partition("<main")[2]
        refusals = {
            reader.post(one),
            reader.post(page, form),
            reader.get(f"{one}/edit"),
            reader.get(f"{URL}/new"),
        }
        assert {answer.status_code for answer in refusals} == {403}
    other = browser(stranger)
    answers = (
        other.get(one),
        other.post(one),
        other.get(page),
        other.post(page, form),
        other.get(f"{one}/edit"),
    )
    assert {answer.status_code for answer in answers} == {404}
    guest = browser(make_user("guest", acme, "guest", email_verified=True))
    assert {guest.get(path).status_code for path in (URL, one, page)} == {403}
    run.refresh_from_db()
    assert (run.state, AutomationRun.objects.count()) == ("waiting", 1)


def test_queries_do_not_grow(writer: Client, acme: Tenant, django_assert_max_num_queries: Any) -> None:
    fleet(acme)
    with registered():
        runs = [rule_plan(by=SYSTEM, rule=rule(acme, name=f"Nights {n}")) for n in range(5)]
        for path, most in ((URL, 10), (f"{URL}/{runs[0].rule_id}", 13), (f"{URL}/runs/{runs[0].pk}", 15)):
            with django_assert_max_num_queries(most):
                assert writer.get(path).status_code == 200
