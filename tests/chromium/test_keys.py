"""A key made in the console: shown once, copied by its button, used by a real curl, revoked."""

import json
import re
import shlex
import shutil
import subprocess
from typing import Any

import pytest


def curl(command: str) -> tuple[int, Any]:
    """What the command that a person copied answers, when it is pasted into a shell."""
    words = shlex.split(command.replace("\\\n", " "))
    asked = [*words, "--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True)
    body, _, status = said.stdout.rpartition("\n")
    return int(status), json.loads(body)


def copied(page: Any, region: str) -> str:
    place = page.get_by_role("region", name=region)
    place.get_by_role("button").click()
    place.get_by_role("button", name="Copied").wait_for()
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl here")
def test_a_new_key_is_copied_and_used_and_ends_when_it_is_revoked(opened: Any, demo: Any) -> None:
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/console/keys")
    page.get_by_label("Name").fill("Nightly job")
    page.get_by_label("It may").select_option("write")
    page.get_by_role("button", name="Create key").click()
    page.get_by_role("heading", name="Your new key “Nightly job”").wait_for()
    key = copied(page, "The key")
    assert re.fullmatch(r"sky_\w{12}_\w+", key)
    assert page.locator("#key").inner_text() == key
    command = copied(page, "Try it")
    assert f"X-API-Key: {key}" in command

    status, answer = curl(command)
    assert (status, answer["success"]) == (202, True), answer
    page.get_by_role("link", name="I have copied the key").click()
    row = page.get_by_role("row").filter(has_text="Nightly job")
    assert key not in page.content()
    page.goto("/console/events?user=user-1")
    demo.wait_for(lambda: page.reload() and page.get_by_role("cell", name="user-1").count())

    page.goto("/console/keys")
    row.get_by_text("Revoke", exact=False).first.click()
    row.get_by_role("button", name="Revoke key").click()
    page.get_by_text("The key “Nightly job” is revoked.").wait_for()
    demo.wait_for(lambda: curl(command)[0] == 401, seconds=40)
    assert page.troubles == []
