"""A browser without a screen: signed in, and with an eye for what every page of ours must have."""

from collections import Counter
from html.parser import HTMLParser
from typing import Any

from django.test import Client

from accounts.models import User


def browser(user: User | None = None) -> Client:
    """Checks CSRF tokens only where a test asks for it, as Django's client does."""
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


class Page(HTMLParser):
    """Counts elements, collects the title, and names what the content security policy would block."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.title = ""
        self.blocked: list[str] = []
        self._open = ""
        self.feed(response.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self._open = tag
        names = dict(attrs)
        if tag == "style" or (tag == "script" and not names.get("src")):
            self.blocked.append(tag)
        self.blocked += [f"{tag} {name}" for name in names if name == "style" or name.startswith("on")]
        for name in ("src", "href", "action"):
            if (names.get(name) or "").startswith(("http:", "https:", "//", "javascript:")):
                self.blocked.append(f"{tag} {names[name]}")

    def handle_data(self, data: str) -> None:
        if self._open == "title" and not self.elements["svg"]:  # a picture has titles of its own
            self.title += data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""
