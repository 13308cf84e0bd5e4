"""The platform with demo data on one address, and a page of Chromium that is signed in there."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.chromium.driving import WIDE, chromium, chromium_path, sign_in
from tests.servers.onebox import OneBox

Open = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mine = [item for item in items if Path(__file__).parent in item.path.parents]
    if mine and (reason := _missing()):
        for item in mine:
            item.add_marker(pytest.mark.skip(reason=reason))


def _missing() -> str:
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "Playwright is not installed: `make browser` installs it and runs this"
    return "" if chromium_path() else "there is no Chromium here (apt install chromium)"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneBox]:
    box = OneBox(tmp_path_factory.mktemp("demo"))
    try:
        yield box.start()
    finally:
        box.end()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def session(browser: Any, demo: OneBox) -> Any:
    """The cookies of somebody who is signed in; each test signing in anew would meet the limit of that."""
    context = browser.new_context(base_url=demo.base)
    sign_in(context.new_page())
    cookies = context.storage_state()
    context.close()
    return cookies


@pytest.fixture
def opened(browser: Any, demo: OneBox, session: Any) -> Iterator[Open]:
    """A signed-in page; what its console said wrong, and what it asked of others, is in `page.troubles`."""
    with ExitStack() as stack:

        def open_page(**options: Any) -> Any:
            options = {"viewport": WIDE, "base_url": demo.base, "storage_state": session, **options}
            context = browser.new_context(**options)
            stack.callback(context.close)
            page = context.new_page()
            page.troubles = []
            page.on("console", lambda said: page.troubles.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: page.troubles.append(str(error)))
            page.on("request", lambda asked: _note_foreign(page, asked.url, demo.base))
            return page

        yield open_page


def _note_foreign(page: Any, url: str, base: str) -> None:
    if not url.startswith((base, "data:", "blob:")):
        page.troubles.append(f"asks {url}")
