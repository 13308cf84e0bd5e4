"""The console leads nobody to a page that is closed to them."""

import re
from typing import Any, Final

import pytest
from django.test import Client

from accounts.models import Membership, Tenant, User
from inventory.tests.shops import open_shops, share
from tests.browser import browser
from tests.builders import make_user
from tests.console_pages import PAGES

LINK: Final = re.compile(r'href="(/console/?[^"#?]*)')


def opened(client: Client, path: str) -> Any:
    return client.get(path.removesuffix("/") or path)


def links_of(client: Client) -> set[str]:
    """All that the pages lead to which open to the person by their address alone."""
    answers = [opened(client, f"/console{path}") for path in PAGES]
    return {link for answer in answers if answer.status_code == 200 for link in LINK.findall(answer.text)}


def shut(client: Client) -> dict[str, int]:
    links = {link: opened(client, link).status_code for link in links_of(client)}
    assert len(links) > 5
    return {link: status for link, status in links.items() if status >= 400}


@pytest.fixture
def guest(acme: Tenant) -> User:
    share(open_shops(acme).web, "guest@example.com", "view")
    return make_user("guest", acme, Membership.Role.GUEST, email_verified=True)


@pytest.mark.parametrize("name", ["guest", "viewer"])
def test_every_link_opens_for_whom_it_is_shown_to(name: str, request: pytest.FixtureRequest) -> None:
    assert shut(browser(request.getfixturevalue(name))) == {}


def test_the_menu_has_what_each_may_open(acme: Tenant, owner: User, guest: User) -> None:
    pages = {"/console/budgets", "/console/builds", "/console/keys", "/console/costs", "/console/folders"}
    assert links_of(browser(guest)) & pages == {"/console/costs", "/console/folders"}
    assert links_of(browser(owner)) & pages == pages
