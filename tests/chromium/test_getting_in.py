"""Signing in, and the way back in for those who forgot their password."""

import re
from typing import Any, Final

from tests.chromium.driving import sign_in

MEMBER: Final = "member@example.com"
NEW: Final = "a brand new password"


def test_the_form_says_what_is_wrong_and_leads_on_to_what_was_asked_for(opened: Any) -> None:
    page = opened(storage_state=None)
    page.goto("/console/imports?x=1")
    page.get_by_label("E-mail or username").fill("owner@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    assert "do not match" in page.get_by_role("alert").inner_text()
    page.get_by_label("Password").fill("demo12345")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/imports?x=1")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.goto("/console/imports")
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.troubles == []


def test_a_forgotten_password_is_set_anew_by_the_mailed_link(opened: Any, demo: Any) -> None:
    page = opened(storage_state=None)
    page.goto("/console/sign-in")
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("E-mail address").fill(MEMBER)
    page.get_by_role("button", name="Send the link").click()
    page.get_by_role("heading", name="Look into your mail").wait_for()
    link = re.compile(r"^    https?://\S+?(/console/new-password/\S+)$", re.M)
    demo.wait_for(lambda: link.search(demo.log.read_text()), seconds=40)
    page.goto(link.findall(demo.log.read_text())[-1])
    page.get_by_label("Choose a password").fill("password123")
    page.get_by_role("button", name="Set the password").click()
    page.get_by_text("too common").wait_for()
    page.get_by_label("Choose a password").fill(NEW)
    page.get_by_role("button", name="Set the password").click()
    page.get_by_role("heading", name="The new password is set").wait_for()
    sign_in(page, MEMBER, NEW)
    assert page.troubles == []
