"""What staff do in the back office: from a figure to the rows behind it, and from there to something done."""

from typing import Any

from tests.chromium.driving import PASSWORD

FAILED = "#result_list tbody tr"


def at_the_office(opened: Any, account: str) -> Any:
    page = opened(storage_state=None)
    page.goto("/admin/")
    page.get_by_label("E-mail or username").fill(account)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()
    return page


def test_failed_builds_are_retried_from_the_figure_on_the_first_page(opened: Any) -> None:
    page = at_the_office(opened, "operator@example.com")
    page.locator(".office .counts").get_by_role("link", name="Builds").click()
    page.get_by_role("textbox", name="Tenant").fill("dev")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**tenant=dev**")
    rows = page.locator(FAILED)
    assert rows.count() == 2
    row = rows.filter(has_text="BUILD-2024-003")
    row.get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option(label="Retry where it failed")
    page.get_by_role("button", name="Go").click()
    page.get_by_text("This concerns 1 build:").wait_for()
    assert page.get_by_role("listitem").filter(has_text="BUILD-2024-003").count() == 1
    page.get_by_role("button", name="Yes, I").click()
    page.get_by_text("Retry these builds: 1 of 1 done.").wait_for()
    assert page.locator(FAILED).count() == 1
    assert page.troubles == []


def test_support_reads_and_takes_a_file_but_is_offered_nothing_else(opened: Any) -> None:
    page = at_the_office(opened, "support@example.com")
    page.goto("/admin/builds/build/?tenant=demo-tenant")
    actions = page.get_by_label("Action:").locator("option").all_inner_texts()
    assert actions[1:] == ["Export as CSV", "Export as XLSX"]
    page.locator(FAILED).get_by_role("checkbox").first.check()
    page.get_by_label("Action:").select_option(label="Export as XLSX")
    with page.expect_download() as taken:
        page.get_by_role("button", name="Go").click()
    assert taken.value.suggested_filename == "build.xlsx"
    assert page.troubles == []
