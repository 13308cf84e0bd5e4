"""Costs and resources as a person explores them."""

from typing import Any


def test_a_filter_is_asked_in_place_and_points_at_what_is_wrong(opened: Any) -> None:
    page = opened()
    page.goto("/console/resources")
    page.evaluate("window.stayed = true")
    bar = page.get_by_label("Filter", exact=True)
    bar.fill("provider == aws")
    bar.press("Enter")
    page.locator(".pointed").wait_for()
    assert page.locator(".pointed").inner_text() == "provider == aws\n          ↑"
    bar.fill("provider = aws and name = instance-00000")
    bar.press("Enter")
    page.get_by_text("1 resource matches;").wait_for()
    assert page.evaluate("window.stayed && document.activeElement.id") == "filter"
    assert "filter=provider" in page.url


def test_a_view_is_saved_opened_and_deleted(opened: Any) -> None:
    page = opened()
    page.goto("/console/costs?filter=provider+%3D+aws&group_by=region")
    page.get_by_text("Save as a view").click()
    page.get_by_label("Name").fill("Ours")
    page.get_by_role("button", name="Save as new").click()
    page.get_by_role("link", name="Ours").wait_for()
    page.goto("/console/costs")
    page.get_by_role("link", name="Ours").click()
    page.get_by_text("Change or save this view").wait_for()
    assert page.get_by_label("Filter", exact=True).input_value() == "provider = aws"
    assert page.get_by_label("Group by").input_value() == "region"
    page.get_by_text("Change or save this view").click()
    page.get_by_role("button", name="Delete it").click()
    page.get_by_text("The view Ours is deleted.").wait_for()
    assert page.get_by_role("link", name="Ours").count() == 0
    assert page.troubles == []


def test_a_part_is_followed_into_its_own_costs(opened: Any) -> None:
    page = opened()
    page.goto("/console/costs")
    page.get_by_role("link", name="AmazonS3").click()
    assert page.get_by_label("Filter", exact=True).input_value() == 'service_name = "AmazonS3"'
    assert page.locator("tbody th a").all_inner_texts() == ["AmazonS3"]
