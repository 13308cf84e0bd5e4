"""A plan of automation: written by one person, approved by a second, done before the eyes of the first."""

from typing import Any

from tests.chromium.driving import STAFF, sign_in


def write_rule(page: Any) -> None:
    page.goto("/console/automation/new")
    page.get_by_label("Name").fill("Review what is stopped")
    page.get_by_label("Resources", exact=True).fill("state = stopped")
    page.get_by_label("Set the tag").fill("review")
    page.get_by_label("Its value").fill("yes")
    page.get_by_label("At most, in %").fill("100")
    page.get_by_role("button", name="See what it would match").click()
    page.get_by_role("heading", name="What it would match now").wait_for()
    assert page.locator("table tbody tr").count() > 0
    page.get_by_role("button", name="Save the rule").click()
    page.get_by_role("link", name="Review what is stopped").click()
    page.get_by_role("button", name="Plan it now").wait_for()
    page.evaluate("window.stayed = true")
    page.get_by_role("button", name="Plan it now").click()
    page.wait_for_url("**/console/automation/runs/*")


def test_a_plan_is_approved_by_a_second_person_and_the_first_sees_it_done(opened: Any) -> None:
    """The page of the plan took the place of the rule's, which was not live, and is live all the same."""
    first = opened()
    write_rule(first)
    assert "Who wrote the rule or asked for the plan does not approve it." in first.inner_text("main")
    assert first.get_by_role("button", name="Approve it").count() == 0
    first.get_by_text("Live", exact=True).wait_for()

    second = opened(storage_state=None)
    sign_in(second, **STAFF)
    second.goto("/console/tenants?q=demo")
    second.get_by_role("button", name="Demo Cloud GmbH").click()
    second.goto("/console/automation")
    second.locator("[aria-labelledby=waiting]").get_by_role("link", name="Review what is stopped").click()
    assert "state is stopped" in second.inner_text("main")
    second.get_by_role("button", name="Approve it").click()
    second.get_by_text("It happens as it stands here.").wait_for()

    first.locator("#state", has_text="completed").wait_for()
    states = first.locator("[aria-labelledby=targets] td[data-label=State] .tag").all_inner_texts()
    assert set(states) == {"done"}
    assert first.evaluate("window.stayed")
    first.get_by_text("Take it back").first.click()
    first.get_by_role("button", name="Take it back").click()
    first.locator("#state", has_text="completed").wait_for()
    assert "takes back the run" in first.inner_text("main")
    assert first.troubles + second.troubles == []
