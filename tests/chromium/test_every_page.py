"""What holds on every page, as a browser sees it."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.chromium.driving import LOOKS, STAFF, reach, sign_in, visit
from tests.console_pages import BESIDE, DOORS, FORMS, ONES, PAGES

SERIOUS: Final = {"serious", "critical"}
# Redoc writes all operations into one page, with which axe is not done after minutes: two are like the rest.
PARTS: Final = {"/redoc": ".api-content > div:nth-child(n+12):nth-child(-n+13)"}
Look = Callable[..., Any]


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest, opened: Any) -> Look:
    """`look(…)`: a page in one of the looks."""
    return lambda **options: opened(**LOOKS[request.param], **options)


def violations(page: Any, part: str | None = None) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=part).response["violations"]
    return [
        f"{page.url}: {one['id']} {[node['target'] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in SERIOUS
    ]


def overflow(page: Any) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return [f"{page.url} is wider than the screen"] if wide else []


def wrong(page: Any) -> list[str]:
    """What the browser said, but not that a page answers with an error on purpose."""
    return [said for said in page.troubles if "Failed to load resource" not in said]


def at(page: Any, path: str) -> list[str]:
    visit(page, path)
    return violations(page, PARTS.get(path)) + overflow(page)


def test_pages_are_for_everybody_quiet_and_ask_nobody_else(look: Look) -> None:
    """Without serious findings of axe, errors in the console, calls to other hosts and sideways scrolling."""
    page = look()
    found: list[str] = []
    for path in (*PAGES, *FORMS):
        page.goto(f"/console{path}")
        found += violations(page) + overflow(page)
    for steps in ONES.values():
        if reach(page, *steps):
            found += violations(page) + overflow(page)
    assert found + page.troubles == []


def test_doors_are_so_too(look: Look) -> None:
    page = look(storage_state=None)
    assert [told for path in DOORS for told in at(page, path)] + wrong(page) == []


def test_the_api_and_its_documents_are_so_too(look: Look) -> None:
    page = look()
    assert [told for path in BESIDE for told in at(page, path)] + wrong(page) == []


def test_the_back_office_is_so_too(look: Look) -> None:
    """Its index, each list, and the first thing of each."""
    page = look(storage_state=None)
    sign_in(page, **STAFF)
    found = at(page, "/admin/")
    lists = page.locator("#content-main th a").evaluate_all("all => all.map(a => a.pathname)")
    for path in dict.fromkeys(lists):
        found += at(page, path)
        if (first := page.locator("#result_list th a").first).count():
            found += at(page, first.get_attribute("href"))
    assert len(lists) > 20
    assert found + wrong(page) == []
