"""A real browser: the machine's own Chromium, without a screen."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.console_pages import first_thing

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
# Chromium asks its makers' hosts for this and that at each start, unless it is told not to.
OPTIONS: Final = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
WIDE: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": WIDE, "color_scheme": "light"},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "device_scale_factor": 2},
}
WRITTEN: Final = {"/docs": ".opblock", "/redoc": "redoc h1"}
STAFF: Final = {"account": "admin@example.com", "password": "admin123"}
OWNER: Final = "owner@example.com"
PASSWORD: Final = "demo12345"  # of accounts.demo, which needs the settings to be there


def chromium_path() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of Playwright's. Errors: ImportError without it, RuntimeError without Chromium."""
    from playwright.sync_api import sync_playwright

    path = chromium_path()
    if path is None:
        raise RuntimeError("There is no Chromium here. On Debian and Ubuntu: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


def sign_in(page: Any, account: str = OWNER, password: str = PASSWORD) -> None:
    page.goto("/console/sign-in")
    page.get_by_label("E-mail or username").fill(account)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/console/?$"))


def visit(page: Any, path: str) -> None:
    """Go there, and wait until its scripts have written what they write."""
    page.goto(path, wait_until="networkidle")
    if path in WRITTEN:
        page.locator(WRITTEN[path]).first.wait_for()


def reach(page: Any, listed: str, *steps: str) -> bool:
    """Go to a page of the console and on by links that begin so; whether there are such."""
    page.goto(f"/console{listed}")
    return all(_follow(page, begins) for begins in steps)


def _follow(page: Any, begins: str) -> bool:
    links = page.locator("main a").evaluate_all("all => all.map(a => a.pathname)")
    link = first_thing(links, page.evaluate("location.pathname"), begins)
    if link:
        page.goto(link)
    return link is not None
