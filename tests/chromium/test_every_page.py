"""What holds on every page of the console, as a browser sees it."""

from typing import Any

import pytest

from tests.chromium.driving import PHONE, WIDE, follow
from tests.console_pages import ONES, PAGES

SERIOUS = {"serious", "critical"}


@pytest.fixture(params=["light", "dark", "phone"])
def page(request: pytest.FixtureRequest, opened: Any) -> Any:
    scheme = "dark" if request.param == "dark" else "light"
    return opened(viewport=PHONE if request.param == "phone" else WIDE, color_scheme=scheme)


def violations(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{page.url}: {one['id']} {[node['target'] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in SERIOUS
    ]


def overflow(page: Any) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return [f"{page.url} is wider than the screen"] if wide else []


def test_pages_are_for_everybody_quiet_and_ask_nobody_else(page: Any) -> None:
    """Without serious findings of axe, errors in the console, calls to other hosts and sideways scrolling."""
    found: list[str] = []
    for path in PAGES:
        page.goto(f"/console{path}")
        found += violations(page) + overflow(page)
    for listed, begins in ONES.values():
        page.goto(f"/console{listed}")
        if follow(page, begins):
            found += violations(page) + overflow(page)
    assert found + page.troubles == []
